"""Whether an MQTT broker lets a client in: a TCP connection alone would prove too little."""

from __future__ import annotations

import asyncio
from typing import Final

DEADLINE_S: Final = 2.0

_ACCEPTED: Final = b"\x20\x02\x00\x00"
_DISCONNECT: Final = b"\xe0\x00"


async def accepts(host: str, port: int, user: str | None, password: str | None) -> bool:
    """True when a clean MQTT 3.1.1 session over plain TCP is accepted within 2 s."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_connect(user, password))
                accepted = await reader.readexactly(len(_ACCEPTED)) == _ACCEPTED
                writer.write(_DISCONNECT)
            finally:
                writer.close()
            await writer.wait_closed()
            return accepted
    except (OSError, asyncio.IncompleteReadError):
        return False


def _connect(user: str | None, password: str | None) -> bytes:
    """CONNECT with a clean session (MQTT 3.1.1, 3.1)."""
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes((4, flags)) + (10).to_bytes(2, "big") + _text("depotd-probe")
    body += b"".join(_text(text) for text in (user, password) if text is not None)
    length, size = b"", len(body)
    while size > 0x7F:
        length, size = length + bytes((size & 0x7F | 0x80,)), size >> 7
    return b"\x10" + length + bytes((size,)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
