"""Operators' commands: done once per id, answered under that id for ever after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from daemon.core.alerts import alert
from daemon.core.depot import KEPT_REPLIES, Depot, LimitOverride
from daemon.core.effects import Effect, Save
from daemon.core.events import MessageRefused
from daemon.core.fleet import Refusal
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_override
from daemon.core.records import Fact, OutboxRecord
from planner.series import format_instant, parse_instant
from protocol.mqtt import topics
from protocol.mqtt.messages import CommandMessage
from protocol.ocpp.commands import ResetStation


def on_command(depot: Depot, message: CommandMessage, now: Now) -> Iterator[Effect]:
    """A repeated id is answered from memory. A wrong, expired or retained command is refused."""
    reason: str | None = None
    if message.id not in depot.replies:
        try:
            yield from _carry_out(depot, message, now)
        except Refusal as refusal:
            reason = str(refusal)
    yield from answer(depot, message.id, reason, message, now)


def answer(
    depot: Depot,
    command_id: str,
    reason: str | None,
    to: CommandMessage | MessageRefused,
    now: Now,
) -> Iterator[Effect]:
    """Replies to a command: yes, or no for a `reason`; to a repeated one what it was told first."""
    reply = depot.replies.get(command_id)
    if reply is None:
        at = format_instant(now.utc)
        reply = {"id": command_id, "ok": reason is None, "reason": reason, "at": at}
        depot.replies[command_id] = reply
        yield Save(record=Fact(kind="reply", key=command_id, value=reply))
        if len(depot.replies) > KEPT_REPLIES:
            forgotten, _ = depot.replies.popitem(last=False)
            yield Save(record=Fact(kind="reply", key=forgotten, value=None))
    yield Save(
        record=OutboxRecord(
            topic=topics.reply(command_id),
            payload=json.dumps(reply),
            response_topic=to.response_topic,
            correlation_data=to.correlation_data,
        )
    )


def _carry_out(depot: Depot, message: CommandMessage, now: Now) -> Iterator[Effect]:
    if message.retained:
        raise Refusal("retained: a command is for now, and wants no retain flag")
    if now.utc >= message.expires_at:
        raise Refusal(f"expired at {format_instant(message.expires_at)}")
    match message.name:
        case "replan":
            _keys(message.args)
            depot.trigger.ask("operator", now.monotonic_s)
        case "set_limit":
            yield from _set_limit(depot, message.args, now)
        case "clear_limit":
            _keys(message.args)
            depot.override = None
            yield save_override(None)
            _limits_changed(depot, now)
        case "pin_route" | "unpin_route":
            yield from _pin(depot, message, now)
        case "pause" | "resume" | "charge_now":
            yield from _override(depot, message, now)
        case "reset_station":
            _keys(message.args, "station")
            station = depot.stations.get(_text(message.args, "station"))
            if station is None or not station.online:
                raise Refusal("station: wants the id of a station that is online")
            station.lane.submit("reset", ResetStation())
        case other:
            raise Refusal(f"{other}: no such command")


def _set_limit(depot: Depot, args: Mapping[str, object], now: Now) -> Iterator[Effect]:
    _keys(args, "import_limit_kw", optional=("until",))
    limit = args["import_limit_kw"]
    ceiling = depot.site.import_limit_kw
    if isinstance(limit, bool) or not isinstance(limit, int | float) or limit < 0:
        raise Refusal(f"import_limit_kw: wants a number of kW from 0 to {ceiling:g}")
    if limit > ceiling:
        limit = ceiling
        text = f"a limit above the settings' {ceiling:g} kW was clamped"
        yield from alert(depot, now, "limit_clamped", text)
    until: datetime | None = None
    if args.get("until") is not None:
        try:
            until = parse_instant(args["until"])
        except ValueError as error:
            raise Refusal(f"until: {error}") from error
        if until <= now.utc:
            raise Refusal("until: wants an instant to come")
    depot.override = LimitOverride(import_limit_kw=float(limit), until=until)
    yield save_override(depot.override)
    _limits_changed(depot, now)


def _limits_changed(depot: Depot, now: Now) -> None:
    """Bookings are cut at once in this very round; the plan follows."""
    depot.dirty = True
    depot.trigger.ask("limit", now.monotonic_s)


def _pin(depot: Depot, message: CommandMessage, now: Now) -> Iterator[Effect]:
    pinning = message.name == "pin_route"
    _keys(message.args, *(("route", "vehicle") if pinning else ("route",)))
    route = _text(message.args, "route")
    if route not in depot.routes:
        raise Refusal(f"route: wants a known route, not {route!r}")
    if pinning:
        vehicle = _text(message.args, "vehicle")
        if vehicle not in depot.vehicles:
            raise Refusal(f"vehicle: wants a known vehicle, not {vehicle!r}")
        depot.pins[route] = vehicle
    else:
        depot.pins.pop(route, None)
    yield Save(record=Fact(kind="pin", key=route, value=depot.pins.get(route)))
    depot.trigger.ask("pin", now.monotonic_s)


def _override(depot: Depot, message: CommandMessage, now: Now) -> Iterator[Effect]:
    """A pause lasts until it is taken back, `charge_now` at most as long as the transaction."""
    by_vehicle = message.name == "charge_now"
    if by_vehicle:
        _keys(message.args, "vehicle")
        vehicle = _text(message.args, "vehicle")
        found = [(s, e) for s, e in depot.evses() if depot.vehicle_at(e) == vehicle]
        if not found:
            raise Refusal("vehicle: wants a vehicle that is plugged in and has a transaction")
    else:
        _keys(message.args, "station", optional=("connector",))
        station = _text(message.args, "station")
        connector = message.args.get("connector")
        found = [
            (s, e)
            for s, e in depot.evses()
            if s.id == station and connector in (None, e.spec.connector)
        ]
        if not found:
            raise Refusal("station: wants a known station and one of its connectors")
    for at, evse in found:
        evse.override = None if message.name == "resume" else message.name
        yield save_evse(at, evse)
    depot.dirty = True
    depot.trigger.ask(message.name, now.monotonic_s)


def _keys(args: Mapping[str, object], *wanted: str, optional: tuple[str, ...] = ()) -> None:
    for key in args:
        if key not in wanted and key not in optional:
            raise Refusal(f"args.{key}: unknown key")
    for key in wanted:
        if key not in args:
            raise Refusal(f"args.{key}: missing")


def _text(args: Mapping[str, object], key: str) -> str:
    value = args[key]
    if not isinstance(value, str) or not value:
        raise Refusal(f"args.{key}: wants a text")
    return value
