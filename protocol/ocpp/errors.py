"""Who must act: LocalError is our bug, RemoteError their violation."""

from __future__ import annotations


class OcppError(Exception):
    """Either of the two below."""


class LocalError(OcppError):
    """We asked for something that may not be sent; nothing was sent."""


class RemoteError(OcppError):
    """A station broke the protocol.

    `code` is the CALLERROR code in 2.0.1 spelling (part 4, CALLERROR), which each version's dialect
    translates. `call_id` is where the answer belongs, "-1" where the frame's own id could not be
    read, None where no answer may be sent, because answers are never answered.
    """

    def __init__(self, code: str, description: str, *, call_id: str | None = "-1") -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.call_id = call_id


class FrameTooLargeError(OcppError):
    """A frame of more bytes than the limit, not looked at any further."""
