"""The budget: what is granted, with what is booked, fits every limit, as a whole and by phase."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.core.budget import SITE, Booking, Budget, fit, granted
from daemon.core.instant import Now
from daemon.core.keeps import Keeps
from daemon.core.phases import draw, of_limit
from daemon.core.profiles import Electrics
from daemon.core.site import EvseSpec, StationSpec
from daemon.core.station import Evse, Station, new_station
from protocol.ocpp.model import RateUnit

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

VOLTAGE_V = 230.0
PARENTS = {"yard": None, "row": "yard"}


def told(station: Station, evse: Evse, kw: float) -> float:
    unit = station.capabilities.unit
    return Electrics(spec=evse.spec, unit=unit, voltage_v=VOLTAGE_V).told_kw(kw)


def budget(site_kw: float, yard_kw: float, row_kw: float, phases: int = 3) -> Budget:
    limits = {SITE: site_kw, "yard": yard_kw, "row": row_kw}
    room = {name: of_limit(kw, phases) for name, kw in limits.items()}
    return Budget(soon=dict(room), later=dict(room), parents=PARENTS)


@st.composite
def stations(draw_: st.DrawFn) -> tuple[Station, Evse]:
    phases = draw_(st.sampled_from([0, 1, 2, 3]))
    rotation = draw_(st.one_of(st.none(), st.permutations([1, 2, 3]).map(tuple)))
    spec = EvseSpec(
        connector=1,
        circuit=draw_(st.sampled_from([None, "yard", "row"])),
        min_kw=0.0,
        max_kw=draw_(st.sampled_from([3.7, 7.4, 11.0, 22.0, 50.0])),
        phases=phases,
        rotation=rotation,
    )
    fallback_kw = draw_(st.sampled_from([0.0, 1.4, 4.2, 8.0]))
    name = draw_(st.uuids()).hex
    station = new_station(StationSpec(id=name, fallback_kw=fallback_kw, evses=(spec,)))
    station.capabilities.unit = draw_(st.sampled_from(list(RateUnit)))
    station.keeps = draw_(st.sampled_from([None, *Keeps]))
    evse = station.evses[1]
    if draw_(st.booleans()):
        evse.phases_used = draw_(st.sampled_from([frozenset({1}), frozenset({1, 2, 3})]))
    return station, evse


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limits=st.tuples(*[st.floats(min_value=0.0, max_value=120.0)] * 3),
    listed=st.lists(st.tuples(stations(), st.floats(min_value=0.0, max_value=60.0)), max_size=6),
)
def test_fault_16_what_is_granted_fits_every_limit_and_phase_after_rounding(
    limits: tuple[float, float, float], listed: list[tuple[tuple[Station, Evse], float]]
) -> None:
    """Fault 16: limits between 0 and 6 A. None is told, none is rounded up, and the sums hold."""
    room = budget(*limits)
    wishes = [(station, evse, kw) for (station, evse), kw in listed]
    floors = room.copy()
    for station, evse, _ in wishes:
        floors.take(evse, granted(station, evse, 0.0))
    grants = fit(room, wishes, told)
    left = room.copy()
    for (station, evse, wish), kw in zip(wishes, grants, strict=True):
        assert kw <= wish + 1e-9
        left.take(evse, granted(station, evse, kw))
        amperes = kw * 1000 / VOLTAGE_V / (evse.spec.phases or 3)
        assert kw == 0 or evse.spec.phases == 0 or amperes >= 6 - 1e-6
    for name, parts in left.soon.items():
        # Floors that exceed a limit by themselves are not the grants' fault.
        for part, floor in zip(parts, floors.soon[name], strict=True):
            assert part >= min(floor, 0.0) - 1e-6


def test_the_floor_of_everyone_is_booked_before_the_first_wish_is_heard() -> None:
    room = budget(30.0, 100.0, 100.0)
    first = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(EvseSpec(connector=1),)))
    second = new_station(StationSpec(id="B", fallback_kw=12.0, evses=(EvseSpec(connector=1),)))
    wishes = [(first, first.evses[1], 22.0), (second, second.evses[1], 22.0)]
    assert fit(room, wishes, lambda _, __, kw: kw) == [18.0, 12.0]


def test_fault_15_a_single_phase_is_booked_on_all_until_it_is_known() -> None:
    """Fault 15: a single-phase vehicle on an unknown phase."""
    spec = EvseSpec(connector=1, max_kw=7.4, phases=1)
    evse = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(spec,))).evses[1]
    assert draw(evse, 7.0) == (7.0, 7.0, 7.0, 7.0)
    wired = EvseSpec(connector=1, max_kw=7.4, phases=1, rotation=(2, 3, 1))
    evse = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(wired,))).evses[1]
    assert draw(evse, 7.0) == (7.0, 0.0, 7.0, 0.0)


def test_fault_17_watts_are_booked_at_the_worst_phase() -> None:
    """Fault 17: 7 kW told as a sum may be taken from one phase; told as amperes they may not."""
    station = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(EvseSpec(connector=1),)))
    evse = station.evses[1]
    assert draw(evse, 6.9) == pytest.approx((6.9, 2.3, 2.3, 2.3))
    station.capabilities.unit = RateUnit.WATTS
    assert draw(evse, 6.9) == pytest.approx((6.9, 6.9, 6.9, 6.9))
    assert draw(evse, 22.0)[1] == pytest.approx(22.0 / 3), "no phase carries more than its wire"
    evse.phases_used = frozenset({1, 2, 3})
    assert draw(evse, 6.9) == pytest.approx((6.9, 2.3, 2.3, 2.3))


def test_what_has_no_end_has_to_fit_when_we_are_silent_too() -> None:
    room = budget(40.0, 100.0, 100.0)
    room.later[SITE] = of_limit(15.0, 3)
    station = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(EvseSpec(connector=1),)))
    evse = station.evses[1]
    assert fit(room, [(station, evse, 22.0)], lambda _, __, kw: kw) == [15.0]
    station.keeps = Keeps.LEASES
    station.clock.heard(NOON, Now(utc=NOON, monotonic_s=0.0))
    assert fit(room, [(station, evse, 22.0)], lambda _, __, kw: kw) == [22.0]
    assert granted(station, evse, 22.0) == Booking(22.0, 0.0)
