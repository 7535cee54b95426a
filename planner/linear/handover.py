"""Connectors handed over as soon as the charging before is done, and not at the next step.

A search books connectors for whole steps, the last of a visit often for little energy, while the
next vehicle is there already.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from planner.drafts.choices import Choices
from planner.drafts.draft import SHORTEST_S, Draft, Visit
from planner.drafts.timeline import Socket
from planner.snapshot import Snapshot

_MS = 0.001
"""Instants are rounded to so much of a second, and this is added: the energy is to fit."""


def handed_over(snapshot: Snapshot, chosen: Choices, draft: Draft, charged: Draft) -> Draft | None:
    """`charged`, with the visits as long as they could have their connectors: each until it is done
    at full power, where the next one is there by then. None where no visit begins sooner that way.

    `draft` has the visits as long as the vehicles are at the depot.
    """
    most_kw = {c.key: c.max_kw for c in snapshot.connectors}
    wide: list[Visit] = []
    sooner = False
    for socket, queue in _queues(draft, charged).items():
        free_s = 0.0
        for visit, after in itertools.pairwise((*queue, None)):
            assert visit is not None
            vehicle = chosen.vehicles[visit.vehicle]
            start_s, end_s = max(visit.start_s, free_s), visit.end_s
            if after is not None:
                begins_s = after.charges[0].start_s
                done_s = _done_s(visit, min(most_kw[socket], vehicle.max_charge_kw))
                free_s = min(max(done_s, after.start_s), begins_s)
                sooner = sooner or free_s < begins_s - SHORTEST_S
                end_s = min(end_s, free_s)
            wide.append(replace(visit, start_s=start_s, end_s=end_s))
    wide.sort(key=lambda v: (v.vehicle, v.start_s))
    return replace(charged, visits=wide) if sooner else None


def _queues(draft: Draft, charged: Draft) -> dict[Socket, list[Visit]]:
    """By connector the visits that charge there, in order, with the charges of `charged`."""
    found: dict[Socket, list[Visit]] = {}
    there: dict[str, list[Visit]] = {}
    for visit in sorted(draft.visits, key=lambda v: v.start_s):
        there.setdefault(visit.vehicle, []).append(visit)
    for visit in charged.visits:
        if visit.charges and visit.socket is not None:
            whole = next(v for v in there[visit.vehicle] if visit.charges[0].start_s < v.end_s)
            longest = replace(visit, start_s=whole.start_s, end_s=whole.end_s)
            found.setdefault(visit.socket, []).append(longest)
    for queue in found.values():
        queue.sort(key=lambda v: v.charges[0].start_s)
    return found


def _done_s(visit: Visit, most_kw: float) -> float:
    """When the visit's last charge would end at full power."""
    last = visit.charges[-1]
    return round(last.start_s + (last.end_s - last.start_s) * min(1.0, last.kw / most_kw), 3) + _MS
