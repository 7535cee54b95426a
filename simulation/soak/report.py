"""What many runs came to: one JSON object, or lines to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulation.soak.blame import Breach
from simulation.soak.run import Outcome
from simulation.soak.scenario import Setup

SHOWN_BREACHES = 5


@dataclass(slots=True, kw_only=True)
class Limit:
    """One kind of limit over all runs."""

    over_s: float = 0.0
    worst_kw: float = 0.0
    drawn_kwh: float = 0.0
    allowed_kwh: float = 0.0

    @property
    def share(self) -> float | None:
        """Mean draw as a share of the limit, over the time with demand for all of it."""
        return self.drawn_kwh / self.allowed_kwh if self.allowed_kwh else None


@dataclass(slots=True, kw_only=True)
class Total:
    """Grows by one outcome at a time, and forgets the outcome."""

    hours: float = 0.0
    runs: int = 0
    events: int = 0
    cpu_s: float = 0.0
    limits: dict[str, Limit] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    underbooked: Counter[str] = field(default_factory=Counter)
    blamed_s: dict[str, float] = field(default_factory=dict)
    breaches: int = 0
    first: list[tuple[Setup, Breach]] = field(default_factory=list)
    failures: list[tuple[Setup, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.hours += outcome.setup.hours
        self.runs += 1
        self.events += outcome.events
        self.cpu_s += outcome.cpu_s
        for line in outcome.lines:
            name = f"{line.name[:-3]} by phase" if line.phase else line.name
            limit = self.limits.setdefault(name, Limit())
            limit.over_s += line.over_s
            limit.worst_kw = max(limit.worst_kw, line.worst_kw)
            limit.drawn_kwh += line.drawn_kwh
            limit.allowed_kwh += line.allowed_kwh
        self.faults += outcome.faults
        self.underbooked.update(outcome.underbooked)
        self.breaches += len(outcome.breaches)
        for breach in outcome.breaches:
            cause = blamed(breach)
            self.blamed_s[cause] = self.blamed_s.get(cause, 0.0) + breach.seconds
        room = SHOWN_BREACHES - len(self.first)
        self.first += [(outcome.setup, breach) for breach in outcome.breaches[:room]]
        self.failures += [(outcome.setup, failure) for failure in outcome.failures]

    @property
    def over_s(self) -> float:
        return sum(limit.over_s for limit in self.limits.values())

    @property
    def holds(self) -> bool:
        return self.over_s == 0 and not self.failures


def blamed(breach: Breach) -> str:
    who = "drawn beyond the booking" if breach.culprits else "booked beyond the limit"
    return f"{who} after {', '.join(breach.suspects) or 'nothing done'}"


def replay(setup: Setup) -> str:
    """The command that makes this run again."""
    faults = ",".join(sorted(setup.faults)) or "none"
    return (
        f"depotd simulate --seed {setup.seed} --site-hours {setup.hours:g} "
        f"--stations {setup.stations} --classes {setup.kinds} --rate {setup.rate:g} "
        f"--algorithm {setup.algorithm} --faults {faults}"
    )


def as_json(total: Total) -> dict[str, object]:
    return {
        "site_hours": round(total.hours, 3),
        "runs": total.runs,
        "events": total.events,
        "cpu_s": round(total.cpu_s, 1),
        "holds": total.holds,
        "seconds_over": {name: round(x.over_s, 3) for name, x in sorted(total.limits.items())},
        "worst_kw_over": {name: round(x.worst_kw, 2) for name, x in sorted(total.limits.items())},
        "mean_draw_share": {
            name: round(x.share, 3)
            for name, x in sorted(total.limits.items())
            if x.share is not None
        },
        "faults": dict(sorted(total.faults.items())),
        "breaches": total.breaches,
        "seconds_over_by_cause": {
            cause: round(seconds, 3) for cause, seconds in _most(total.blamed_s)
        },
        "draws_beyond_booking": dict(total.underbooked.most_common()),
        "first_breaches": [_breach_json(setup, breach) for setup, breach in total.first],
        "failures": [
            {"seed": setup.seed, "text": text, "replay": replay(setup)}
            for setup, text in total.failures
        ],
    }


def lines(total: Total) -> Iterator[str]:
    faults = total.faults.total()
    yield f"{total.hours:g} site-hours in {total.runs} runs, {total.events} events, {faults} faults"
    if total.cpu_s:
        times = total.hours * 3600 / total.cpu_s
        yield f"{total.cpu_s:.0f} s of processor time, {times:.0f} times as fast as real time"
    yield ""
    yield f"{'limit':26} {'s over':>10} {'worst kW':>10} {'mean draw':>10}"
    for name, limit in sorted(total.limits.items()):
        share = "-" if limit.share is None else f"{limit.share:.1%}"
        yield f"{name:26} {limit.over_s:10.3f} {limit.worst_kw:10.2f} {share:>10}"
    yield ""
    for name, count in sorted(total.faults.items()):
        yield f"{name:26} {count:10d}"
    yield from _section("seconds over, by what came before", _most(total.blamed_s)[:12])
    yield from _section(
        "draws beyond what was booked, by what came before", total.underbooked.most_common(12)
    )
    for setup, breach in total.first:
        yield from _breach(setup, breach)
    for setup, text in total.failures[:SHOWN_BREACHES]:
        yield from ("", f"FAILED: {text}", f"  again: {replay(setup)}")


def _most(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda item: (-item[1], item[0]))


def _section(title: str, counts: Iterable[tuple[str, float]]) -> Iterator[str]:
    listed = list(counts)
    if listed:
        yield ""
        yield f"{title}:"
        for what, count in listed:
            yield f"{count:12.3f}  {what}"


def _breach(setup: Setup, breach: Breach) -> Iterator[str]:
    yield ""
    yield (
        f"BREACH of {breach.limit} at {breach.at_s:.3f} s (seed {setup.seed}) for "
        f"{breach.seconds:.3f} s: {breach.draw_kw:.2f} kW drawn, {breach.booked_kw:.2f} kW booked, "
        f"{breach.limit_kw:.2f} kW allowed"
    )
    for culprit in breach.culprits:
        yield f"  {culprit}"
    yield f"  before: {', '.join(breach.suspects) or 'nothing was done to them'}"
    for line in breach.before:
        yield f"    {line}"
    yield f"  again: {replay(setup)}"


def _breach_json(setup: Setup, breach: Breach) -> dict[str, object]:
    return {
        "seed": setup.seed,
        "limit": breach.limit,
        "at_s": round(breach.at_s, 3),
        "seconds": round(breach.seconds, 3),
        "draw_kw": round(breach.draw_kw, 3),
        "booked_kw": round(breach.booked_kw, 3),
        "limit_kw": breach.limit_kw,
        "culprits": list(breach.culprits),
        "suspects": list(breach.suspects),
        "before": list(breach.before),
        "replay": replay(setup),
    }
