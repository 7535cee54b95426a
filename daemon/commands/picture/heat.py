"""The heat map: connector by time, shaded by mean power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from daemon.commands.picture.chart import (
    AXIS,
    HEAD,
    box,
    charging_entry,
    chart,
    hour_lines,
    legend,
    text,
)
from daemon.commands.picture.markup import Child, Markup, tag
from daemon.commands.picture.scale import (
    LEFT,
    TimeScale,
    highest_kw,
    natural,
    number,
    shade,
    shortened,
)
from planner.plan import Period, Plan
from planner.snapshot import Snapshot

_MOST_CELLS: Final = 144


def heat_map(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Markup]:
    """A cell is a step, or as many steps as it takes to keep cells wide enough to see."""
    keys = {c.key for c in snapshot.connectors} | {s.key for s in plan.stays}
    width = math.ceil(snapshot.steps / _MOST_CELLS) * snapshot.step
    cells = math.ceil((snapshot.end - snapshot.taken_at) / width)
    edges = [min(snapshot.taken_at + i * width, snapshot.end) for i in range(cells + 1)]
    height = 24 if len(keys) <= 16 else 16 if len(keys) <= 50 else 11
    bottom = HEAD + len(keys) * height + 2
    highest = highest_kw(plan)
    rows = []
    names = {key: f"{key[0]}/{key[1]}" for key in keys}
    for i, key in enumerate(sorted(keys, key=lambda k: natural(names[k]))):
        periods = [p for s in plan.stays if s.key == key for p in s.periods]
        means = mean_powers(periods, edges)
        rows.append(_row(names[key], means, edges, scale, (HEAD + i * height, height), highest))
    minutes = width / timedelta(minutes=1)
    said = f"Mean power of {len(keys)} connectors in cells of {minutes:g} minutes."
    inside: list[Child] = [hour_lines(scale, HEAD, bottom), rows]
    return [
        chart("heat", "Power by connector and time", said, bottom + AXIS, inside),
        legend(charging_entry(plan), tag("li", None, f"mean over {minutes:g} minutes")),
    ]


def mean_powers(periods: Sequence[Period], edges: Sequence[datetime]) -> list[float]:
    """kW between each two edges, which are as far apart as the first two but for the last."""
    width = edges[1] - edges[0]
    energy = [0.0] * (len(edges) - 1)
    for p in periods:
        first = max((p.start - edges[0]) // width, 0)
        for i in range(first, len(energy)):
            if edges[i] >= p.end:
                break
            overlap = min(p.end, edges[i + 1]) - max(p.start, edges[i])
            energy[i] += p.kw * max(overlap / timedelta(hours=1), 0.0)
    spans = ((b - a) / timedelta(hours=1) for a, b in pairwise(edges))
    return [kwh / h for kwh, h in zip(energy, spans, strict=True)]


def _row(
    name: str,
    means: Sequence[float],
    edges: Sequence[datetime],
    scale: TimeScale,
    place: tuple[float, float],
    highest: float,
) -> Markup:
    top, height = place
    label = text(LEFT - 8, top + height / 2 + 3.5, shortened(name, 15), "row-label", "end")
    cells: list[Child] = []
    i = 0
    while i < len(means):
        j = i + 1
        while j < len(means) and abs(means[j] - means[i]) < 0.05:
            j += 1
        if means[i] > 1e-3:
            x = scale.x(edges[i])
            said = f"{name}, {scale.span(edges[i], edges[j])}: {number(means[i])} kW"
            style = f"cell kw{shade(means[i], highest)}"
            width, title = max(scale.x(edges[j]) - x, 0.5), tag("title", None, said)
            cells.append(box(style, x, top + 0.5, width, height - 1, title))
        i = j
    return tag("g", {"class": "row"}, label, cells)
