"""The figures on top, and the tables of vehicles and connectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from daemon.commands.picture.energy import Course
from daemon.commands.picture.markup import Child, Markup, tag
from daemon.commands.picture.scale import TimeScale, hours, natural, number
from planner.plan import Plan, Stay
from planner.snapshot import Connector, Snapshot

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Column:
    """Words may wrap, figures are aligned at the right."""

    name: str
    style: str | None


def words(*names: str) -> list[Column]:
    return [Column(name, None) for name in names]


def amounts(*names: str) -> list[Column]:
    return [Column(name, "number") for name in names]


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Child]]) -> Markup:
    """The first column of each row is its heading."""
    head = [tag("th", {"scope": "col", "class": c.style}, c.name) for c in columns]
    body = [
        tag("tr", None, tag("th", {"scope": "row"}, row[0]),
            [tag("td", {"class": c.style}, x) for c, x in zip(columns[1:], row[1:], strict=True)])
        for row in rows
    ]  # fmt: skip
    return tag(
        "div",
        {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": caption},
        tag(
            "table",
            None,
            tag("caption", None, caption),
            tag("thead", None, tag("tr", None, head)),
            "\n",
            tag("tbody", None, body),
        ),
    )


def figures(snapshot: Snapshot, plan: Plan, found: list[Course], scale: TimeScale) -> Markup:
    """Tiers first, in their order, then what the plan does."""
    return tag(
        "dl", {"id": "figures"}, _tiers(snapshot, plan), _deeds(snapshot, plan, found, scale)
    )


def _tiers(snapshot: Snapshot, plan: Plan) -> list[Child]:
    tiers, cost, money = plan.objective, plan.cost, snapshot.site.currency
    parts = [f"energy {cost.energy:.2f}, peak {cost.peak:.2f}, wear {cost.wear:.2f}"]
    if plan.bound is None:
        parts.append("no bound is known")
    else:
        parts.append(f"at least {plan.bound.money:.2f}, gap {plan.bound.gap:.2%}")
    short = sum(1 for s in plan.shortfalls if s.kwh > 0)
    return [
        _figure("Unserved", f"{tiers.unserved:g}", "priorities",
                f"{len(plan.allocations)} routes driven, {len(plan.unserved)} not"),
        _figure("Shortfall", number(tiers.shortfall_kwh), "kWh",
                f"at {short} departures or ends" if short else "nothing is missing"),
        _figure("Money", f"{tiers.money:.2f}", money, *parts),
        _figure("Taste", number(tiers.taste), "",
                "changes, plug moves, charging late, soft rules: less is better"),
    ]  # fmt: skip


def _deeds(snapshot: Snapshot, plan: Plan, found: list[Course], scale: TimeScale) -> list[Child]:
    metered = sum(s.energy_kwh for s in plan.stays)
    stored = sum(_stored_kwh(c, plan.stays) for c in found)
    wanted = stored + plan.objective.shortfall_kwh
    sockets = [_Use.of(c, plan, scale) for c in snapshot.connectors if c.controllable]
    busy, worked = (_mean([u.held for u in sockets]), _mean([u.worked for u in sockets]))
    peak = max(plan.site, key=lambda s: s.import_kw, default=None)
    if peak is None:
        top = _figure("Peak", "–", "kW", "no step is planned")
    else:
        limit = snapshot.site.import_limit_kw.lowest(peak.start, peak.end)
        so_far = snapshot.site.peak_so_far_kw
        top = _figure("Peak", number(peak.import_kw), "kW",
                      f"of {number(limit)} kW at {scale.moment(peak.start)}",
                      f"{number(so_far)} kW so far in the period" if so_far else None)  # fmt: skip
    return [
        _figure("Energy", number(metered), "kWh", "from the connectors",
                f"{number(stored)} kWh into the vehicles"),
        _figure("Planned energy", f"{stored / wanted:.1%}" if wanted > 0 else "–", "",
                f"of the {number(wanted)} kWh wanted" if wanted > 0 else "nothing was wanted"),
        top,
        _figure("Workload", f"{worked:.0%}", "", "of what the connectors could give",
                f"held by vehicles {busy:.0%} of the time"),
    ]  # fmt: skip


def _figure(name: str, value: str, unit: str, *details: str | None) -> Markup:
    said = tag("span", {"class": "value"}, value,
               tag("span", {"class": "unit"}, unit) if unit else None)  # fmt: skip
    lines = [tag("span", {"class": "detail"}, d) for d in details if d]
    return tag("div", {"class": "figure"}, tag("dt", None, name), tag("dd", None, said, lines))


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _stored_kwh(course: Course, stays: Sequence[Stay]) -> float:
    mine = (s.energy_kwh for s in stays if s.vehicle == course.vehicle.id)
    return course.vehicle.efficiency * sum(mine)


@dataclass(frozen=True, slots=True)
class _Use:
    """A connector's shares of the horizon: held by a vehicle, and worked of its whole power."""

    stays: list[Stay]
    held: float
    worked: float

    @classmethod
    def of(cls, connector: Connector, plan: Plan, scale: TimeScale) -> _Use:
        stays = [s for s in plan.stays if s.key == connector.key]
        whole = scale.end - scale.start
        held = sum((s.end - s.start for s in stays), timedelta()) / whole
        most = connector.max_kw * (whole / _HOUR)
        kwh = sum(s.energy_kwh for s in stays)
        return cls(stays, held, kwh / most if most > 0 else 0.0)


def vehicle_table(snapshot: Snapshot, plan: Plan, found: list[Course]) -> Markup:
    columns = [
        *words("Vehicle", "Type", "Charged at", "Routes"),
        *amounts("Charged kWh", "Start to end kWh", "Target kWh", "Least margin kWh", "Short kWh"),
        *amounts("Peak kW", "Plugged h", "Charging h"),
        *amounts(f"At import price {snapshot.site.currency}"),
    ]
    rows = [_vehicle_row(snapshot, plan, course) for course in found]
    return table("Figures by vehicle", columns, rows)


def _vehicle_row(snapshot: Snapshot, plan: Plan, course: Course) -> list[Child]:
    vehicle = course.vehicle
    stays = sorted((s for s in plan.stays if s.vehicle == vehicle.id), key=lambda s: s.start)
    periods = [p for s in stays for p in s.periods if p.kw > 0]
    places = dict.fromkeys(f"{s.station}/{s.connector}" for s in stays)
    price = snapshot.site.import_price_per_kwh
    paid = sum(p.kw * ((p.end - p.start) / _HOUR) * price.mean(p.start, p.end) for p in periods)
    short = sum(s.kwh for s in plan.shortfalls if s.vehicle == vehicle.id)
    margins = [n.has_kwh - n.need_kwh for n in course.needs]
    return [
        vehicle.id,
        vehicle.type if vehicle.in_service else f"{vehicle.type}, out of service",
        ", ".join(places) or "–",
        ", ".join(r.id for r in sorted(course.away, key=lambda r: r.depart)) or "–",
        number(sum(s.energy_kwh for s in stays)),
        f"{number(vehicle.energy_kwh)} → {number(course.end_kwh)}",
        number(vehicle.target_kwh),
        number(min(margins)) if margins else "–",
        tag("strong", {"class": "bad"}, number(short)) if short > 0 else "–",
        number(max((p.kw for p in periods), default=0.0)),
        hours(sum((s.end - s.start for s in stays), timedelta())),
        hours(sum((p.end - p.start for p in periods), timedelta())),
        f"{paid:.2f}",
    ]


def connector_table(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> Markup:
    columns = [
        *words("Connector", "Circuit"),
        *amounts("kW", "Given kWh", "Workload", "Held", "Peak kW"),
        *words("Vehicles"),
    ]
    sockets = sorted(snapshot.connectors, key=lambda c: (natural(c.station), c.connector))
    rows = []
    for connector in sockets:
        use = _Use.of(connector, plan, scale)
        fixed = f"fixed load of {number(connector.load_kw)} kW"
        rows.append([
            f"{connector.station}/{connector.connector}",
            connector.circuit or "–",
            f"{number(connector.min_kw)} to {number(connector.max_kw)}",
            number(sum(s.energy_kwh for s in use.stays)),
            f"{use.worked:.0%}",
            f"{use.held:.0%}",
            number(max((p.kw for s in use.stays for p in s.periods), default=0.0)),
            _vehicles(use.stays) if connector.controllable else fixed,
        ])  # fmt: skip
    return table("Figures by connector", columns, rows)


def _vehicles(stays: Sequence[Stay]) -> str:

    return ", ".join(dict.fromkeys(s.vehicle for s in sorted(stays, key=lambda s: s.start))) or "–"
