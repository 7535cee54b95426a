"""Power lent for a time: at most so many kW, then the fallback, without a word from us."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FOREVER = math.inf
# Lent before we started: when, by this run's clock, is told at the first look (`dated`).
UNDATED = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """At most `kw` until the monotonic second `until_s`, then the fallback; FOREVER: until told
    otherwise. `given_s` is when it was lent: half of its life later it is due for renewal."""

    kw: float
    given_s: float
    until_s: float

    def renewal_s(self, lateness: float) -> float:
        """When to lend again: at half-life, up to a fifth of it earlier by `lateness` (0 to 1), so
        that a hundred stations are not told in the same instant."""
        return self.given_s + (self.until_s - self.given_s) * (0.4 + 0.1 * lateness)

    def is_over(self, now_s: float) -> bool:
        return now_s >= self.until_s

    def dated(self, now_s: float, lease_s: float) -> Lease:
        """One of the last run is taken to have been lent just now."""
        if self.until_s != UNDATED:
            return self
        return Lease(kw=self.kw, given_s=now_s, until_s=now_s + lease_s)

    def set_by(self, seconds: float) -> Lease:
        """The same after our wall clock was set forward by `seconds`: its end is an instant of that
        clock, to which a station comes later where it was set back."""
        return replace(self, until_s=self.until_s + max(0.0, -seconds))

    def past_s(self, slack_s: float) -> float:
        """When it is over by the slowest clock that is lent to, and for the slowest vehicle
        (`SiteSpec.slack_s`)."""
        return self.until_s + slack_s


def either(a: Lease, b: Lease | None) -> Lease:
    """What covers both, where it is not known which of them holds."""
    if b is None:
        return a
    return Lease(
        kw=max(a.kw, b.kw),
        given_s=max(a.given_s, b.given_s),
        until_s=max(a.until_s, b.until_s),
    )
