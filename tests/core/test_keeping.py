"""A restart: what was lent before is booked after, also where the settings have changed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.budget import SITE, booking
from daemon.core.events import StationConnected
from daemon.core.keeping import restore, save_kind, without_memory
from daemon.core.keeps import Keeps, Kind
from daemon.core.rooms import budget_of
from daemon.core.site import EvseSpec, SiteSpec
from daemon.core.standing import electrics_of
from planner.series import Series
from protocol.ocpp.commands import Answered, SetChargingProfile
from protocol.ocpp.events import StatusNotified, TransactionStarted, TransactionUpdated
from protocol.ocpp.model import (
    ConnectorStatus,
    Measurand,
    MeterSample,
    ProfilePurpose,
    Version,
)
from tests.core.bench import Bench, site, tx_profile

TAKEN = ConnectorStatus.OCCUPIED


def keeping_leases(spec: SiteSpec, **changes: object) -> SiteSpec:
    """The same depot with all stations known to keep leases, so that what is lent counts."""
    stations = tuple(
        replace(one, pinned=Keeps.LEASES, **changes)  # type: ignore[arg-type]  # by name
        for one in spec.stations
    )
    return replace(spec, stations=stations)


def status(bench: Bench, station: str, evse_id: int, is_now: ConnectorStatus) -> None:
    bench.call(station, StatusNotified(evse_id=evse_id, status=is_now, at=bench.utc))


def start(bench: Bench, station: str, evse_id: int, transaction: str) -> None:
    began = TransactionStarted(
        evse_id=evse_id,
        transaction_id=transaction,
        id_token="TAG-V01",
        at=bench.utc,
        meter_start_wh=1000.0,
    )
    bench.call(station, began)
    bench.answer_all(station)


def lent(spec: SiteSpec) -> Bench:
    """CP01, whose clock is right, charges V01 with the 22 kW that it was lent."""
    bench = Bench.of(spec)
    bench.connect("CP01")
    start(bench, "CP01", 1, "T1")
    bench.follow({("V01", "CP01"): [22.0] * 40})
    bench.answer_all("CP01")
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.1)
    return bench


def again(bench: Bench, spec: SiteSpec) -> Bench:
    """The next run of the daemon, by these settings, at the same instant."""
    depot = restore(spec, bench.memory())
    after = Bench(depot=depot, utc=bench.utc, monotonic_s=bench.monotonic_s)
    after.sessions, after.saved = bench.sessions, list(bench.saved)
    after.wait(0.0)
    return after


def come(bench: Bench, station: str) -> None:
    """Connects, and tells the time by a clock that is right; nothing is answered yet."""
    bench.sessions += 1
    session = bench.sessions
    bench.apply(StationConnected(station=station, session=session, version=Version.V201))
    status(bench, station, 1, TAKEN)


def bookings_kw(bench: Bench) -> dict[tuple[str, int], float]:
    slack_s = bench.depot.site.slack_s
    return {
        (station.id, evse.spec.connector): booking(
            station, evse, bench.monotonic_s, slack_s
        ).soon_kw
        for station, evse in bench.depot.evses()
    }


def room_kw(bench: Bench) -> float:
    """What all bookings leave below the site's limit."""
    room = budget_of(bench.depot, bench.now)
    for station, evse in bench.depot.evses():
        slack_s = bench.depot.site.slack_s
        room.take(evse, booking(station, evse, bench.monotonic_s, slack_s))
    return room.soon[SITE][0]


@pytest.mark.parametrize("seed", range(12))
def test_a_restart_with_the_same_settings_lowers_no_booking(seed: int) -> None:
    """Declared stations also tell of connectors that no setting names."""
    rng = random.Random(seed)
    spec = keeping_leases(site(2, limit_kw=90.0), fallback_kw=4.2)
    bench = Bench.of(spec)
    for step in range(12):
        name = rng.choice(["CP01", "CP02", "NEW"])
        station = bench.depot.stations.get(name)
        if station is None or not station.online:
            bench.connect(name)
            continue
        match rng.choice(["lose", "start", "start", "status", "charge", "charge", "wait"]):
            case "lose":
                bench.lose(name)
            case "start":
                start(bench, name, rng.randint(1, 3), f"T{step}")
            case "status":
                status(bench, name, rng.randint(1, 3), rng.choice(list(ConnectorStatus)))
            case "charge":
                for evse in station.evses.values():
                    evse.override = "charge_now" if evse.transaction else None
                bench.depot.dirty = True
                bench.live(3)
            case "wait":
                bench.wait(rng.choice([1.0, 30.0, 200.0]))
    before, after = bookings_kw(bench), bookings_kw(again(bench, spec))
    lower = {key: (kw, after.get(key)) for key, kw in before.items() if after.get(key, 0.0) < kw}
    assert not lower, f"seed {seed}: kW before and after {lower}"


def test_a_station_whose_connectors_no_setting_names_stays_booked_over_a_restart() -> None:
    spec = keeping_leases(site(1), evses=())
    bench = Bench.of(spec)
    bench.connect("CP01")
    start(bench, "CP01", 1, "T1")
    bench.depot.stations["CP01"].evses[1].override = "charge_now"
    bench.depot.dirty = True
    bench.live(2)
    assert bench.booked_kw("CP01") > 21.0
    assert bookings_kw(again(bench, spec)) == {("CP01", 1): pytest.approx(22.0, abs=0.1)}


def test_a_connector_that_left_the_settings_while_it_charged_stays_booked() -> None:
    spec = keeping_leases(site(1))
    bench = lent(spec)
    after = again(bench, keeping_leases(spec, evses=(EvseSpec(connector=2),)))
    assert room_kw(after) < 30.0 - 21.0


def test_a_transaction_of_a_station_that_left_the_settings_is_taken_over_as_it_comes_back() -> None:
    spec = keeping_leases(site(2))
    bench = lent(spec)
    after = again(bench, replace(spec, stations=spec.stations[1:]))
    after.connect("CP01")
    register = MeterSample(measurand=Measurand.ENERGY_IMPORT_REGISTER, value=5000.0, at=after.utc)
    event = TransactionUpdated(transaction_id="T1", at=after.utc, evse_id=1, samples=(register,))
    after.call("CP01", event)
    assert after.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert after.booked_kw("CP01") > 21.0


def test_an_unproven_station_comes_back_after_our_restart_booked_at_its_maximum() -> None:
    """Offline it was, and it may have lost its fallback with the link, as after any other drop."""
    spec = site(1)
    spec = replace(spec, stations=(replace(spec.stations[0], fallback_kw=4.2),))
    bench = Bench.of(spec)
    bench.connect("CP01")
    start(bench, "CP01", 1, "T1")
    after = again(bench, spec)
    assert after.booked_kw("CP01") == 22.0
    come(after, "CP01")
    assert after.booked_kw("CP01") == 22.0


def test_undeclared_evses_fall_back_after_a_restart_to_what_they_did_before() -> None:
    spec = replace(site(1), default_fallback_kw=6.0)
    bench = Bench.of(spec)
    bench.connect("NEW")
    for number in (1, 2):
        start(bench, "NEW", number, f"T{number}")
    evses = again(bench, spec).depot.stations["NEW"].evses
    assert [evse.fallback_kw for evse in evses.values()] == [6.0, 0.0]


def test_a_site_that_is_armed_no_longer_leaves_strangers_no_fallback() -> None:
    spec = replace(site(1), default_fallback_kw=6.0)
    bench = Bench.of(spec)
    bench.connect("NEW")
    start(bench, "NEW", 1, "T1")
    after = again(bench, replace(spec, base_load_kw=Series.constant(99.0)))
    assert after.depot.unarmed
    assert after.depot.stations["NEW"].evses[1].fallback_kw == 0.0


def test_a_lease_that_ran_out_over_a_restart_is_booked_at_the_fallback_it_ends_in() -> None:
    """Its profile ends in the fallback of then, whatever the default says now: at a site that is
    armed no longer, say, which leaves nobody any."""
    spec = keeping_leases(site(1), fallback_kw=11.0)
    bench = lent(spec)
    after = again(bench, replace(spec, base_load_kw=Series.constant(99.0)))
    assert after.depot.unarmed
    after.wait(200.0)
    come(after, "CP01")
    after.live(20)
    told = [send for send in after.sent if tx_profile(send.command) is not None]
    assert told or after.booked_kw("CP01") > 10.0


def test_a_lease_longer_than_those_of_this_run_is_booked_to_its_end() -> None:
    spec = keeping_leases(replace(site(1), lease_s=600.0))
    bench = lent(spec)
    after = again(bench, replace(spec, lease_s=90.0))
    after.wait(200.0)
    come(after, "CP01")
    assert after.booked_kw("CP01") > 21.0


def test_an_unproven_station_rated_lower_than_it_was_stays_booked_at_what_it_was_lent() -> None:
    """Its lease was given by the old rating, and goes on where nobody can reach it."""
    spec = site(1)
    bench = lent(spec)
    lower = replace(spec.stations[0], evses=(EvseSpec(connector=1, max_kw=11.0),))
    after = again(bench, replace(spec, stations=(lower,)))
    assert after.booked_kw("CP01") > 21.0
    come(after, "CP01")
    assert after.booked_kw("CP01") > 21.0


def test_a_connector_that_is_free_ends_nothing_at_another_after_a_restart_either() -> None:
    """CCS and CHAdeMO of one EVSE: V01 stands at the second one."""
    spec = keeping_leases(site(1))
    bench = lent(spec)
    for number, told in ((2, TAKEN), (1, ConnectorStatus.AVAILABLE)):
        bench.call(
            "CP01", StatusNotified(evse_id=1, connector_id=number, status=told, at=bench.utc)
        )
    after = again(bench, spec)
    come(after, "CP01")
    free = StatusNotified(evse_id=1, connector_id=1, status=ConnectorStatus.AVAILABLE, at=after.utc)
    after.call("CP01", free)
    assert after.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert after.booked_kw("CP01") > 21.0


def test_what_stations_without_a_model_have_shown_is_nobodys_class_after_a_restart() -> None:
    """Such a station has shown something in silence, and has told neither vendor nor model."""
    spec = site(1)
    bench = Bench.of(spec)
    bench.connect("CP01")
    saved = save_kind(bench.depot.stations["CP01"].kind, Kind(keeps=Keeps.LEASES))
    bench.saved.append(saved.record)
    assert again(bench, spec).depot.stations["CP01"].keeps is None


def test_strangers_are_left_no_fallback_by_settings_that_have_no_room_for_it() -> None:
    bench = Bench.of(site(0, limit_kw=30.0, default_fallback_kw=11.0))
    for name in ("X", "Y"):
        bench.connect(name)
        status(bench, name, 1, ConnectorStatus.AVAILABLE)
        bench.answer_all(name)
    after = again(bench, site(0, limit_kw=15.0, default_fallback_kw=11.0))
    assert [evse.fallback_kw for _, evse in after.depot.evses()] == [11.0, 0.0]
    assert bookings_kw(after)["Y", 1] >= 11.0  # until it has taken another
    assert [a.station for a in after.depot.alerts if a.kind == "no_room_for_station"] == ["Y"]


def test_where_memory_is_lost_a_known_class_ends_no_booking() -> None:
    """What it was lent then may have had no end."""
    bench = Bench(depot=without_memory(keeping_leases(site(1)), "the store was spoilt"))
    bench.wait(1)
    bench.wait(200)
    come(bench, "CP01")
    assert bench.booked_kw("CP01") == 22.0


def test_a_fallback_that_is_lowered_frees_its_power_when_its_vehicle_has_followed() -> None:
    """A vehicle came to CP01 while no daemon ran, and charges with the fallback of the last run,
    6 kW. CP01 takes the new one, 0 kW, and its vehicle follows within 10 s: CP02, lent 12 kW at
    once, and those 6 kW were 18 below a limit of 12."""
    spec = keeping_leases(site(2, limit_kw=12.0), fallback_kw=6.0)
    bench = Bench.of(spec)
    bench.connect("CP01")
    after = again(bench, keeping_leases(spec, fallback_kw=0.0))
    after.connect("CP02")
    after.plug_in("CP02", "V02")
    after.depot.stations["CP02"].evses[1].override = "charge_now"
    after.live(20)
    after.connect("CP01")
    taken_s = after.monotonic_s
    start(after, "CP01", 1, "T1")
    while after.monotonic_s < taken_s + after.depot.site.settle_s:
        after.answer_all("CP02")
        assert after.follows_kw("CP02") <= 6.0
        after.wait(1.0)
    after.live(2)
    assert after.follows_kw("CP02") == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize("again_before", [False, True])
def test_a_fallback_that_is_raised_waits_for_the_room_that_others_were_lent(
    again_before: bool,
) -> None:
    """CP02 was lent all of a limit of 22 kW by settings that left CP01 nothing to fall back to.
    By those of now that is 6 kW: told at once, they were 28 below 22 until CP02 is back."""
    spec = keeping_leases(site(2, limit_kw=22.0), fallback_kw=0.0)
    bench = Bench.of(spec)
    bench.connect("CP01")
    bench.connect("CP02")
    bench.plug_in("CP02", "V02")
    bench.follow({("V02", "CP02"): [22.0] * 40})
    bench.live(2)
    assert bench.follows_kw("CP02") == pytest.approx(22.0, abs=0.1)
    first, second = spec.stations
    spec = replace(spec, stations=(replace(first, fallback_kw=6.0), second))
    after = again(bench, spec)
    if again_before:
        after.connect("CP01")
        after = again(after, spec)
    after.connect("CP01")
    start(after, "CP01", 1, "T1")
    assert after.booked_kw("CP01") == pytest.approx(6.0)
    assert fallbacks_kw(after, "CP01") == {0.0}
    after.connect("CP02")
    while after.booked_kw("CP02") > 16.0:
        assert fallbacks_kw(after, "CP01") == {0.0}
        after.live(1)
    after.live(2)
    assert max(fallbacks_kw(after, "CP01")) == pytest.approx(6.0, abs=0.1)


def fallbacks_kw(bench: Bench, station: str) -> set[float]:
    """What it was told to fall back to by this run."""
    evse = bench.depot.stations[station].evses[1]
    electrics = electrics_of(bench.depot, bench.depot.stations[station], evse.spec)
    return {
        electrics.read_kw(send.command.profile.periods[-1])
        for send in bench.sent
        if send.station == station
        and isinstance(send.command, SetChargingProfile)
        and send.command.profile.purpose is ProfilePurpose.TX_DEFAULT
    }


@pytest.mark.parametrize("restarts", [True, False])
def test_a_meter_that_could_not_speak_is_still_a_witness(restarts: bool) -> None:
    """CP01 comes back with the 22 kW that it was lent, and accepts 8 kW. Its meter speaks once a
    minute and nothing else shows whether it follows: where it ignores that, CP02 was lent 22 kW
    beside it 10 s later, 44 kW below a limit of 30."""
    spec = site(2, limit_kw=30.0)
    spec = replace(spec, stations=tuple(replace(s, pinned=Keeps.FALLBACK) for s in spec.stations))
    bench = lent(spec)
    tell_power(bench, 22.0)
    bench.lose("CP01")
    bench.wait(200.0)
    bench = again(bench, spec) if restarts else bench
    bench.connect("CP02")
    bench.plug_in("CP02", "V02")
    bench.depot.stations["CP02"].evses[1].override = "charge_now"
    bench.follow({("V01", "CP01"): [8.0] * 40})
    bench.live(2)
    bench.connect("CP01")
    assert bench.follows_kw("CP01") == pytest.approx(8.0, abs=0.1)
    bench.live(12)
    assert bench.follows_kw("CP02") < 8.1
    tell_power(bench, 8.0)
    bench.live(2)
    assert bench.follows_kw("CP02") > 21.0


def tell_power(bench: Bench, kw: float) -> None:
    power = MeterSample(measurand=Measurand.POWER_IMPORT, value=kw * 1000, at=bench.utc)
    bench.call("CP01", TransactionUpdated(transaction_id="T1", at=bench.utc, samples=(power,)))


def test_a_lease_given_before_our_clock_was_set_back_over_a_restart_is_booked_to_its_end() -> None:
    """The machine came back without its clock, an hour behind. CP01 takes that time, so keeps its
    lease of 22 kW for an hour, and refuses other powers: CP02 was lent 22 kW beside it, 44 below a
    limit of 30."""
    spec = keeping_leases(site(2))
    bench = lent(spec)
    bench.utc -= timedelta(hours=1)
    after = again(bench, spec)
    come(after, "CP01")
    for _ in range(20):
        after.wait(10.0)
        while (send := after.pending("CP01")) is not None:
            refused = tx_profile(send.command) is not None
            after.answer(send, Answered(status="Rejected") if refused else None)
        status(after, "CP01", 1, TAKEN)
    assert after.depot.stations["CP01"].keeps_leases
    assert after.booked_kw("CP01") > 21.0
