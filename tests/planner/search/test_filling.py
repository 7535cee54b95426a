"""One vehicle's charging in what the others leave."""

from __future__ import annotations

import pytest

from planner.search import state as states
from planner.search.construct import constructed
from planner.search.filling import is_hopeless
from planner.search.search import Search
from planner.snapshot import Snapshot
from tests.planner.search.test_search import KINDS, depot, instance_of

STEPS = 25


def cost_after(snapshot: Snapshot, seed: int) -> float:
    state = constructed(instance_of(snapshot))
    search = Search(state, seed)
    for _ in range(STEPS):
        search.step()
    return state.cost()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_turned_down_before_connectors_are_looked_at_would_be_turned_down_after_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same plans with the early look and without it; and it does turn some down."""
    turned_down = 0
    hopeless = is_hopeless

    def counted(*args: object) -> bool:
        nonlocal turned_down
        found = hopeless(*args)  # type: ignore[arg-type]  # passed on as they come
        turned_down += found
        return found

    for seed in range(2):
        monkeypatch.setattr(states, "is_hopeless", counted)
        cost = cost_after(depot(kind, seed), seed)
        monkeypatch.setattr(states, "is_hopeless", lambda *_: False)
        without = cost_after(depot(kind, seed), seed)
        assert cost == without, f"{kind} seed {seed}"
    if kind in ("tight", "scarce"):
        assert turned_down > 0
