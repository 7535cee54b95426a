"""What the site would draw if every declared station heard nothing from us: plain sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon.core import phases
from daemon.core.keeps import Keeps
from daemon.core.phases import Draw
from daemon.core.site import EvseSpec, SiteSpec, StationSpec
from daemon.core.station import Capabilities, new_evse
from protocol.ocpp.model import RateUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The sum behind one limit. `terms`: what is added up, in kW, by name; on the worst phase of a
    limit that is shared by three, it is that phase's."""

    place: str
    limit_kw: float
    terms: tuple[tuple[str, float], ...]

    @property
    def sum_kw(self) -> float:
        return sum(kw for _, kw in self.terms)

    @property
    def holds(self) -> bool:
        return self.sum_kw <= self.limit_kw + 1e-9

    def arithmetic(self) -> str:
        """Such as `base load 12 + CP01 4.2 = 16.2 kW, limit 43 kW`."""
        terms = " + ".join(f"{name} {kw:g}" for name, kw in self.terms) or "nothing"
        return f"{terms} = {self.sum_kw:g} kW, limit {self.limit_kw:g} kW"


def worst_cases(site: SiteSpec) -> tuple[WorstCase, ...]:
    """The site first, then the circuits as they stand: highest base load, every fallback, no sun,
    the lowest limit. A limit is told by its worst phase where that is what it fails on."""
    # What feeds in may stand still.
    base_kw = max(0.0, *(point.value for point in site.base_load_kw.points))
    terms: list[tuple[str, Draw]] = [
        ("base load", (base_kw, base_kw / 3, base_kw / 3, base_kw / 3))
    ]
    for station in site.stations:
        terms += [(station.id, draw) for _, draw in _fallbacks(station)]
    cases = [_case("site", site.import_limit_kw, terms, site.phases)]
    for circuit in site.circuits:
        lowest_kw = min(point.value for point in circuit.limit_kw.points)
        below = list(_below(site, circuit.id))
        cases.append(_case(f"circuit {circuit.id}", lowest_kw, below, site.phases))
    return tuple(cases)


def refusal(site: SiteSpec) -> str | None:
    """Why a site must not be armed, with the arithmetic; None where all worst cases hold."""
    broken = [case for case in worst_cases(site) if not case.holds]
    if not broken:
        return None
    sums = "; ".join(f"{case.place}: {case.arithmetic()}" for case in broken)
    return f"if nobody hears from us the limit does not hold, so nothing may charge: {sums}"


def _case(
    place: str, limit_kw: float, terms: list[tuple[str, Draw]], site_phases: int
) -> WorstCase:
    whole = _sum(place, limit_kw, terms, 0)
    if site_phases != 3 or not whole.holds:
        return whole
    worst = max((_sum("", limit_kw / 3, terms, i) for i in (1, 2, 3)), key=lambda c: c.sum_kw)
    if worst.holds:
        return whole
    return WorstCase(place=f"{place}, worst phase", limit_kw=limit_kw / 3, terms=worst.terms)


def _sum(place: str, limit_kw: float, terms: list[tuple[str, Draw]], part: int) -> WorstCase:
    added: dict[str, float] = {}
    for name, draw in terms:
        added[name] = round(added.get(name, 0.0) + draw[part], 9)
    return WorstCase(place=place, limit_kw=limit_kw, terms=tuple(added.items()))


def _below(site: SiteSpec, circuit: str) -> Iterator[tuple[str, Draw]]:
    parents = {one.id: one.parent for one in site.circuits}
    for station in site.stations:
        for spec, draw in _fallbacks(station):
            above = spec.circuit
            while above is not None:
                if above == circuit:
                    yield f"{station.id}/{spec.connector}", draw
                above = parents.get(above)


def _fallbacks(station: StationSpec) -> Iterator[tuple[EvseSpec, Draw]]:
    """What each EVSE falls back to; its maximum where the settings say that it keeps nothing. One
    that the settings do not name may be any."""
    unnamed = EvseSpec(connector=1, max_kw=max(22.0, station.fallback_kw))
    for spec in station.evses or (unnamed,):
        unit = RateUnit.AMPERES if spec.phases else RateUnit.WATTS
        evse = new_evse(station, spec, Capabilities(unit=unit))
        falls_to_kw = spec.max_kw if station.pinned is Keeps.NOTHING else evse.fallback_kw
        yield spec, phases.draw(evse, falls_to_kw)
