"""The fleet's and the site's messages: what is wrong changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from daemon.core.alerts import alert
from daemon.core.curves import combine, exceeds
from daemon.core.depot import Depot
from daemon.core.device_clock import plausible
from daemon.core.effects import Effect, Note, Publish, Save
from daemon.core.events import MessageReceived, MessageRefused, SiteMetered
from daemon.core.fleet import Refusal, VehicleBelief, believe, read_forecast, read_route
from daemon.core.instant import Now
from daemon.core.keeping import publish_vehicle, tell_vehicle
from daemon.core.operator import answer, on_command
from daemon.core.records import Fact, InboxDone, Json
from daemon.core.site_metering import on_metered
from daemon.core.transactions import identify_strangers
from planner.series import Series
from planner.snapshot import MAX_ROUTES, MAX_VEHICLES
from protocol.mqtt import topics
from protocol.mqtt.messages import (
    CommandMessage,
    MeterMessage,
    RouteMessage,
    SeriesMessage,
    VehicleMessage,
)

# Characters of a topic that an alert repeats: more than any id of ours may have.
NAMED = 200


def on_message(depot: Depot, event: MessageReceived, now: Now) -> Iterator[Effect]:
    message = event.message
    try:
        match message:
            case VehicleMessage():
                yield from _on_vehicle(depot, message, now)
            case RouteMessage():
                yield from _on_route(depot, message, now)
            case SeriesMessage():
                yield from _on_series(depot, message, now)
            case MeterMessage():
                sample = SiteMetered(
                    import_kw=message.import_kw, phases_a=message.phases_a, at=message.at
                )
                yield from on_metered(depot, sample, now)
            case CommandMessage():
                yield from on_command(depot, message, now)
    except Refusal as refusal:
        yield from refuse(depot, message.topic, str(refusal), now)
    yield Save(record=InboxDone(inbox_id=event.inbox_id))


def on_refused(depot: Depot, event: MessageRefused, now: Now) -> Iterator[Effect]:
    yield from refuse(depot, event.topic, event.reason, now)
    if event.command_id is not None:
        yield from answer(depot, event.command_id, event.reason, event, now)
    if event.inbox_id is not None:
        yield Save(record=InboxDone(inbox_id=event.inbox_id))


def refuse(depot: Depot, topic: str, reason: str, now: Now) -> Iterator[Effect]:
    """A topic may have 64 KiB, and an alert is kept for a year."""
    named = topic if len(topic) <= NAMED else f"{topic[:NAMED]}..."
    yield from alert(depot, now, "message_refused", f"{named}: {reason}")


def _on_vehicle(depot: Depot, message: VehicleMessage, now: Now) -> Iterator[Effect]:
    declared = next((v.values for v in depot.site.vehicles if v.id == message.id), None)
    before = depot.vehicles.get(message.id)
    if message.values is None:
        if declared is not None:
            depot.vehicles[message.id] = believe({**declared, "id": message.id}, None)
            yield publish_vehicle(message.id, depot.vehicles[message.id])
        else:
            depot.vehicles.pop(message.id, None)
            yield Publish(topic=topics.vehicle_state(message.id), payload=None)
        yield Save(record=Fact(kind="vehicle", key=message.id, value=None))
        depot.trigger.ask("vehicle removed", now.monotonic_s)
        depot.dirty = True
        return
    at = message.at or now.utc
    if before is not None and _is_known(before, message, now):
        yield Note(name="message_not_newer", fields={"topic": message.topic})
        return
    if before is None and len(depot.vehicles) >= MAX_VEHICLES:
        raise Refusal(f"there are {MAX_VEHICLES} vehicles, and no plan has room for more")
    told = {key: value for key, value in message.values.items() if key != "at"}
    known = before.values if before is not None else dict(declared or {})
    belief = believe({**known, **told, "id": message.id}, at)
    if before is not None and "energy_kwh" not in told:
        belief.energy_kwh = before.energy_kwh
    if before is not None and "plugged" not in told:
        belief.plugged = before.plugged
    told_anew = before is None or _differs(before.values, told) or before.vehicle is None
    depot.vehicles[message.id] = belief
    yield from tell_vehicle(message.id, belief)
    yield from identify_strangers(depot, now)
    if told_anew:
        depot.trigger.ask("vehicle", now.monotonic_s)
        depot.dirty = True


def _is_known(before: VehicleBelief, message: VehicleMessage, now: Now) -> bool:
    """A newer `at` wins, over one that cannot have been yet any other does. Brokers tell what is
    retained again at every start, so without an `at` the very same values are no news: taken for
    news they would undo what was metered since."""
    if before.at is None:
        return False
    if message.at is not None:
        is_older = message.at < before.at and plausible(before.at, now)
        return is_older or message.at == before.at
    return not _differs(before.values, message.values or {})


def _differs(known: Mapping[str, object], told: Mapping[str, object]) -> bool:
    return any(known.get(key) != value for key, value in told.items())


def _on_route(depot: Depot, message: RouteMessage, now: Now) -> Iterator[Effect]:
    if message.values is None:
        changed = depot.routes.pop(message.id, None) is not None
        yield Save(record=Fact(kind="route", key=message.id, value=None))
    else:
        values = {**message.values, "id": message.id}
        route = read_route(values)
        if message.id not in depot.routes and len(depot.routes) >= MAX_ROUTES:
            yield from _make_room(depot, now)
        changed = depot.routes.get(message.id) != route
        depot.routes[message.id] = route
        yield Save(record=Fact(kind="route", key=message.id, value=cast(Json, values)))
    if changed:
        depot.trigger.ask("route", now.monotonic_s)


def _make_room(depot: Depot, now: Now) -> Iterator[Effect]:
    """Forgets the routes that are over, which brokers may keep for ever. Raises Refusal."""
    for over in [id for id, route in depot.routes.items() if route.return_ <= now.utc]:
        del depot.routes[over]
        yield Save(record=Fact(kind="route", key=over, value=None))
    if len(depot.routes) >= MAX_ROUTES:
        raise Refusal(f"there are {MAX_ROUTES} routes to come, and no plan has room for more")


def _on_series(depot: Depot, message: SeriesMessage, now: Now) -> Iterator[Effect]:
    key = message.key
    if message.value is None:
        depot.forget_series(key)
        yield Save(record=Fact(kind="series", key=key, value=None))
    else:
        series, until = read_forecast(message.value)
        if key == "import_limit_kw" and until is not None:
            raise Refusal("wants a limit at every time, the last one too")
        if key != "import_price_per_kwh" and any(p.value < 0 for p in series.points):
            raise Refusal("wants no value below 0 kW")
        ceiling = Series.constant(depot.site.import_limit_kw)
        if key == "import_limit_kw" and exceeds(series, ceiling, series.points[0].at):
            series = combine(min, series, ceiling)
            text = (
                f"a limit above the settings' {depot.site.import_limit_kw:g} kW was clamped to it"
            )
            yield from alert(depot, now, "limit_clamped", text)
        depot.tell_series(key, series, until)
        yield Save(record=Fact(kind="series", key=key, value=cast(Json, message.value)))
    depot.dirty = True
    depot.trigger.ask(key, now.monotonic_s)
