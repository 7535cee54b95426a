"""The site's own meter: the truth about the sum, where chargers' meters are hints."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

Powers = tuple[float, float, float, float]
Amperes = tuple[float, float, float]
# So many leaps in a short time are no meter's.
LEAPS = 3


@dataclass(slots=True, kw_only=True)
class Held:
    """What one sample showed: what is drawn besides charging at least, at most, and as it was
    believed after it."""

    at_s: float
    base_kw: Powers
    most_kw: Powers
    believed_kw: Powers = (0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True, kw_only=True)
class SiteMeter:
    """What is believed of the meter; `expected`: the settings name one.

    `base_kw` is the site's draw besides charging, as a whole and by phase, and `most_base_kw` the
    most that it may be, where chargers have not shown what they draw; both the highest of a while
    (`bases`). `acted_kw` is what both were when bookings were last looked at for their sake.
    `assumed_kw` is what EVSEs were taken to draw in the newest sample without having shown it.
    `stage` 1 has all chargers fall back, 2 stops them. `blind` says why it cannot be trusted, and
    `last_until_s` until when what it showed last counts all the same; then it is `given_up` until
    it is measured by again. `behind`: since when (in monotonic seconds) samples are older than
    `at`, and the newest of these."""

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
    assumed_kw: dict[tuple[str, int], float] = field(default_factory=dict)
    blind: str | None = None
    last_until_s: float | None = None
    given_up: bool = False
    same_s: float = 0.0
    same_kw: float = 0.0
    stands_still: bool = False
    leaps: deque[float] = field(default_factory=lambda: deque(maxlen=LEAPS))
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

    def forget_since(self, at_s: float, charging_kw: Powers) -> None:
        """So much of what was held as base load since then was charging. What was believed then
        stands, and what has come since besides."""
        since = [held for held in self.bases if held.at_s > at_s]
        before = [held for held in self.bases if held.at_s <= at_s]
        if since:
            least_kw = before[-1].believed_kw if before else (-math.inf,) * 4
            a, b, c, d = map(max, least_kw, _less(self.base_kw, charging_kw))
            self.base_kw = (a, b, c, d)
        for held in since:
            held.base_kw = _less(held.base_kw, charging_kw)
            held.believed_kw = _less(held.believed_kw, charging_kw)

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


def _less(one: Powers, other: Powers) -> Powers:
    a, b, c, d = (x - y for x, y in zip(one, other, strict=True))
    return (a, b, c, d)
