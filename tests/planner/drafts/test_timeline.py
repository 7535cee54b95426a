from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from planner.drafts.timeline import timeline
from planner.series import Point, Series
from tests.planner.depots import after, random_depot

DEPOT = random_depot(Random(1), hours=2, connectors=3, fixed_loads=True)


def test_a_step_counts_its_worst_values_and_mean_price() -> None:
    changing = Series(points=(Point(at=after(0), value=10.0), Point(at=after(5), value=40.0)))
    site = replace(
        DEPOT.site,
        import_limit_kw=changing,
        base_load_kw=changing,
        pv_kw=changing,
        import_price_per_kwh=changing,
    )
    line = timeline(replace(DEPOT, site=site))
    assert line.import_limit_kw[:2].tolist() == [10.0, 40.0]
    assert line.base_load_kw[:2].tolist() == [40.0, 40.0]
    assert line.pv_kw[:2].tolist() == [10.0, 40.0]
    assert line.import_price[:2].tolist() == pytest.approx([30.0, 40.0])


def test_a_circuit_holds_the_connectors_of_those_below_it_less_their_fixed_loads() -> None:
    line = timeline(DEPOT)
    limits = {x.name: x for x in line.limits}
    yard, left = limits["circuit yard"], limits["circuit left"]
    assert left.sockets < yard.sockets
    assert limits["site"].sockets == {c.key for c in DEPOT.connectors}
    assert line.fixed_kw == sum(c.load_kw for c in DEPOT.connectors if not c.controllable)


def test_a_span_is_cut_where_steps_begin_and_at_the_horizon() -> None:
    line = timeline(DEPOT)
    assert line.cut(600, 2000) == [(600, 900, 0), (900, 1800, 1), (1800, 2000, 2)]
    assert line.cut(-50, 100) == [(0, 100, 0)]
    assert line.cut(7100, 9000) == [(7100, 7200, 7)]
