"""The site's power against its limit, the price beneath, and which limits bind when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from daemon.commands.picture.chart import (
    AXIS,
    Piece,
    chart,
    entry,
    hour_lines,
    legend,
    level_lines,
    line_swatch,
    step_area,
    step_path,
    swatch,
    text,
)
from daemon.commands.picture.markup import Child, Markup
from daemon.commands.picture.rows import Bar, Row, draw_rows, row_height
from daemon.commands.picture.scale import (
    LEFT,
    RIGHT,
    TimeScale,
    ValueScale,
    clock,
    natural,
    number,
)
from planner.plan import Binding, Plan
from planner.series import Series
from planner.snapshot import Site, Snapshot

_TOP: Final = 30.0
_BOTTOM: Final = 220.0
_PRICE_TOP: Final = 284.0
_PRICE_BOTTOM: Final = 354.0
# A limit further above everything else would press the rest to the ground.
_FAR: Final = 2.5


def power_chart(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Markup]:
    """The chart and its legend; power above, price below on the same time axis."""
    site = snapshot.site
    imports = [(s.start, s.end, s.import_kw) for s in plan.site]
    values = _power_scale(site, plan, imports, scale)
    drawn = [
        level_lines(values, "kW"),
        hour_lines(scale, _TOP, _BOTTOM),
        _flows(site, plan, imports, scale, values),
        _limits(site, imports, scale, values),
        _peak_label(imports, scale, values),
        _prices(site, scale),
    ]
    return [
        chart("power", "Site power, limit and price", _said(site, imports, scale),
              _PRICE_BOTTOM + AXIS, drawn),
        legend(*_entries(site, plan)),
    ]  # fmt: skip


def _pieces(series: Series, scale: TimeScale) -> list[Piece]:
    return list(series.pieces(scale.start, scale.end))


def _power_scale(site: Site, plan: Plan, imports: Sequence[Piece], scale: TimeScale) -> ValueScale:
    flows = [*imports, *_pieces(site.base_load_kw, scale), *_pieces(site.pv_kw, scale)]
    known = [v for _, _, v in flows] + [p.kw for p in plan.battery]
    limits = [v for _, _, v in _pieces(site.import_limit_kw, scale)]
    highest = max(known, default=0.0)
    near = [v for v in limits if v <= _FAR * max(highest, 1.0)]
    if _exports(site, imports, scale):
        exported = (-v for _, _, v in _pieces(site.export_limit_kw, scale))
        lowest = min(known, default=0.0)
        near += [v for v in exported if v >= _FAR * min(lowest, -1.0)]
    return ValueScale.of([*known, *near, 1.06 * max([highest, *near])], _TOP, _BOTTOM, count=5)


def _exports(site: Site, imports: Sequence[Piece], scale: TimeScale) -> bool:
    return any(v < 0 for _, _, v in imports) or any(
        v > 0 for _, _, v in _pieces(site.export_limit_kw, scale)
    )


def _flows(
    site: Site, plan: Plan, imports: Sequence[Piece], scale: TimeScale, values: ValueScale
) -> list[Child]:
    base = _pieces(site.base_load_kw, scale)
    drawn: list[Child] = [
        step_area("import-area", imports, scale, values),
        step_path("base-load", base, scale, values),
    ]
    if _has_pv(site):
        drawn.append(step_path("pv", _pieces(site.pv_kw, scale), scale, values))
    if plan.battery:
        battery = [(p.start, p.end, p.kw) for p in plan.battery]
        drawn.append(step_path("battery", battery, scale, values))
    drawn.append(step_path("import", imports, scale, values))
    return drawn


def _limits(
    site: Site, imports: Sequence[Piece], scale: TimeScale, values: ValueScale
) -> list[Child]:
    """The lines where the chart reaches them, and what they are in words at their beginning."""
    high, low = values.levels[-1], values.levels[0]
    drawn: list[Child] = []
    pieces = _pieces(site.import_limit_kw, scale)
    drawn.append(step_path("limit", [p for p in pieces if p[2] <= high], scale, values))
    told = LEFT - 1.0
    for start, _, kw in pieces:
        x = scale.x(start) + 6
        said = f"limit {number(kw)} kW" + (", above this chart" if kw > high else "")
        if x > told and x + len(said) * 6.5 < RIGHT:
            drawn.append(text(x, max(values.y(kw) - 6, _TOP - 6), said, "label limit-label"))
            told = x + len(said) * 6.5
    if _exports(site, imports, scale):
        export = [(a, b, -v) for a, b, v in _pieces(site.export_limit_kw, scale) if -v >= low]
        drawn.append(step_path("limit", export, scale, values))
        if export and export[0][2] < 0:
            said = f"export limit {number(-export[0][2])} kW"
            y = min(values.y(export[0][2]) + 14, _BOTTOM - 4)
            drawn.append(text(scale.x(export[0][0]) + 6, y, said, "label limit-label"))
    return drawn


def _peak(imports: Sequence[Piece]) -> Piece | None:
    return max(imports, key=lambda p: p[2], default=None)


def _peak_label(imports: Sequence[Piece], scale: TimeScale, values: ValueScale) -> Markup | None:
    """Beside the highest step."""
    peak = _peak(imports)
    if peak is None:
        return None
    start, end, kw = peak
    said = f"import, at most {number(kw)} kW"
    right = scale.x(end) + len(said) * 6.6 < RIGHT
    x = scale.x(end) + 5 if right else scale.x(start) - 5
    y = values.y(kw) + 14
    return text(x, y, said, "label import-label", None if right else "end")


def _prices(site: Site, scale: TimeScale) -> list[Child]:
    bought = _pieces(site.import_price_per_kwh, scale)
    sold = _pieces(site.export_price_per_kwh, scale)
    sells = any(v != 0 for _, _, v in sold)
    shown = [*bought, *sold] if sells else bought
    values = ValueScale.of((v for _, _, v in shown), _PRICE_TOP, _PRICE_BOTTOM, count=2)
    drawn: list[Child] = [
        level_lines(values, f"{site.currency}/kWh"),
        hour_lines(scale, _PRICE_TOP, _PRICE_BOTTOM),
        step_path("price", bought, scale, values),
    ]
    if sells:
        drawn.append(step_path("export-price", sold, scale, values))
    for start, end, price in bought:
        said = f"{price:.4f}".rstrip("0").rstrip(".")
        if scale.x(end) - scale.x(start) > len(said) * 7 + 8:
            y = values.y(price) - 5
            drawn.append(text(scale.x(start) + 4, y, said, "label price-label"))
    return drawn


def _said(site: Site, imports: Sequence[Piece], scale: TimeScale) -> str:
    peak = _peak(imports)
    limit = site.import_limit_kw.lowest(scale.start, scale.end)
    told = f"The import limit is at least {number(limit)} kW"
    if peak is not None:
        told += f", import rises to {number(peak[2])} kW at {scale.moment(peak[0])} UTC"
    cheap = site.import_price_per_kwh.lowest(scale.start, scale.end)
    dear = site.import_price_per_kwh.highest(scale.start, scale.end)
    return f"{told}. Energy costs {cheap:g} to {dear:g} {site.currency} per kWh."


def _entries(site: Site, plan: Plan) -> list[Markup]:
    entries = [
        entry("import of a step, base load included", line_swatch("import")),
        entry("import limit", line_swatch("limit")),
        entry("base load", line_swatch("base-load")),
    ]
    if _has_pv(site):
        entries.append(entry("sun, before curtailment", line_swatch("pv")))
    if plan.battery:
        entries.append(entry("battery, charging above zero", line_swatch("battery")))
    entries.append(entry("import price", line_swatch("price")))
    if any(p.value != 0 for p in site.export_price_per_kwh.points):
        entries.append(entry("export price", line_swatch("export-price")))
    return entries


def _has_pv(site: Site) -> bool:
    return any(p.value > 0 for p in site.pv_kw.points)


def binding_chart(plan: Plan, scale: TimeScale) -> list[Markup]:
    """A row for each limit that holds the plan back."""
    found = sorted(plan.binding, key=lambda b: (natural(b.limit), b.start, b.end))
    rows = []
    for limit, bindings in groupby(found, key=lambda b: b.limit):
        bars = [_binding_bar(limit, a, b, scale) for a, b in _spans(bindings)]
        rows.append(Row(name=limit, style="bad", bars=bars))
    bottom = 6 + len(rows) * row_height(len(rows)) + 2
    said = f"{len(rows)} limits hold the plan back at some time."
    inside = [hour_lines(scale, 6, bottom), draw_rows(rows, scale, 6, 1.0)]
    drawn = chart("binding", "Limits that hold the plan back", said, bottom + AXIS, inside)
    return [drawn, legend(entry("the limit leaves no room", swatch("binding-block")))]


def _spans(bindings: Iterable[Binding]) -> list[tuple[datetime, datetime]]:
    """Times of one limit in order, those that touch as one."""
    spans: list[tuple[datetime, datetime]] = []
    for binding in bindings:
        if spans and binding.start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], binding.end)
        else:
            spans.append((binding.start, binding.end))
    return spans


def _binding_bar(limit: str, start: datetime, end: datetime, scale: TimeScale) -> Bar:
    times = scale.span(start, end)
    return Bar(
        kind="binding",
        start=start,
        end=end,
        spoken=f"{limit}, {times}",
        texts=(f"{limit}, {times}", times, clock(start)),
    )
