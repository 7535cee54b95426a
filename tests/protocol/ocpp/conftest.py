"""A connection of each version, with ids that can be foretold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from protocol.ocpp.connection import Connection
from protocol.ocpp.framing import Limits
from protocol.ocpp.model import Version

MakeConnection = Callable[..., Connection]


@pytest.fixture
def connect() -> MakeConnection:
    """connect(version, limits=..., call_timeout_s=...): our calls are `ours-1`, `ours-2`, ..."""

    def make(
        version: Version, *, limits: Limits | None = None, call_timeout_s: float = 30.0
    ) -> Connection:
        numbers = count(1)
        return Connection(
            version,
            new_id=lambda: f"ours-{next(numbers)}",
            limits=limits,
            call_timeout_s=call_timeout_s,
        )

    return make
