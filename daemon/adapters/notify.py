"""Telling systemd how we are: the protocol of sd_notify(3), by the standard library."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """One datagram for each message; without an address every method does nothing.

    Raises OSError where systemd's socket cannot be reached.
    """

    def __init__(self, environment: Mapping[str, str], pid: int | None = None) -> None:
        """`environment`: NOTIFY_SOCKET, and WATCHDOG_USEC with WATCHDOG_PID (sd_watchdog_enabled).

        `pid` is our own where it is not given.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with @ for the zero byte that its name begins with.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        own_pid = str(os.getpid() if pid is None else pid)
        ours = environment.get("WATCHDOG_PID", own_pid) == own_pid
        timeout_us = int(environment.get("WATCHDOG_USEC", "0")) if ours and address else 0
        # The time between two `watchdog()` that keeps systemd from killing us; None: not watched.
        self.watchdog_s = timeout_us / 1e6 if timeout_us > 0 else None

    def ready(self, status: str = "") -> None:
        self._send("READY=1", *_status(status))

    def reloading(self) -> None:
        """Type=notify-reload wants it at the start of a reload, and `ready` at its end."""
        # systemd compares it with its own CLOCK_MONOTONIC, which is Python's clock on Linux.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(*_status(text))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # A full queue must not stop the daemon for longer than systemd takes to read it.
            sender.settimeout(1.0)
            sender.connect(self._address)
            sender.send("\n".join(lines).encode())


def _status(text: str) -> tuple[str, ...]:
    """A newline would begin another field."""
    return ("STATUS=" + " ".join(text.split()),) if text else ()
