"""Other settings for the same depot: what an operator may change while the daemon is down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, SiteSpec, StationSpec
from planner.series import Series
from simulation.soak.make import Keeping, Make
from simulation.soak.scenario import (
    AC_KW,
    DC_KW,
    FEEDERS,
    FORECASTS,
    LIMIT_SHARES,
    WORST_SHARE,
    Scenario,
    circuits_of,
    kept_kw,
)

# How many things are changed at once, at most.
CHANGES = 3
LEASES_S = (45.0, 90.0, 180.0)
# What a rating is lowered to, say as a cable gets too warm.
RATED_SHARE = 0.5
# Of the stations that a change could be for.
TOUCHED_SHARE = 0.4
BASE_SHARES = (0.02, 0.1)


def other_settings(scenario: Scenario, rng: Random) -> Scenario:
    """The same depot, as built, by other settings. What cannot be lowered fits them: fallbacks are
    what a station may have been told by any settings so far."""
    for change in rng.sample(CHANGED, rng.randint(1, CHANGES)):
        scenario = change(scenario, rng)
    return _made_lawful(scenario, rng)


def _limit(scenario: Scenario, rng: Random) -> Scenario:
    most_kw = sum(evse.max_kw for one in scenario.site.stations for evse in one.evses)
    limit_kw = round(most_kw * rng.uniform(*LIMIT_SHARES), 1)
    return _with(scenario, replace(scenario.site, import_limit_kw=limit_kw))


def _lease(scenario: Scenario, rng: Random) -> Scenario:
    return _with(scenario, replace(scenario.site, lease_s=rng.choice(LEASES_S)))


def _base_load(scenario: Scenario, rng: Random) -> Scenario:
    kw = round(scenario.site.import_limit_kw * rng.uniform(*BASE_SHARES), 1)
    site = replace(scenario.site, base_load_kw=Series.constant(kw))
    return replace(scenario, site=site, base_kw=kw)


def _forecast(scenario: Scenario, rng: Random) -> Scenario:
    pv_kw = Series.constant(round(scenario.sun_kw * rng.choice(FORECASTS), 1))
    return _with(scenario, replace(scenario.site, pv_kw=pv_kw))


def _classes(scenario: Scenario, rng: Random) -> Scenario:
    """All noted, or none: but those that keep nothing always are."""
    pinned = rng.random() < 0.5

    def changed(station: StationSpec, make: Make) -> StationSpec:
        is_known = pinned or make.keeping is Keeping.C
        return replace(station, pinned=Keeps(make.keeping) if is_known else None)

    return _stations(scenario, changed)


def _wiring(scenario: Scenario, rng: Random) -> Scenario:
    surveyed = rng.random() < 0.5

    def changed(station: StationSpec, make: Make) -> StationSpec:
        rotation = make.rotation if surveyed and not make.direct else None
        return _evses(station, lambda evse: replace(evse, rotation=rotation))

    return _stations(scenario, changed)


def _fallbacks(scenario: Scenario, rng: Random) -> Scenario:
    def changed(station: StationSpec, make: Make) -> StationSpec:
        if rng.random() > TOUCHED_SHARE:
            return station
        share_kw = rng.choice([0.0, station.evses[0].min_kw])
        return replace(station, fallback_kw=share_kw * len(station.evses))

    return _stations(scenario, changed)


def _ratings(scenario: Scenario, rng: Random) -> Scenario:
    """Less than a station is built for, or all of it; but not where nothing that is told stays."""

    def changed(station: StationSpec, make: Make) -> StationSpec:
        if make.keeping is Keeping.C or rng.random() > TOUCHED_SHARE:
            return station
        max_kw = (DC_KW if make.direct else AC_KW) * rng.choice([RATED_SHARE, 1.0])
        return _evses(station, lambda evse: replace(evse, max_kw=max_kw))

    return _stations(scenario, changed)


def _regrouped(scenario: Scenario, rng: Random) -> Scenario:
    def changed(station: StationSpec, make: Make) -> StationSpec:
        if rng.random() > TOUCHED_SHARE:
            return station
        circuit = rng.choice(FEEDERS)
        return _evses(station, lambda evse: replace(evse, circuit=circuit))

    scenario = _stations(scenario, changed)
    limit_kw = scenario.site.import_limit_kw
    circuits = circuits_of(rng, scenario.site.stations, scenario.keeps_kw, limit_kw)
    return _with(scenario, replace(scenario.site, circuits=circuits))


def _named(scenario: Scenario, rng: Random) -> Scenario:
    """Takes one out of the settings, which stands there all the same; or puts all in again. It is
    one of the kind that strangers are taken for: alternating current, and not of class C."""
    makes = {make.id: make for make in scenario.makes}
    site = scenario.site
    if scenario.strangers:
        stations = tuple(sorted((*site.stations, *scenario.strangers), key=lambda one: one.id))
        return replace(scenario, site=replace(site, stations=stations), strangers=())
    alike = [
        station
        for station in site.stations
        if not makes[station.id].direct and makes[station.id].keeping is not Keeping.C
    ]
    if not alike:
        return scenario
    stranger = rng.choice(alike)
    stations = tuple(station for station in site.stations if station is not stranger)
    return replace(scenario, site=replace(site, stations=stations), strangers=(stranger,))


Change = Callable[[Scenario, Random], Scenario]
CHANGED: tuple[Change, ...] = (
    _limit,
    _lease,
    _base_load,
    _forecast,
    _classes,
    _wiring,
    _fallbacks,
    _ratings,
    _regrouped,
    _named,
)


def _made_lawful(scenario: Scenario, rng: Random) -> Scenario:
    """Every limit has room for what cannot be lowered, as the first settings had."""
    makes = {make.id: make for make in scenario.makes}
    keeps_kw = dict(scenario.keeps_kw)
    for station in scenario.site.stations:
        keeps_kw[station.id] = max(keeps_kw[station.id], kept_kw(makes[station.id], station))
    scenario = replace(scenario, keeps_kw=keeps_kw)
    least_kw = round(scenario.sure_kw / WORST_SHARE, 1) + 0.1
    limit_kw = max(scenario.site.import_limit_kw, least_kw)
    circuits = scenario.site.circuits
    for circuit in circuits:
        below = [one for one in scenario.site.stations if one.evses[0].circuit == circuit.id]
        sure_kw = sum(keeps_kw[station.id] for station in below)
        if sure_kw / WORST_SHARE > circuit.limit_kw.points[0].value:
            circuits = circuits_of(rng, scenario.site.stations, keeps_kw, limit_kw)
            break
    site = replace(scenario.site, import_limit_kw=limit_kw, circuits=circuits)
    return _with(scenario, site)


def _with(scenario: Scenario, site: SiteSpec) -> Scenario:
    return replace(scenario, site=site)


def _stations(scenario: Scenario, changed: Callable[[StationSpec, Make], StationSpec]) -> Scenario:
    makes = {make.id: make for make in scenario.makes}
    stations = tuple(changed(station, makes[station.id]) for station in scenario.site.stations)
    return _with(scenario, replace(scenario.site, stations=stations))


def _evses(station: StationSpec, changed: Callable[[EvseSpec], EvseSpec]) -> StationSpec:
    return replace(station, evses=tuple(changed(evse) for evse in station.evses))
