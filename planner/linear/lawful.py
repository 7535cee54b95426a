"""What a solution of the charging's linear program means, with no burst that breaks a law.

Means below a connector's minimum power are drawn as bursts. Where these break a limit, or lie above
the charge curve, energy moves within visits (`repair`) and vehicles take turns within a step
(`turns`), first where that costs nothing, and the battery does what the program did not know of
(`stationary`). What is left may cost a little energy (`giving`), or is for the next program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats
from planner.linear.bursts import overs_kw, unlawful
from planner.linear.columns import Columns
from planner.linear.extract import extract
from planner.linear.giving import given_up
from planner.linear.repair import repaired
from planner.linear.scope import Place
from planner.linear.stationary import scheduled
from planner.linear.turns import in_turn

_GIVING: Final = 2
"""So often something is given up: what others draw less in a step changes their turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """`draft` is None where a law stays broken; `x` has its powers and its shortfall. `dear` are
    the places that could not be mended without cost."""

    draft: Draft | None
    x: Floats
    dear: frozenset[Place]


def mended(columns: Columns, x: Floats, price: Floats, *, giving: bool) -> Mended:
    """What `x` charges, as near as can be to it; `price` is that of a kWh by step. Energy that only
    targets want is given up with `giving`."""
    scope = columns.scope
    if any(group.min_kw > 0 for group in scope.groups):
        x = repaired(columns, x, price)
    draft = _in_turn(columns, x)
    left = dear = unlawful(scope, draft)
    if left:
        x = repaired(columns, x, price, {scope.parts[name][k].step for name, _, k in left})
        draft, x, left = _with_battery(columns, x)
    for _ in range(_GIVING if giving else 0):
        if not left:
            break
        given = given_up(columns, x, price, overs_kw(scope.line, draft))
        draft, x, left = _with_battery(columns, given)
    return Mended(draft=None if left else draft, x=x, dear=frozenset(dear))


def _in_turn(columns: Columns, x: Floats) -> Draft:
    draft = extract(columns, x)
    assert draft is not None, "each visit has its connector"
    return in_turn(columns.scope, draft)


def _with_battery(columns: Columns, x: Floats) -> tuple[Draft, Floats, set[Place]]:
    """The draft of a solution, its battery scheduled anew if need be, the solution with that, and
    what breaks a law all the same."""
    scope, draft = columns.scope, _in_turn(columns, x)
    left = unlawful(scope, draft)
    if not left or draft.battery_kw is None:
        return draft, x, left
    draft = scheduled(scope, draft)
    assert draft.battery_kw is not None
    x = x.copy()
    x[columns.numbers("charge")] = np.maximum(draft.battery_kw, 0.0)
    x[columns.numbers("discharge")] = np.maximum(-draft.battery_kw, 0.0)
    return draft, x, unlawful(scope, draft)
