"""Law 2: the turnaround between two routes of a vehicle, and pairs that exclude each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from planner.drafts.choices import Drive, clash
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    drive = columns["drive"]
    gap_s = snapshot.rules.gap_minutes * 60
    for vehicle, drives in columns.scope.chosen.drives.items():
        covered: set[frozenset[str]] = set()
        for clique in _busy(drives, gap_s):
            covered |= {frozenset((a.route, b.route)) for a, b in itertools.combinations(clique, 2)}
            rows.add([(drive[vehicle, d.route], 1.0) for d in clique], upper=1.0)
        for a, b in itertools.combinations(drives, 2):
            if frozenset((a.route, b.route)) not in covered and clash(a, b, snapshot.rules):
                pair = (drive[vehicle, a.route], drive[vehicle, b.route])
                rows.add([(c, 1.0) for c in pair], upper=1.0)


def _busy(drives: Sequence[Drive], gap_s: float) -> list[list[Drive]]:
    """The drives under way or turned around at each departure: any two of them overlap, and one
    row over all of them is tighter than one a pair."""
    cliques: list[list[Drive]] = []
    for now in drives:
        clique = [
            d for d in drives if d.depart_s <= now.depart_s < d.return_s + gap_s - 1e-6 or d is now
        ]
        if len(clique) > 1:
            cliques.append(clique)
    return cliques
