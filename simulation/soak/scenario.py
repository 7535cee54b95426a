"""A random depot from a seed: lawful in the worst case, and always short of power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, SiteSpec, StationSpec, VehicleSpec
from planner.series import Series, format_instant
from planner.snapshot import Circuit, Horizon
from protocol.ocpp.model import RateUnit, Version
from simulation.profiles import Capabilities
from simulation.soak.ledger import SITE, Place
from simulation.soak.loop import START
from simulation.soak.make import Keeping, Make
from simulation.soak.outlet import Begins
from simulation.soak.planner import RESTLESS

AC_KW, AC_MIN_KW = 22.0, 4.2
DC_KW, DC_MIN_KW = 50.0, 5.0
# Of what stands at the connectors at most.
LIMIT_SHARES = (0.35, 0.55)
# The limit that an operator has set for a while, on the same power as the site's own.
ORDERED = "site as ordered"
FEEDERS = ("feeder-a", "feeder-b")
# Depots whose operator has said of what class all stations are. Elsewhere it has to be learned, but
# for those that keep nothing: what they draw at their first drop nobody could know.
PINNED_SHARE = 0.5
# Depots in which somebody has noted which phase is wired to which.
SURVEYED_SHARE, TELLS_PHASES_SHARE = 0.5, 0.7
ROTATIONS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))
# Depots whose settings do not name every EVSE, and the stations there that have one more.
UNTOLD_SHARE, UNNAMED_SHARE = 0.3, 0.2
# Depots with a meter of their own, and those of them whose meter tells each phase.
METERED_SHARE, METERS_PHASES_SHARE = 0.4, 0.6
# Depots with sun on their roof, as a share of the limit, and the forecast as a share of that.
SUNNY_SHARE, SUN_SHARES, FORECASTS = 0.4, (0.1, 0.4), (0.5, 0.7, 1.0)
# How much of a limit fallbacks and base load may take together: the rest is there to be planned.
WORST_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A run is a function of this. `faults` by name, `rate` multiplies how often they come;
    `pinned`: the settings say of what class each station is, in half of all depots anyway;
    `to_breach` ends it a minute after the first breach."""

    seed: int
    hours: float
    stations: int = 20
    faults: frozenset[str] = frozenset()
    kinds: str = "AB"
    rate: float = 1.0
    algorithm: str = RESTLESS
    pinned: bool = False
    to_breach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What the settings declare, and how the stations are really made. `keeps_kw`: what each may
    draw whatever is done, by any settings that it was ever told of: its fallback, or all of it with
    class C. `strangers` were taken out of the settings and stand there all the same.
    `meters_phases`: the site's meter, where there is one, tells the current of each. `sun_kw`
    shines but for clouds."""

    site: SiteSpec
    makes: tuple[Make, ...]
    base_kw: float
    keeps_kw: Mapping[str, float]
    meters_phases: bool
    sun_kw: float = 0.0
    strangers: tuple[StationSpec, ...] = ()

    @property
    def shows_sun(self) -> bool:
        """Whether a cloud would show on every phase."""
        return self.site.metered and self.meters_phases

    @property
    def sure_kw(self) -> float:
        """What cannot be lowered."""
        return self.base_kw + sum(self.keeps_kw.values())

    def limits_kw(self) -> dict[str, float]:
        """Each of them holds as a whole, and a third of it on each phase."""
        circuits = {c.id: c.limit_kw.points[0].value for c in self.site.circuits}
        whole = {SITE: self.site.import_limit_kw, ORDERED: self.site.import_limit_kw}
        return circuits | whole

    def rated_kw(self) -> dict[Place, float]:
        """By connector the most that the settings let it take."""
        return {
            (station.id, evse.connector): evse.max_kw
            for station in self.site.stations
            for evse in station.evses
        }

    def lines(self) -> dict[Place, tuple[str, ...]]:
        """By connector the limits that it stands under: no circuit where no setting names its
        station."""
        makes = {make.id: make for make in self.makes}
        named: dict[Place, tuple[str, ...]] = {
            (station.id, evse.connector): (evse.circuit or SITE, SITE, ORDERED)
            for station in self.site.stations
            for evse in wired(makes[station.id], station)
        }
        for station in self.strangers:
            evses = wired(makes[station.id], station)
            named |= {(station.id, evse.connector): (SITE, ORDERED) for evse in evses}
        return named


def scenario(setup: Setup) -> Scenario:
    rng, wiring = Random(f"{setup.seed}/scenario"), Random(f"{setup.seed}/wiring")
    makes = _makes(setup, rng, wiring)
    surveyed = wiring.random() < SURVEYED_SHARE
    pinned = rng.random() < PINNED_SHARE or setup.pinned
    stations = [_station(rng, make, pinned=pinned, surveyed=surveyed) for make in makes]
    most_kw = sum(evse.max_kw for station in stations for evse in station.evses)
    limit_kw = round(most_kw * rng.uniform(*LIMIT_SHARES), 1)
    base_kw = round(limit_kw * rng.uniform(0.02, 0.1), 1)
    keeps_kw = {make.id: kept_kw(make, spec) for make, spec in zip(makes, stations, strict=True)}
    limit_kw = max(limit_kw, (sum(keeps_kw.values()) + base_kw) / WORST_SHARE)
    sun = Random(f"{setup.seed}/sun")
    sun_kw = round(limit_kw * sun.uniform(*SUN_SHARES), 1) if sun.random() < SUNNY_SHARE else 0.0
    site = SiteSpec(
        id=f"soak-{setup.seed}",
        import_limit_kw=round(limit_kw, 1),
        base_load_kw=Series.constant(base_kw),
        pv_kw=Series.constant(round(sun_kw * sun.choice(FORECASTS), 1)),
        circuits=circuits_of(rng, stations, keeps_kw, limit_kw),
        stations=tuple(stations),
        vehicles=_vehicles(makes, stations),
        mode="charging",
        horizon=Horizon(hours=1, step_minutes=15),
        period_s=rng.choice([60.0, 300.0]),
        metered=wiring.random() < METERED_SHARE,
    )
    return Scenario(
        site=site,
        makes=makes,
        base_kw=base_kw,
        keeps_kw=keeps_kw,
        sun_kw=sun_kw,
        meters_phases=wiring.random() < METERS_PHASES_SHARE,
    )


def _makes(setup: Setup, rng: Random, wiring: Random) -> tuple[Make, ...]:
    numbers = range(1, setup.stations + 1)
    makes = tuple(_make(rng, wiring, number, setup.kinds) for number in numbers)
    makes = tuple(_shaped(make, Random(f"{setup.seed}/{make.id}/shape")) for make in makes)
    if Random(f"{setup.seed}/settings").random() >= UNTOLD_SHARE:
        makes = tuple(replace(make, unnamed=0) for make in makes)
    return makes


def _make(rng: Random, wiring: Random, number: int, kinds: str) -> Make:
    direct = rng.random() < 0.15
    units = rng.choice([(RateUnit.AMPERES,), (RateUnit.WATTS, RateUnit.AMPERES)])
    if direct:
        units = (RateUnit.WATTS,)
    return Make(
        id=f"CP{number:02d}",
        version=rng.choice([Version.V16, Version.V201]),
        keeping=Keeping(rng.choice(sorted(kinds))),
        able=Capabilities(rate_units=units, max_periods=rng.choice([2, 6, 24, 24])),
        boots=rng.random() < 0.6,
        answers_s=rng.uniform(0.02, 0.5),
        passes_on_s=rng.choice([0.0, 0.0, rng.uniform(0.1, 3.0)]),
        direct=direct,
        rotation=wiring.choice(ROTATIONS),
        tells_phases=not direct and wiring.random() < TELLS_PHASES_SHARE,
    )


def _shaped(make: Make, rng: Random) -> Make:
    """What stations of some versions have besides."""
    connectors, blocks = rng.choice([1, 2]), rng.random() < 0.5
    if rng.random() < UNNAMED_SHARE and not make.direct:
        # What nobody has rated is taken to be the alternating current of most depots.
        make = replace(make, unnamed=1)
    make = replace(make, keeps_statuses=rng.random() < 0.5)
    begins = rng.choice([Begins.PLUGGED, Begins.PLUGGED, Begins.AT_EVSE, Begins.NOWHERE])
    if make.version is Version.V16:
        return make
    return replace(make, connectors=connectors, blocks=blocks, begins=begins)


def _station(rng: Random, make: Make, *, pinned: bool, surveyed: bool) -> StationSpec:
    evses = 1 if make.direct else rng.choice([1, 1, 1, 2])
    circuit = rng.choice(FEEDERS)
    if make.direct:
        shape = {"min_kw": DC_MIN_KW, "max_kw": DC_KW, "phases": 0}
    else:
        shape = {"min_kw": AC_MIN_KW, "max_kw": AC_KW, "phases": 3}
    share_kw = rng.choice([0.0, 0.0, shape["min_kw"]])
    return StationSpec(
        id=make.id,
        fallback_kw=share_kw * evses,
        pinned=Keeps(make.keeping) if pinned or make.keeping is Keeping.C else None,
        evses=tuple(
            EvseSpec(
                connector=number,
                circuit=circuit,
                min_kw=shape["min_kw"],
                max_kw=shape["max_kw"],
                phases=int(shape["phases"]),
                rotation=make.rotation if surveyed and not make.direct else None,
            )
            for number in range(1, evses + 1)
        ),
    )


def _vehicles(makes: Sequence[Make], stations: Sequence[StationSpec]) -> tuple[VehicleSpec, ...]:
    """One for each EVSE, whether or not the settings name that."""
    names = (
        f"V-{make.id}-{evse.connector}"
        for make, spec in zip(makes, stations, strict=True)
        for evse in wired(make, spec)
    )
    return tuple(
        VehicleSpec(id=name, values=_declared(), id_tokens=(f"TAG-{name}",)) for name in names
    )


def wired(make: Make, spec: StationSpec) -> tuple[EvseSpec, ...]:
    """The EVSEs that a station really has: those that no setting names hang on the same cable."""
    last = spec.evses[-1]
    numbers = range(last.connector + 1, last.connector + 1 + make.unnamed)
    return (*spec.evses, *(replace(last, connector=number) for number in numbers))


def kept_kw(make: Make, spec: StationSpec) -> float:
    """What a station may draw whatever is done."""
    if make.keeping is Keeping.C:
        return sum(evse.max_kw for evse in wired(make, spec))
    return spec.fallback_kw


def circuits_of(
    rng: Random, stations: Sequence[StationSpec], keeps_kw: Mapping[str, float], limit_kw: float
) -> tuple[Circuit, ...]:
    """The feeders above some stations, each with room for what these keep."""
    circuits = []
    for feeder in FEEDERS:
        below = [station for station in stations if station.evses[0].circuit == feeder]
        sure_kw = sum(keeps_kw[station.id] for station in below)
        least_kw = max(sure_kw / WORST_SHARE, DC_KW)
        feeder_kw = max(least_kw, limit_kw * rng.uniform(0.45, 0.7))
        circuits.append(Circuit(id=feeder, limit_kw=Series.constant(round(feeder_kw, 1))))
    return tuple(circuits)


def _declared() -> dict[str, object]:
    return {
        "type": "van",
        "battery_kwh": 100.0,
        "energy_kwh": 10.0,
        "target_kwh": 100.0,
        "max_charge_kw": 150.0,
        "plugs": ["type2"],
        "available_from": format_instant(START),
    }
