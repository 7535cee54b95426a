"""`rules.soft.triad`: hours in which a network looks for its highest demand are better left alone.

Where it is hard all connectors have a limit of nothing then (`timeline`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats, Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot
from planner.soft import Triad


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.triad
    return rule is not None and not rule.hard


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """A column for each vehicle, held up by what it is given in these hours."""
    powers, rule = columns.powers, _rule(snapshot)
    price = rule.penalty * _hours(rule, columns.scope.line, powers.start_s, powers.end_s)
    upper = np.array(columns.upper)
    for vehicle, span in powers.spans.items():
        priced = price[span]
        if not priced.any():
            continue
        own = powers.column[span]
        over = columns.add("soft", ("triad", vehicle), 0.0, float(priced @ upper[own]))
        row = rows.add([(over, 1.0)], lower=0.0)
        some = np.flatnonzero(priced)
        rows.extend(np.full(len(some), row), own[some], -priced[some])


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    charges = [charge for visit in draft.visits for charge in visit.charges]
    start_s, end_s, kw = np.array(charges, dtype=np.float64).reshape(-1, 3).T
    rule = _rule(snapshot)
    return rule.penalty * float(kw @ _hours(rule, line, start_s, end_s))


def _hours(rule: Triad, line: Timeline, start_s: Floats, end_s: Floats) -> Floats:
    """How much of each time lies in these hours."""
    seconds = np.zeros(len(start_s))
    for a, b in _spans_s(rule, line):
        seconds += np.maximum(0.0, np.minimum(end_s, b) - np.maximum(start_s, a))
    return seconds / 3600


def _spans_s(rule: Triad, line: Timeline) -> Sequence[tuple[float, float]]:
    found = rule.spans(line.taken_at, line.instant(line.end_s))
    return [(line.seconds(a), line.seconds(b)) for a, b in found]


def _rule(snapshot: Snapshot) -> Triad:
    rule = snapshot.rules.soft.triad
    assert rule is not None
    return rule
