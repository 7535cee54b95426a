"""What the kernel is told of a station's socket, so that it finds out who is gone."""

from __future__ import annotations

import socket

from websockets.asyncio.server import ServerConnection

# A peer that is gone is found within a minute: a ping goes out within 15 s of its going.
DEAD_PEER_MS = 40_000
# For a peer that does not read it would hold up to 4 MiB before a send waits.
SEND_BUFFER_BYTES = 16 * 1024
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_PROBES = 15, 10, 3


def watch_peer(socket_: ServerConnection) -> None:
    """The kernel ends a connection whose peer is gone, also one that never answers a ping, and a
    send waits soon for one that does not read."""
    raw: socket.socket = socket_.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
        (socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_S),
        (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
        (socket.TCP_USER_TIMEOUT, DEAD_PEER_MS),
    ):
        raw.setsockopt(socket.IPPROTO_TCP, option, value)
