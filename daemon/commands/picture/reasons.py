"""Why: what is missing on top of the page, and what each stay is there for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daemon.commands.picture.figures import amounts, table, words
from daemon.commands.picture.markup import Child, Markup, tag
from daemon.commands.picture.scale import TimeScale, natural, number
from planner.plan import Plan
from planner.snapshot import Snapshot

_SHOWN: Final = 8


def attention(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> Markup:
    """Routes that nobody drives and energy that is missing, with the plan's reasons, and what the
    plan rests on."""
    routes = {r.id: r for r in snapshot.routes}
    items: list[Child] = []
    for left in sorted(plan.unserved, key=lambda u: natural(u.route)):
        route = routes.get(left.route)
        title = f"Nobody drives {left.route}"
        if route is not None:
            leaves = f"leaves {scale.moment(route.depart)}, priority {route.priority:g}"
            title = f"{title}, {leaves}"
        items.append(_item("critical", title, left.reason))
    for short in sorted(plan.shortfalls, key=lambda s: (s.at, natural(s.vehicle))):
        if short.route is None:
            when = f"of its target at {scale.moment(short.at)}"
        else:
            when = f"for {short.route} at {scale.moment(short.at)}"
        items.append(_item("warning", f"{short.vehicle} lacks {number(short.kwh)} kWh", when))
    said = "Every route is driven, and no energy is missing."
    calm = None if items else tag("p", {"class": "calm"}, said)
    items += [_item("info", "Note", note) for note in plan.notes]
    shown, rest = items[:_SHOWN], items[_SHOWN:]
    return tag(
        "div", None, calm, _listed(shown) if shown else None, _folded(rest) if rest else None
    )


def _listed(items: Sequence[Child]) -> Markup:
    return tag("ul", {"class": "items"}, items)


def _folded(items: Sequence[Child]) -> Markup:
    return tag("details", None, tag("summary", None, f"{len(items)} more"), _listed(items))


def _item(severity: str, said: str, detail: str) -> Markup:
    more = tag("span", {"class": "detail"}, detail) if detail else None
    return tag("li", {"class": f"item {severity}"}, tag("strong", None, said), more)


def stay_table(plan: Plan, scale: TimeScale) -> Markup:
    """Every stay, by vehicle and time, with its reason."""
    columns = [*words("Vehicle", "Connector", "Time (UTC)"), *amounts("kWh"), *words("Why")]
    stays = sorted(plan.stays, key=lambda s: (natural(s.vehicle), s.start, s.key))
    rows = [
        [
            s.vehicle,
            f"{s.station}/{s.connector}",
            scale.span(s.start, s.end),
            number(s.energy_kwh),
            s.why or "–",
        ]
        for s in stays
    ]
    return table("Charging stays", columns, rows)
