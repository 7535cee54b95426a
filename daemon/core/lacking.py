"""What the plan that is followed leaves undone is told: routes that nobody drives, energy that is
not there."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from planner.plan import Plan
from planner.series import format_instant

# An alert is read on a phone: the plan has the rest.
NAMED = 5


def tell_lacking(depot: Depot, plan: Plan, now: Now) -> Iterator[Effect]:
    """One alert for what was not told yet, and one when the plan lacks nothing again.

    What a plan has won back and the next one loses is not told twice: plans are made on every
    event, and somebody who is short by little may be so in every second one.
    """
    lacking = _lacking(plan)
    unheard = [text for key, text in lacking.items() if key not in depot.told_lacking]
    if unheard:
        depot.told_lacking |= lacking.keys()
        more = f"; and {len(unheard) - NAMED} more" if len(unheard) > NAMED else ""
        yield from alert(depot, now, "plan_lacks", "; ".join(unheard[:NAMED]) + more)
    elif depot.told_lacking and not lacking:
        depot.told_lacking.clear()
        text = "every route that can be seen is driven, and no vehicle lacks energy"
        yield from alert(depot, now, "plan_whole", text, severity="info")


def _lacking(plan: Plan) -> dict[str, str]:
    """What to say, by route, or by vehicle and what it wants the energy for."""
    found = {f"route {x.route}": f"{x.route} is not driven: {x.reason}" for x in plan.unserved}
    for x in plan.shortfalls:
        for_what = "at the end of the window" if x.route is None else f"for {x.route}"
        text = f"{x.vehicle} lacks {x.kwh:.1f} kWh {for_what} at {format_instant(x.at)}"
        found[f"{x.vehicle} {for_what}"] = text
    return found
