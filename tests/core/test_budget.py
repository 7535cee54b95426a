"""The budget: what is granted, with what is booked, fits every limit at every instant."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.budget import SITE, budget_of, fit
from daemon.core.curves import combine
from daemon.core.site import EvseSpec, StationSpec
from daemon.core.station import Evse, new_evse
from planner.series import Point, Series
from planner.snapshot import Circuit
from tests.core.bench import START

INSTANTS = [START + timedelta(minutes=15 * i) for i in range(6)]


def series(low: float, high: float) -> st.SearchStrategy[Series]:
    values = st.lists(
        st.floats(min_value=low, max_value=high), min_size=len(INSTANTS), max_size=len(INSTANTS)
    )
    return values.map(
        lambda kw: Series(
            points=tuple(Point(at=t, value=v) for t, v in zip(INSTANTS, kw, strict=True))
        )
    )


def evse(number: int, circuit: str | None, floor_kw: float) -> Evse:
    spec = EvseSpec(connector=number, circuit=circuit, min_kw=4.2)
    made = new_evse(StationSpec(id=f"CP{number}", fallback_kw=0.0), spec)
    made.floor_kw = floor_kw
    return made


@given(
    site_kw=series(0.0, 90.0),
    yard_kw=series(0.0, 60.0),
    row_kw=series(0.0, 40.0),
    wishes=st.lists(
        st.tuples(series(0.0, 22.0), st.sampled_from([None, "yard", "row"])),
        min_size=1,
        max_size=6,
    ),
)
def test_what_is_granted_fits_the_site_and_every_circuit(
    site_kw: Series,
    yard_kw: Series,
    row_kw: Series,
    wishes: list[tuple[Series, str | None]],
) -> None:
    circuits = (
        Circuit(id="yard", limit_kw=yard_kw),
        Circuit(id="row", limit_kw=row_kw, parent="yard"),
    )
    zero = Series.constant(0.0)
    budget = budget_of(site_kw, zero, zero, circuits)
    asked = [(evse(i, circuit, 0.0), wish) for i, (wish, circuit) in enumerate(wishes, 1)]
    grants = fit(budget, asked)
    for limit, room in budget.room.items():
        below = [
            grant
            for (one, _), grant in zip(asked, grants, strict=True)
            if limit in budget.above(one.spec.circuit)
        ]
        for at in INSTANTS:
            assert sum(grant.at(at) for grant in below) <= max(room.at(at), 0.0) + 1e-6
    for (one, wish), grant in zip(asked, grants, strict=True):
        for at in INSTANTS:
            assert grant.at(at) <= wish.at(at) + 1e-9
            assert grant.at(at) == 0 or grant.at(at) >= one.spec.min_kw - 1e-6


def test_the_floor_of_everyone_is_booked_before_the_first_wish_is_heard() -> None:
    zero = Series.constant(0.0)
    budget = budget_of(Series.constant(30.0), zero, zero, ())
    first, second = evse(1, None, 0.0), evse(2, None, 12.0)
    grants = fit(budget, [(first, Series.constant(22.0)), (second, Series.constant(22.0))])
    assert grants[0].at(START) == 18.0
    assert grants[1].at(START) == 12.0


def test_base_load_takes_from_the_site_and_sunshine_adds_to_it() -> None:
    budget = budget_of(Series.constant(50.0), Series.constant(8.0), Series.constant(3.0), ())
    assert combine(max, budget.room[SITE]).at(START) == 45.0
