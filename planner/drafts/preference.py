"""Which of a vehicle's visits `rules.soft.charger_preference` is about, by what the vehicle drives.

No visit has a departure within it, so when it begins tells which of the routes come after it.
"""

from __future__ import annotations

from collections.abc import Sequence

from planner.drafts.options import Drive
from planner.drafts.timeline import Barred, Timeline
from planner.soft import ChargerPreference


def counts(rule: ChargerPreference, start_s: float, drives: Sequence[Drive]) -> bool:
    """Whether the rule is about the visit, or the charging, that begins at `start_s`."""
    if rule.routes == "all":
        return True
    before = [d for d in drives if d.depart_s <= start_s + 1e-6]
    if rule.routes == "first":
        return not before
    after = [d for d in drives if d not in before]
    return bool(after) and min(after, key=order) == min(drives, key=rank)


def barred(line: Timeline, drives: Sequence[Drive], start_s: float) -> Barred | None:
    """What is barred to the visit that begins at `start_s` by a hard rule that is not about all of
    them; `drives` are all that its vehicle drives."""
    if line.barred is None or not counts(line.barred.rule, start_s, drives):
        return None
    return line.barred


def order(drive: Drive) -> tuple[float, str]:
    return drive.depart_s, drive.route


def rank(drive: Drive) -> tuple[float, float, str]:
    """The longest route first, of two as long the earlier one; lengths to a microsecond, for
    instants have no more."""
    return round(drive.depart_s - drive.return_s, 6), drive.depart_s, drive.route
