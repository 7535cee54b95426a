"""What is no number of an EVSE is refused where it comes in."""

from __future__ import annotations

import pytest

from protocol.ocpp.errors import RemoteError
from protocol.ocpp.values import MAX_EVSE_ID, evse_id, seq_no


@pytest.mark.parametrize("number", [-1, MAX_EVSE_ID + 1, 10**30, float("inf")])
def test_an_evse_that_no_station_has_is_refused_with_what_was_wanted(number: float) -> None:
    with pytest.raises(RemoteError, match="evseId: wants 0 to 100"):
        evse_id(number, "evseId")


def test_sequence_numbers_go_on_for_years() -> None:
    assert seq_no(2_000_000_000, "seqNo") == 2_000_000_000
