"""What a demo shows: a table while it runs, what came of it at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from planner.series import Series, format_instant
from simulation.outcome import SitePower, StationOutcome
from simulation.station import VirtualStation
from simulation.world import World

# Below this a departure is on time: the meter's rounding, not a want of energy.
SHORT_KWH: Final = 0.5


def live_table(
    world: World,
    stations: Sequence[VirtualStation],
    *,
    at: datetime,
    base_load: Series,
    limit: Series,
) -> Group:
    """The depot at `at`, for a terminal."""
    table = Table(title=status_line(world, stations, at=at, base_load=base_load, limit=limit))
    for column in ("station", "OCPP", "vehicle"):
        table.add_column(column)
    for column in ("kWh in it", "may kW", "draws kW", "profiles", "metered kWh"):
        table.add_column(column, justify="right")
    for station in stations:
        for evse in station.evses.values():
            vehicle = evse.vehicle
            table.add_row(
                station.spec.id,
                station.spec.version.value.removeprefix("ocpp"),
                "" if vehicle is None else vehicle.id,
                "" if vehicle is None else f"{vehicle.energy_kwh:.1f}",
                f"{evse.offered_kw:.1f}" if evse.transaction is not None else "",
                f"{evse.power_kw:.1f}" if evse.power_kw else "",
                f"{station.record.profiles_accepted}/{station.record.profiles_received}",
                f"{evse.energy_kwh:.1f}",
                style=None if station.online.is_set() else "dim",
            )
    last = [Text(str(alert["text"]), style="yellow") for alert in world.alerts[-3:]]
    return Group(table, *last)


def status_line(
    world: World,
    stations: Iterable[VirtualStation],
    *,
    at: datetime,
    base_load: Series,
    limit: Series,
) -> str:
    powers = [evse.power_kw for station in stations for evse in station.evses.values()]
    plan = world.plan
    planned = "no plan yet" if plan is None else f"plan {plan.revision} ({plan.status})"
    return (
        f"{format_instant(at.replace(microsecond=0))}  site {sum(powers) + base_load.at(at):.1f} "
        f"of {limit.at(at):g} kW, {sum(kw > 0 for kw in powers)} charging, {planned}"
    )


def print_end(
    console: Console,
    world: World,
    outcomes: Sequence[StationOutcome],
    power: SitePower,
    problems: Sequence[str],
) -> None:
    console.print(_stations(outcomes))
    console.print(_reasons(world))
    console.print(_trips(world))
    console.print(
        f"site: at most {power.highest_kw:.1f} kW at "
        f"{format_instant(power.highest_at.replace(microsecond=0))}, limit {power.limit_kw:g} kW; "
        f"{world.plans} plans"
    )
    for line in _alerts(world):
        console.print(line, highlight=False)
    for problem in problems:
        console.print(f"WRONG: {problem}", style="bold red")
    if not problems:
        console.print("every profile was obeyed or flagged, and the limit held", style="bold green")


def as_json(
    world: World,
    outcomes: Sequence[StationOutcome],
    power: SitePower,
    problems: Sequence[str],
) -> Mapping[str, object]:
    """The end of a demo for a machine."""
    return {
        "stations": [
            {
                "station": o.station,
                "version": o.version,
                "planned_kwh": round(o.planned_kwh, 2),
                "sent": o.sent,
                "accepted": o.accepted,
                "obeyed": o.obeyed,
                "rejections": dict(o.rejections),
                "flagged": o.flagged,
                "metered_kwh": round(o.metered_kwh, 2),
                "peak_kw": round(o.peak_kw, 2),
            }
            for o in outcomes
        ],
        "site": {
            "highest_kw": round(power.highest_kw, 2),
            "at": format_instant(power.highest_at),
            "limit_kw": power.limit_kw,
            "over_s": round(power.over_s, 1),
        },
        "departures": [
            {
                "route": d.trip,
                "at": format_instant(d.at),
                "vehicle": d.vehicle,
                "driven": d.here,
                "short_kwh": round(d.short_kwh, 2),
                "hopeless_kwh": round(d.hopeless_kwh, 2),
            }
            for d in world.departures
        ],
        "plans": world.plans,
        "alerts": list(world.alerts),
        "problems": list(problems),
    }


def _stations(outcomes: Sequence[StationOutcome]) -> Table:
    table = Table(title="stations")
    for column in ("station", "OCPP"):
        table.add_column(column)
    for column in ("planned kWh", "sent", "accepted"):
        table.add_column(column, justify="right")
    table.add_column("obeyed")
    for column in ("metered kWh", "highest kW"):
        table.add_column(column, justify="right")
    for o in outcomes:
        word = "yes" if o.obeyed else "no, flagged" if o.flagged else "NO"
        table.add_row(
            o.station,
            o.version,
            f"{o.planned_kwh:.1f}",
            str(o.sent),
            str(o.accepted),
            word,
            f"{o.metered_kwh:.1f}",
            f"{o.peak_kw:.1f}",
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        f"{sum(o.planned_kwh for o in outcomes):.1f}",
        str(sum(o.sent for o in outcomes)),
        str(sum(o.accepted for o in outcomes)),
        "",
        f"{sum(o.metered_kwh for o in outcomes):.1f}",
        "",
    )
    return table


def _reasons(world: World) -> Table:
    table = Table("vehicle or route", "the plan's reason", title="why")
    for vehicle, why in sorted(world.reasons.items()):
        table.add_row(vehicle, why)
    for route, reason in sorted(world.unserved.items()):
        table.add_row(route, f"unserved: {reason}")
    return table


def _alerts(world: World) -> Iterator[str]:
    """One line for each kind and station: how often, and the last one's words."""
    last = {(a["kind"], a.get("station")): a for a in world.alerts}
    times = Counter((a["kind"], a.get("station")) for a in world.alerts)
    for key, alert in last.items():
        often = "" if times[key] == 1 else f" ({times[key]} times)"
        yield f"alert {alert['at']} {alert['kind']}{often}: {alert['text']}"


def _trips(world: World) -> str:
    driven = [d for d in world.departures if d.here]
    short = [d for d in driven if d.short_kwh > SHORT_KWH]
    text = f"departures: {len(driven)} of {len(world.departures)} driven"
    if short:
        text += (
            f", {len(short)} of them short of {sum(d.short_kwh for d in short):.1f} kWh ("
            f"{sum(d.hopeless_kwh for d in short):.1f} kWh of it more than their own chargers take "
            "in the time): "
        )
        text += ", ".join(f"{d.vehicle} {d.short_kwh:.1f}" for d in short)
    return text
