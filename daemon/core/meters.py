"""Meter values: what an EVSE and its vehicle have really taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from daemon.core.depot import Depot
from daemon.core.device_clock import believed, is_past, plausible
from daemon.core.effects import Effect, Note, Save
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, tell_vehicle
from daemon.core.obedience import judge, judge_power
from daemon.core.phases import learn
from daemon.core.records import MeterRecord
from daemon.core.silence import judge_silence
from daemon.core.site_metering import explain
from daemon.core.station import Evse, Reading, Station
from daemon.core.word import hear
from protocol.ocpp.model import Measurand, MeterSample

# A register cannot run faster than the largest charger in the field (3.75 MW) for an hour.
PLAUSIBLE_KWH = 3750.0
# Nor show more than such a one would have in a century: what is added to numbers beyond is lost in
# them, or no number at all.
MOST_W = PLAUSIBLE_KWH * 1000
MOST_WH = MOST_W * 24 * 365 * 100
# What a station may lag behind in its register, or tell of a moment before.
SLACK_KWH = 1.0
DOUBTS = {
    "time": "meter_time_wrong",
    "register": "meter_register_jumped",
    "power": "meter_power_wrong",
}
# What a van drives in a quarter of an hour: below it a new plan would hardly differ.
OFF_PLAN_KWH = 2.0


def take_samples(
    depot: Depot, station: Station, evse: Evse, samples: tuple[MeterSample, ...], now: Now
) -> Iterator[Effect]:
    """Keeps every reading; those that make sense move the vehicle's energy and judge obedience."""
    groups = _by_instant(samples)
    for i, (at, group) in enumerate(groups):
        register, power = _register_wh(group), _power_w(group)
        if register is None and power is None:
            continue
        doubt = _doubt(evse, at, register, power, now)
        yield _kept(station.id, evse.spec.connector, evse.transaction, at, group, doubt, now)
        if doubt is not None:
            yield _note(DOUBTS[doubt], station, evse)
        register, power = _within(register, MOST_WH), _within(power, MOST_W)
        if register is None and power is None:
            continue
        past = is_past(station, at, now)
        taken_at = believed(at, now)
        most_kw, volts = depot.most_kw_at(evse), depot.site.voltage_v
        if learn(evse, _currents_a(group), most_kw, voltage_v=volts):
            depot.dirty = True
        evse.told_register |= register is not None
        before_kw, before_s, before = evse.power_kw, evse.sampled_s, evse.reading
        if not past:
            evse.sampled_s = now.monotonic_s
        if register is None and power is not None:
            register = _integrated_wh(evse, power, taken_at, past=past)
        if power is not None and not past:
            evse.power_kw = power / 1000
            evse.told_power |= power > 0
            yield from judge_power(depot, station, evse, taken_at, power / 1000, now)
        # Of several readings without a usable time the last one told is the newest.
        overtaken = doubt == "time" and i + 1 < len(groups)
        if register is not None and not overtaken:
            shown_kw = power / 1000 if power is not None and evse.told_power else None
            yield from _take_register(
                depot, station, evse, register, shown_kw, taken_at, now, past=past
            )
        explain(depot, station, evse, before_kw, before_s)
        if not past:
            _hear(depot, station, evse, power, before, taken_at, now)


def _hear(
    depot: Depot,
    station: Station,
    evse: Evse,
    power_w: float | None,
    before: Reading | None,
    taken_at: datetime,
    now: Now,
) -> None:
    """Where a power was told, or a register that went on from `before`."""
    is_mean = power_w is None or not evse.told_power
    if is_mean and (before is None or evse.reading is before):
        return
    taken_s = now.monotonic_s - (now.utc - taken_at).total_seconds()
    hear(depot.meter, station, evse, taken_s=taken_s, now_s=now.monotonic_s, is_mean=is_mean)


def keep_samples(
    station: str,
    connector: int,
    transaction: str | None,
    samples: tuple[MeterSample, ...],
    now: Now,
) -> Iterator[Effect]:
    """Keeps readings that are nobody's news any more: of a transaction that is over or unknown."""
    for at, group in _by_instant(samples):
        if _register_wh(group) is None and _power_w(group) is None:
            continue
        doubt = None if at is None or plausible(at, now) else "time"
        yield _kept(station, connector, transaction, at, group, doubt, now)


def _kept(
    station: str,
    connector: int,
    transaction: str | None,
    at: datetime | None,
    group: list[MeterSample],
    doubt: str | None,
    now: Now,
) -> Save:
    return Save(
        record=MeterRecord(
            station=station,
            connector=connector,
            transaction=transaction,
            at=at,
            received_at=now.utc,
            energy_wh=_register_wh(group),
            power_w=_power_w(group),
            doubt=doubt,
        )
    )


def _within(value: float | None, most: float) -> float | None:
    return value if value is not None and abs(value) <= most else None


def _doubt(
    evse: Evse,
    at: datetime | None,
    register_wh: float | None,
    power_w: float | None,
    now: Now,
) -> str | None:
    """What cannot be in a reading; a time that nobody could read is none."""
    if at is not None and not plausible(at, now):
        return "time"
    if power_w is not None and _within(power_w, MOST_W) is None:
        return "power"
    before = evse.reading
    if register_wh is None:
        return None
    if _within(register_wh, MOST_WH) is None:
        return "register"
    taken_at = believed(at, now)
    newer = before is not None and taken_at > before.at
    wh = register_wh * _factor(evse, register_wh, taken_at)
    if register_wh < 0 or (
        before is not None and newer and not 0 <= wh - before.energy_wh <= PLAUSIBLE_KWH * 1000
    ):
        return "register"
    return None


def _take_register(
    depot: Depot,
    station: Station,
    evse: Evse,
    register_wh: float,
    power_kw: float | None,
    taken_at: datetime,
    now: Now,
    *,
    past: bool,
) -> Iterator[Effect]:
    """`power_kw` is what it draws at this instant; None where only the register tells."""
    before = evse.reading
    if before is not None and taken_at <= before.at:
        return  # an old sample told late: kept, but it moves nothing
    factor = _factor(evse, register_wh, taken_at)
    reading = Reading(energy_wh=register_wh * factor, at=taken_at, factor=factor)
    evse.reading = reading
    yield save_evse(station, evse)
    if before is None:
        return
    metered_kwh = (reading.energy_wh - before.energy_wh) / 1000
    if factor != before.factor:
        yield _note("meter_unit_changed", station, evse, factor=factor)
    if not 0 <= metered_kwh <= PLAUSIBLE_KWH:
        evse.word = None
        return  # another meter, or one that began anew: the next reading counts from here
    hours = (taken_at - before.at) / timedelta(hours=1)
    if not past:
        # A mean that is older than a raise would make a base load of what is drawn since.
        evse.power_kw = metered_kwh / hours if power_kw is None else power_kw
    vehicle = depot.vehicle_at(evse)
    if vehicle is not None:
        belief = depot.vehicles[vehicle]
        if belief.at is None or belief.at < taken_at:
            belief.carry(metered_kwh)
            yield from tell_vehicle(vehicle, belief)
    silence = evse.silence
    if silence is not None and taken_at > silence.since:
        yield from judge_silence(depot, station, evse, before.at, taken_at, metered_kwh, now)
    elif not past:
        # What it was to follow in the past is not what is known of it now.
        yield from judge(depot, station, evse, before.at, taken_at, metered_kwh, now)
    if not past:
        _watch_plan(depot, evse, before.at, taken_at, metered_kwh, now)
    followed_kw = max((lease.kw for lease in evse.leases()), default=evse.floor_kw)
    if evse.changed_at is not None and taken_at < evse.changed_at:
        # It was told late: what was followed until the last order has been followed since it too.
        followed_kw = max(followed_kw, evse.peak_kw)
    evse.peak_kw = followed_kw


def _factor(evse: Evse, register_wh: float, taken_at: datetime) -> float:
    """What turns the register into Wh. One station changes from Wh to kWh, and keeps saying Wh: of
    the units that it may mean the one counts by which the vehicle has drawn what it could."""
    before = evse.reading
    if before is None:
        return 1.0
    hours = (taken_at - before.at) / timedelta(hours=1)
    most_wh = 1000 * (3 * evse.spec.max_kw * hours + SLACK_KWH)
    for factor in (before.factor, *(f for f in (1.0, 1000.0) if f != before.factor)):
        # A register in kWh may stand still for a while.
        least_wh = -1000.0 if factor == 1000.0 else 0.0
        if least_wh <= register_wh * factor - before.energy_wh <= most_wh:
            return factor
    return before.factor


def _integrated_wh(evse: Evse, power_w: float, at: datetime, *, past: bool) -> float | None:
    """A register for a station that tells power only: the trapeze of its samples."""
    before = evse.reading
    if before is None or evse.told_register:
        return None if evse.told_register else 0.0
    hours = (at - before.at) / timedelta(hours=1)
    # What is drawn now is not what was drawn before a sample of the past.
    before_w = power_w if past else evse.power_kw * 1000
    return before.energy_wh + (before_w + power_w) / 2 * max(hours, 0.0)


def _note(name: str, station: Station, evse: Evse, **more: float) -> Note:
    fields = {"station": station.id, "connector": evse.spec.connector, **more}
    return Note(name=name, level="warning", fields=fields)


def _watch_plan(
    depot: Depot, evse: Evse, start: datetime, end: datetime, metered_kwh: float, now: Now
) -> None:
    """Asks for a new plan once an EVSE has taken noticeably more or less than the plan counts on:
    a vehicle that tapers early, say, or starts late."""
    if evse.target is None or depot.applied is None or start < depot.applied.made_at:
        return
    hours = (end - start) / timedelta(hours=1)
    evse.off_plan_kwh += metered_kwh - evse.target.mean(start, end) * hours
    if abs(evse.off_plan_kwh) >= OFF_PLAN_KWH:
        evse.off_plan_kwh = 0.0
        depot.trigger.ask("meter values leave the plan", now.monotonic_s)


def _by_instant(
    samples: tuple[MeterSample, ...],
) -> list[tuple[datetime | None, list[MeterSample]]]:
    groups: dict[datetime | None, list[MeterSample]] = {}
    for sample in samples:
        groups.setdefault(sample.at, []).append(sample)
    return sorted(groups.items(), key=lambda item: item[0] or datetime.max.replace(tzinfo=UTC))


def _register_wh(samples: list[MeterSample]) -> float | None:
    """The register at the outlet: the total, or the sum of its phases where only those are told."""
    return _total(samples, Measurand.ENERGY_IMPORT_REGISTER)


def _power_w(samples: list[MeterSample]) -> float | None:
    return _total(samples, Measurand.POWER_IMPORT)


def _currents_a(samples: list[MeterSample]) -> dict[str, float]:
    """The current of each phase that is told by its name; a sum of phases tells nothing of them."""
    return {
        s.phase: s.value
        for s in samples
        if s.measurand is Measurand.CURRENT_IMPORT and s.phase and s.location == "Outlet"
    }


def _total(samples: list[MeterSample], measurand: Measurand) -> float | None:
    wanted = [s for s in samples if s.measurand is measurand and s.location == "Outlet"]
    for sample in wanted:
        if sample.phase is None:
            return sample.value
    phases = {
        s.phase: s.value for s in wanted if s.phase in {"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"}
    }
    return sum(phases.values()) if phases else None
