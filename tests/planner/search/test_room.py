"""What is booked and given back in a room."""

from __future__ import annotations

import numpy as np
import pytest

from planner.search.construct import constructed
from tests.planner.search.test_search import KINDS, depot, instance_of


@pytest.mark.parametrize("kind", KINDS)
def test_a_room_without_some_bookings_is_afterwards_what_it_was_to_the_last_digit(
    kind: str,
) -> None:
    state = constructed(instance_of(depot(kind, 0)))
    room, given_back = state.room, 0
    for filling in state.fillings:
        if filling is None or not filling.bookings:
            continue
        free_kw, busy = [kw.copy() for kw in room.free_kw], room.busy.copy()
        with room.without(filling.bookings):
            given_back += room.busy != busy
        assert room.busy == busy, kind
        assert all(map(np.array_equal, room.free_kw, free_kw)), kind
    assert given_back > 0, kind
