"""What a kind of station keeps when it hears nothing from us: the capability classes A, B and C.

A class belongs to a vendor, model and firmware. It is learned from what was metered in silence:
lowered at once on evidence, raised only by proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

# A meter's error, and a station's in following a limit (see obedience.py).
ABOVE, SLACK_KWH = 1.10, 0.02
# A vehicle that takes this share of what it may is held by the limit and not by itself.
BELOW = 0.8
# Two expectations that differ by less cannot be told apart.
APART = 1.25
# Who was seen to forget once may do so again: one good silence is no proof any more.
PROOFS_AFTER_EVIDENCE = 3


class Keeps(StrEnum):
    """A honours the end of a lease; B keeps what it was told last, or its static fallback; C keeps
    nothing. None, where it stands for one, is a station that has shown nothing yet."""

    LEASES = "A"
    FALLBACK = "B"
    NOTHING = "C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one silence shows: what a station keeps at least, and at most. None: nothing."""

    least: Keeps | None = None
    most: Keeps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A vendor, model and firmware: its class, and how many proofs would raise it."""

    keeps: Keeps | None = None
    proofs_wanted: int = 1

    def after(self, shown: Shown) -> Kind:
        known = _RANK[self.keeps]
        if self.keeps is None and shown.most is Keeps.NOTHING:
            return Kind(keeps=Keeps.NOTHING, proofs_wanted=PROOFS_AFTER_EVIDENCE)
        if shown.most is not None and _RANK[shown.most] < known:
            return Kind(keeps=shown.most, proofs_wanted=PROOFS_AFTER_EVIDENCE)
        if shown.least is None or _RANK[shown.least] <= known:
            return self
        if self.proofs_wanted > 1:
            return replace(self, proofs_wanted=self.proofs_wanted - 1)
        return Kind(keeps=shown.least)


def shown(
    metered_kwh: float,
    *,
    lease_kwh: float,
    late_kwh: float,
    static_kwh: float,
    nothing_kwh: float,
    share: float = 1.0,
) -> Shown:
    """What a silence shows of a station.

    The three expectations are what could have been metered had it kept its lease (`late_kwh` more
    by a slow clock or vehicle), only what it was told last, or nothing at all, each as it is told:
    a vehicle on fewer phases takes a `share` of that, and may take all of it as soon as it has the
    others back. A silence in which the vehicle took much less than all of them proves nothing.
    """
    told_kwh = metered_kwh / share
    if _exceeds(metered_kwh, static_kwh):
        return Shown(most=Keeps.NOTHING)
    proves_static = _matches(told_kwh, static_kwh) and _apart(nothing_kwh, static_kwh)
    if _exceeds(metered_kwh, lease_kwh + late_kwh):
        return Shown(most=Keeps.FALLBACK, least=Keeps.FALLBACK if proves_static else None)
    if _matches(told_kwh, lease_kwh) and _apart(static_kwh, lease_kwh):
        return Shown(least=Keeps.LEASES)
    return Shown(least=Keeps.FALLBACK if proves_static else None)


def _exceeds(metered_kwh: float, expected_kwh: float) -> bool:
    return metered_kwh > expected_kwh * ABOVE + SLACK_KWH


def _matches(metered_kwh: float, expected_kwh: float) -> bool:
    return metered_kwh >= expected_kwh * BELOW and metered_kwh > SLACK_KWH


def _apart(more_kwh: float, less_kwh: float) -> bool:
    return more_kwh > less_kwh * APART + SLACK_KWH


_RANK = {None: 0, Keeps.NOTHING: 0, Keeps.FALLBACK: 1, Keeps.LEASES: 2}
