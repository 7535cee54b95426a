"""One version's side of the vocabulary: what a version folder offers to the connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.ocpp.commands import Answered, Command
from protocol.ocpp.events import Reply, StationEvent
from protocol.ocpp.model import Version

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Pure functions between payloads, valid by their schema, and the neutral vocabulary.

    `calls` names every action that a station may call and we handle. The decoders may raise
    RemoteError, the encoders LocalError. `error_codes` maps each 2.0.1 error code to this version's
    spelling, None where the standard wants the message ignored.
    """

    version: Version
    calls: Mapping[str, Callable[[Payload], StationEvent]]
    reply: Callable[[str, Reply], Payload]
    command: Callable[[Command], tuple[str, Payload]]
    answered: Callable[[Command, Payload], Answered]
    error_codes: Mapping[str, str | None]
