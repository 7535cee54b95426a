"""What the site would draw if every declared station heard nothing from us: plain sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The sum behind one limit. `terms`: what is added up, in kW, by name."""

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


def worst_cases(settings: Settings) -> tuple[WorstCase, ...]:
    """The site first, then the circuits as they stand: highest base load, every station's fallback,
    no sun, the lowest limit. A station's fallback is shared evenly by its connectors."""
    base_load = ("base load", max(p.value for p in settings.site.base_load_kw.points))
    fallbacks = tuple((s.id, settings.fallback_kw_of(s)) for s in settings.stations)
    site = WorstCase(
        place="site", limit_kw=settings.site.import_limit_kw, terms=(base_load, *fallbacks)
    )
    return (site, *_circuits(settings))


def worst_case_kw(settings: Settings) -> float:
    """The site's sum alone."""
    return worst_cases(settings)[0].sum_kw


def _circuits(settings: Settings) -> Iterator[WorstCase]:
    parents = {c.id: c.parent for c in settings.circuits}
    terms: dict[str, list[tuple[str, float]]] = {c: [] for c in parents}
    for station in settings.stations:
        for connector in station.connectors:
            share_kw = settings.fallback_kw_of(station) / len(station.connectors)
            above = connector.circuit
            while above is not None:
                terms[above].append((f"{station.id}/{connector.id}", share_kw))
                above = parents[above]
    for circuit in settings.circuits:
        lowest_kw = min(p.value for p in circuit.limit_kw.points)
        yield WorstCase(
            place=f"circuit {circuit.id}", limit_kw=lowest_kw, terms=tuple(terms[circuit.id])
        )
