"""Pings are answered by the library before anybody else sees them: here they have an end too."""

from __future__ import annotations

from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode

from daemon.adapters.ocpp.pace import Pace

# A station asks every ten seconds or less often, and what has piled up in a stall comes at once.
CONTROL_FRAMES_PER_S: Final = 20.0
BEHIND_AT_MOST_S: Final = 10.0
SLOWED_AT_MOST_S: Final = 60.0


class PacedConnection(ServerConnection):
    """Aborts a peer that floods us with pings or pongs. A pong is written for each ping, whether it
    is read or not: 50,000 a second were taken, and the memory grew by 10 MiB in each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._control = Pace(
            messages_per_s=CONTROL_FRAMES_PER_S,
            strikes_per_minute=0,
            slowed_at_most_s=SLOWED_AT_MOST_S,
        )

    def process_event(self, event: Any) -> None:
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode in (Opcode.PING, Opcode.PONG):
            behind_s = self._control.message(self.loop.time())
            late = behind_s is None or behind_s > BEHIND_AT_MOST_S
            if late and not self.transport.is_closing():
                self.logger.warning("too many pings or pongs from %s", self.remote_address)
                self.transport.abort()
