"""An order counts where it must have been kept, not only where it was."""

from __future__ import annotations

from unittest.mock import patch

from daemon.core import operator
from daemon.core.keeping import save_override
from simulation.soak.run import run
from simulation.soak.scenario import ORDERED, Setup

ORDERS = Setup(
    seed=1,
    hours=0.4,
    stations=6,
    faults=frozenset({"limit", "kill", "planner-wild"}),
    rate=30.0,
    pinned=True,
    to_breach=True,
)


def test_an_order_that_is_never_kept_breaks_it_after_a_restart() -> None:
    with patch.object(operator, "save_override", lambda override: save_override(None)):
        broken = run(ORDERS)
    assert any(line.over_s for line in broken.lines if line.name.startswith(ORDERED))
    assert run(ORDERS).holds
