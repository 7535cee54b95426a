"""Where a server of ours listens: whether others reach it, and whether the address is free."""

from __future__ import annotations

import errno
import ipaddress
import socket


def is_loopback(host: str) -> bool:
    """Whether the address to listen on is reached from this machine only. Names other than
    `localhost` are taken to be outside: what they resolve to may change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there. Raises OSError for an address that is none of ours."""
    try:
        _bound(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def free_port(host: str) -> int:
    with _bound(host, 0) as probe:
        port: int = probe.getsockname()[1]
        return port


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
