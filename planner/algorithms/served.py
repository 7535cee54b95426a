"""Routes that the charging of an algorithm cannot supply are left out (law 4)."""

from __future__ import annotations

from collections.abc import Callable

from planner.algorithms.at_hand import AtHand
from planner.algorithms.dispatch import Drives
from planner.drafts.assemble import MISSING_KWH, follow
from planner.drafts.draft import Draft


def served(hand: AtHand, drives: Drives, charge: Callable[[Drives], Draft]) -> Draft:
    """What `charge` makes of `drives`, without the routes for which it leaves too little.

    The first such route of each vehicle is taken away, and all are charged again: a route less is
    time and energy for the next one. In `charging` mode all routes are driven all the same.
    """
    left = {name: list(own) for name, own in drives.items()}
    while True:
        draft = charge(left)
        if hand.chosen.given:
            return draft
        short = False
        for name, trace in follow(hand.chosen, draft, hand.line).items():
            lacking = [d for d, kwh in trace.departures if d.need_kwh - kwh > MISSING_KWH / 2]
            if lacking:
                left[name].remove(min(lacking, key=lambda d: (d.depart_s, d.route)))
                short = True
        if not short:
            return draft
