"""The site's own meter: the truth about the sum, where chargers' meters are hints."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

Powers = tuple[float, float, float, float]
Amperes = tuple[float, float, float]
# What is told is rounded, and meters err.
READ_KW = 0.05
# A sample may be so much older than its arrival.
LATE_S = 5.0
# So many leaps in a short time are no meter's.
LEAPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """In kW as they are told."""

    kw: float
    promised_kw: float


@dataclass(slots=True, kw_only=True)
class Held:
    """What one sample showed: what is drawn besides charging at least, at most, and as it was
    believed after it. `rest_kw` is all that was drawn, less what chargers have told since that they
    surely drew then; `counted` are the EVSEs that counted by their word with less than promised."""

    at_s: float
    base_kw: Powers
    most_kw: Powers
    rest_kw: Powers
    counted: dict[tuple[str, int], Counted] = field(default_factory=dict)
    believed_kw: Powers = (0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True, kw_only=True)
class SiteMeter:
    """What is believed of the meter; `expected`: the settings name one.

    `base_kw` is the site's draw besides charging, as a whole and by phase, and `most_base_kw` the
    most that it may be, where chargers have not shown what they draw; both the highest of a while
    (`bases`). `seen_s` is when the former was seen last, whatever chargers are booked for.
    `acted_kw` is what both were when bookings were last looked at for their sake. `assumed_kw` is
    what EVSEs were taken to draw in the newest sample without having shown it. `exceeded_s` is when
    the first of the newest samples above the limit came. `stage` 1 has all chargers fall back, 2
    stops them. `blind` says why it cannot be trusted, and `last_until_s` until when what it showed
    last counts all the same; then it is `given_up` until it is measured by again. `behind`: since
    when (in monotonic seconds) samples are older than `at`, and the newest of these."""

    expected: bool = False
    heard_s: float | None = None
    since_s: float | None = None
    at: datetime | None = None
    behind: tuple[float, datetime] | None = None
    import_kw: float | None = None
    phases_a: Amperes | None = None
    base_kw: Powers = (0.0, 0.0, 0.0, 0.0)
    most_base_kw: Powers = (0.0, 0.0, 0.0, 0.0)
    acted_kw: tuple[float, ...] = (0.0,) * 8
    bases: deque[Held] = field(default_factory=deque)
    seen_s: Powers = (-math.inf,) * 4
    asked_s: float = -math.inf
    assumed_kw: dict[tuple[str, int], float] = field(default_factory=dict)
    blind: str | None = None
    last_until_s: float | None = None
    given_up: bool = False
    same_s: float = 0.0
    same_kw: float = 0.0
    stands_still: bool = False
    leaps: deque[float] = field(default_factory=lambda: deque(maxlen=LEAPS))
    exceeded_s: float = math.inf
    over_s: float | None = None
    calm_s: float | None = None
    stage: int = 0
    residual_s: float | None = None
    residual_told: bool = False

    def exceeds(self, limit_kw: float, site_phases: int, voltage_v: float) -> bool:
        """Whether the newest sample is above a limit, as a whole or on a phase that it tells."""
        if self.import_kw is None:
            return False
        over = self.import_kw > limit_kw
        if self.phases_a is not None and site_phases == 3:
            over |= max(self.phases_a) > limit_kw * 1000 / 3 / voltage_v
        return over

    def believed_kw(self, highest: Powers, newest: Powers) -> Powers:
        """A load that was seen is there until something shows that it is not: what a charger is
        booked for and does not draw hides as much of it. It is gone where all that was drawn in a
        later sample, less what chargers told before and after that they drew, was less."""
        now_s = self.bases[-1].at_s
        believed, seen_s = [], []
        for i, (before_kw, high_kw) in enumerate(zip(self.base_kw, highest, strict=True)):
            later = [one.rest_kw[i] for one in self.bases if one.at_s > self.seen_s[i]]
            kw = max(high_kw, min(before_kw, min(later, default=math.inf) + READ_KW))
            believed.append(kw)
            seen_s.append(now_s if newest[i] >= kw - READ_KW else self.seen_s[i])
        self.seen_s = (seen_s[0], seen_s[1], seen_s[2], seen_s[3])
        return (believed[0], believed[1], believed[2], believed[3])

    def charged(self, from_s: float, until_s: float, kw: Powers) -> None:
        """A charger has surely drawn so much for all of that time."""
        kw = self._told(kw)
        for held in self.bases:
            if from_s + LATE_S <= held.at_s <= until_s:
                held.rest_kw = _less(held.rest_kw, kw)

    def _told(self, kw: Powers) -> Powers:
        """A meter that tells the sum alone says nothing of phases: it is spread evenly."""
        return kw if self.phases_a is not None else (kw[0], kw[0] / 3, kw[0] / 3, kw[0] / 3)

    def hold(self, newest: Held) -> None:
        """One entry a second, the highest of it, however often the meter tells."""
        if not self.bases or newest.at_s >= self.bases[-1].at_s + 1.0:
            self.bases.append(newest)
            return
        held = self.bases[-1]
        held.base_kw = highest_of((held.base_kw, newest.base_kw))
        held.most_kw = highest_of((held.most_kw, newest.most_kw))
        held.rest_kw = highest_of((held.rest_kw, newest.rest_kw))

    def forget(self, charging_kw: Mapping[float, Powers]) -> None:
        """So much of what was held as base load in samples, by their seconds, was charging. What
        was believed before them stands, and what has come since besides."""
        charged = {at_s: self._told(kw) for at_s, kw in charging_kw.items()}
        if not charged:
            return
        before = [held for held in self.bases if held.at_s < min(charged)]
        least_kw = before[-1].believed_kw if before else (-math.inf,) * 4
        self.base_kw = highest_of((least_kw, _less(self.base_kw, highest_of(charged.values()))))
        for held in self.bases:
            if held.at_s in charged:
                held.base_kw = _less(held.base_kw, charged[held.at_s])
            if held.at_s >= min(charged):
                held.believed_kw = _less(held.believed_kw, highest_of(charged.values()))

    def give_up(self) -> None:
        """What it showed last counts no more."""
        self.bases.clear()
        self.assumed_kw.clear()
        self.base_kw = self.most_base_kw = (0.0,) * 4
        self.given_up = True
        self.last_until_s = self.over_s = self.calm_s = self.residual_s = None
        self.residual_told = False

    @property
    def is_blind(self) -> bool:
        return self.blind is not None

    @property
    def sees(self) -> bool:
        """Whether it shows what the site draws."""
        return self.expected and self.heard_s is not None and not (self.is_blind or self.given_up)

    def shows_sun(self, site_phases: int) -> bool:
        """Whether it would show a cloud wherever the sun is counted on: on each phase."""
        return self.sees and (site_phases != 3 or self.phases_a is not None)

    @property
    def allows_raises(self) -> bool:
        return self.sees or not self.expected

    @property
    def forces_fallback(self) -> bool:
        return self.stage >= 1

    @property
    def forces_zero(self) -> bool:
        return self.stage >= 2


def highest_of(draws: Iterable[Powers]) -> Powers:
    a, b, c, d = map(max, zip(*draws, strict=True))
    return (a, b, c, d)


def _less(one: Powers, other: Powers) -> Powers:
    a, b, c, d = (x - y for x, y in zip(one, other, strict=True))
    return (a, b, c, d)
