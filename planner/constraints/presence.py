"""Law 5: a stay is outside the vehicle's routes and their departure buffers."""

from __future__ import annotations

from collections.abc import Sequence

from planner.drafts.choices import Drive, clash
from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.linear.scope import blocks
from planner.snapshot import Rules, Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """Where nobody chooses a connector the power itself stands for the presence."""
    scope, drive, hold, kw = columns.scope, columns["drive"], columns["hold"], columns["kw"]
    if scope.fixed:
        return
    buffer_s = snapshot.rules.departure_buffer_minutes * 60
    for name, drives in scope.chosen.drives.items():
        for k, part in enumerate(scope.parts[name]):
            groups = scope.where[name][k]
            here: list[Term]
            if name in scope.holders:
                held = range(len(scope.groups))
                here = [(hold[name, g, k], 1.0) for g in held if (name, g, k) in hold]
            else:
                most = [scope.most_kw(name, g, part.step) for g in groups]
                here = [(kw[name, g, k], 1 / x) for g, x in zip(groups, most, strict=True)]
            away = [d for d in drives if blocks(d, part, buffer_s)]
            if here:
                for clique in _cliques(away, snapshot.rules):
                    gone = [(drive[name, d.route], 1.0) for d in clique]
                    rows.add([*here, *gone], upper=1.0)


def _cliques(drives: Sequence[Drive], rules: Rules) -> list[list[Drive]]:
    """Drives of which one excludes the others share a row. Two short ones may both follow within a
    buffer longer than they take; these do not."""
    cliques: list[list[Drive]] = []
    for d in drives:
        for clique in cliques:
            if all(clash(d, other, rules) for other in clique):
                clique.append(d)
                break
        else:
            cliques.append([d])
    return cliques
