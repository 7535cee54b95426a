"""The fleet's messages and operators' commands: what is wrong changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.effects import StartPlanning
from daemon.core.events import MessageReceived, MessageRefused
from daemon.core.fleet import read_route
from daemon.core.records import Fact, InboxDone, OutboxRecord
from planner.series import format_instant
from planner.snapshot import MAX_ROUTES, MAX_VEHICLES
from protocol.mqtt.messages import (
    CommandMessage,
    Message,
    RouteMessage,
    SeriesMessage,
    VehicleMessage,
)
from protocol.ocpp.events import TransactionStarted
from tests.core.bench import START, Bench, site, tx_profile, vehicle_values


def route_values(**changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "depart": format_instant(START + timedelta(hours=10)),
        "return": format_instant(START + timedelta(hours=14)),
        "energy_kwh": 25.0,
        "vehicle_types": ["van"],
    }
    return values | changes


def tell(bench: Bench, message: Message) -> None:
    bench.apply(MessageReceived(inbox_id=7, message=message))


def vehicle(id: str, values: dict[str, object] | None, minutes: float | None = 0) -> VehicleMessage:
    at = START + timedelta(minutes=minutes) if minutes is not None else None
    return VehicleMessage(topic=f"fleet/vehicles/{id}", id=id, values=values, at=at)


def order(bench: Bench, name: str, id: str = "c1", /, **args: object) -> dict[str, object]:
    """Gives a command and returns its reply."""
    message = CommandMessage(
        topic=f"commands/{name}",
        name=name,
        id=id,
        issued_at=bench.utc,
        expires_at=bench.utc + timedelta(minutes=1),
        args=args,
    )
    return command(bench, message)


def command(bench: Bench, message: CommandMessage) -> dict[str, object]:
    tell(bench, message)
    replies = [
        record
        for record in bench.saved
        if isinstance(record, OutboxRecord) and record.topic == f"replies/{message.id}"
    ]
    reply = json.loads(replies[-1].payload)
    assert isinstance(reply, dict)
    return reply


def test_a_vehicle_that_lacks_a_key_is_not_planned_and_one_alert_names_the_key() -> None:
    spec = site(2)
    values = {k: v for k, v in vehicle_values().items() if k != "plugs"}
    lacking = replace(spec.vehicles[1], values=values)
    bench = Bench.of(replace(spec, vehicles=(spec.vehicles[0], lacking)))
    for minutes in (0, 1, 2):
        tell(bench, vehicle("V01", {"energy_kwh": 40.0 + minutes}, minutes))
        bench.wait(60)
        assert bench.depot.planning is not None
        assert [one.id for one in bench.depot.planning.vehicles] == ["V01"]
        bench.depot.planning = None
    (told,) = [alert for alert in bench.depot.alerts if alert.kind == "vehicle_incomplete"]
    assert "V02 (plugs)" in told.text
    assert "V01" not in told.text
    tell(bench, vehicle("V02", {"plugs": ["type2"]}, 3))
    bench.wait(60)
    assert bench.depot.planning is not None
    assert [one.id for one in bench.depot.planning.vehicles] == ["V01", "V02"]
    assert bench.alerts().count("vehicle_incomplete") == 1


def test_a_vehicle_is_known_once_all_its_keys_were_told() -> None:
    bench = Bench.of(site(1))
    values = vehicle_values()
    plugs = values.pop("plugs")
    tell(bench, vehicle("V77", values))
    assert bench.depot.vehicles["V77"].vehicle is None
    assert bench.depot.vehicles["V77"].missing == ("plugs",)
    tell(bench, vehicle("V77", {"plugs": plugs}, 1))
    assert bench.depot.vehicles["V77"].vehicle is not None


@pytest.mark.fault(62)
def test_a_message_older_than_what_is_known_changes_nothing() -> None:
    bench = Bench.of(site(1))
    tell(bench, vehicle("V01", {"energy_kwh": 40.0}, 4))
    tell(bench, vehicle("V01", {"energy_kwh": 10.0}, 3))
    assert bench.depot.vehicles["V01"].energy_kwh == 40.0


def test_a_vehicle_whose_clock_ran_ahead_once_is_heard_again() -> None:
    bench = Bench.of(site(1))
    ahead = vehicle("V01", {"energy_kwh": 40.0}, 60 * 24 * 365 * 70)
    tell(bench, ahead)
    bench.depot.vehicles["V01"].carry(6.0)
    tell(bench, ahead)
    assert bench.depot.vehicles["V01"].energy_kwh == 46.0, "told again it is no news"
    tell(bench, vehicle("V01", {"energy_kwh": 50.0}, 0))
    assert bench.depot.vehicles["V01"].energy_kwh == 50.0


def test_vehicles_that_no_plan_has_room_for_are_refused_and_planning_goes_on() -> None:
    bench = Bench.of(site(1))
    known = bench.depot.vehicles["V01"]
    bench.depot.vehicles |= {f"X{n}": known for n in range(1, MAX_VEHICLES)}
    tell(bench, vehicle("V02", vehicle_values()))
    assert "V02" not in bench.depot.vehicles
    assert "1000" in bench.depot.alerts[-1].text
    tell(bench, vehicle("V01", {"energy_kwh": 31.0}))
    assert bench.depot.vehicles["V01"].energy_kwh == 31.0


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"energy_kwh": -1.0}, "energy_kwh"),
        ({"energy_kwh": 80.0}, "battery_kwh"),
        ({"colour": "red"}, "colour"),
        ({"battery_kwh": "big"}, "battery_kwh"),
    ],
)
def test_a_wrong_vehicle_message_is_refused_with_the_key_and_an_alert(
    values: dict[str, object], named: str
) -> None:
    bench = Bench.of(site(1))
    before = bench.depot.vehicles["V01"]
    tell(bench, vehicle("V01", values))
    assert bench.depot.vehicles["V01"] == before
    alert = bench.depot.alerts[-1]
    assert alert.kind == "message_refused"
    assert "fleet/vehicles/V01" in alert.text
    assert named in alert.text
    assert InboxDone(inbox_id=7) in bench.saved


def test_an_empty_message_removes_a_vehicle_or_leaves_what_the_settings_say() -> None:
    bench = Bench.of(site(1))
    tell(bench, vehicle("V77", vehicle_values()))
    tell(bench, vehicle("V01", {"energy_kwh": 50.0}))
    tell(bench, vehicle("V77", None, None))
    tell(bench, vehicle("V01", None, None))
    assert "V77" not in bench.depot.vehicles
    assert bench.depot.vehicles["V01"].energy_kwh == 30.0


def test_a_route_that_returns_before_it_departs_is_refused() -> None:
    bench = Bench.of(site(1))
    values = route_values(**{"return": format_instant(START)})
    tell(bench, RouteMessage(topic="fleet/routes/R1", id="R1", values=values))
    assert bench.depot.routes == {}
    assert "return" in bench.depot.alerts[-1].text


def test_routes_that_are_over_make_room_and_those_to_come_are_refused_beyond_it() -> None:
    bench = Bench.of(site(1))
    coming = read_route({**route_values(), "id": "R"})
    over = replace(coming, depart=START - timedelta(hours=2), return_=START - timedelta(hours=1))
    bench.depot.routes |= {f"X{n}": coming for n in range(1, MAX_ROUTES)} | {"over": over}
    for name in ("R1", "R2"):
        tell(bench, RouteMessage(topic=f"fleet/routes/{name}", id=name, values=route_values()))
    assert "over" not in bench.depot.routes
    assert Fact(kind="route", key="over", value=None) in bench.saved
    assert "R1" in bench.depot.routes
    assert "R2" not in bench.depot.routes
    assert "fleet/routes/R2" in bench.depot.alerts[-1].text


def test_a_topic_of_any_length_makes_an_alert_of_one_line() -> None:
    bench = Bench.of(site(1))
    topic = "fleet/vehicles/" + "V" * 60_000
    bench.apply(MessageRefused(topic=topic, reason="too long", inbox_id=7))
    text = bench.depot.alerts[-1].text
    assert text.startswith("fleet/vehicles/VVV")
    assert text.endswith("too long")
    assert len(text) < 1000


@pytest.mark.fault(20)
def test_a_told_limit_above_the_settings_is_clamped_with_an_alert() -> None:
    bench = Bench.of(site(1, limit_kw=30.0))
    tell(bench, SeriesMessage(topic="site/x", key="import_limit_kw", value=99))
    limit, source = bench.depot.limit_kw()
    assert (limit.at(START), source) == (30.0, "MQTT")
    assert bench.depot.series["import_limit_kw"].at(START) == 30.0
    assert bench.depot.alerts[-1].kind == "limit_clamped"


@pytest.mark.fault(62)
def test_a_command_is_done_once_per_id_and_answered_every_time() -> None:
    bench = Bench.of(site(1))
    first = order(bench, "set_limit", import_limit_kw=12)
    again = order(bench, "set_limit", import_limit_kw=20)
    assert first == again
    assert first["ok"] is True
    assert bench.depot.limit_kw()[0].at(START) == 12.0


@pytest.mark.fault(20)
def test_a_commanded_limit_above_the_settings_is_clamped_with_an_alert() -> None:
    bench = Bench.of(site(1, limit_kw=30.0))
    assert order(bench, "set_limit", import_limit_kw=31)["ok"] is True
    assert bench.depot.limit_kw()[0].at(START) == 30.0
    assert bench.depot.override is not None
    assert bench.depot.override.import_limit_kw == 30.0
    assert bench.depot.alerts[-1].kind == "limit_clamped"


def test_a_retained_message_told_again_undoes_nothing_that_was_metered() -> None:
    for minutes in (5, None):
        bench = Bench.of(site(1))
        told = vehicle("V01", {"energy_kwh": 20.0}, minutes)
        tell(bench, told)
        bench.depot.vehicles["V01"].carry(6.0)
        bench.wait(60)
        tell(bench, told)
        assert bench.depot.vehicles["V01"].energy_kwh == 26.0


def test_a_pause_of_a_free_connector_holds_for_who_plugs_in_and_ends_in_the_fallback() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    order(bench, "pause", station="CP01")
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [22.0] * 8})
    assert bench.answer_all("CP01") == []
    order(bench, "resume", "c2", station="CP01")
    order(bench, "charge_now", "c3", vehicle="V01")
    profiles = [tx_profile(command) for command in bench.answer_all("CP01")]
    assert profiles
    last = profiles[-1]
    assert last is not None
    assert [period.limit for period in last.periods] == [31.8, 0.0]


def test_a_vehicle_told_after_it_plugged_in_is_known_by_its_token_or_by_its_place() -> None:
    here = {"station": "CP02", "connector": 1}
    for token, values in (("V77", vehicle_values()), ("?", vehicle_values() | {"plugged": here})):
        bench = Bench.of(site(2))
        bench.connect("CP02")
        start = TransactionStarted(
            evse_id=1, transaction_id="T", id_token=token, at=START, meter_start_wh=0.0
        )
        bench.call("CP02", start)
        tell(bench, vehicle("V77", values))
        (record,) = bench.depot.transactions.values()
        assert record.vehicle == "V77"
        assert bench.depot.vehicles["V77"].plugged == ("CP02", 1)


def test_a_limit_ends_when_it_was_said_to() -> None:
    bench = Bench.of(site(1))
    until = format_instant(START + timedelta(hours=1))
    order(bench, "set_limit", import_limit_kw=12, until=until)
    limit = bench.depot.limit_kw()[0]
    assert limit.at(START) == 12.0
    assert limit.at(START + timedelta(hours=2)) == 30.0
    bench.wait(3601)
    assert bench.depot.override is None


@pytest.mark.parametrize(
    ("name", "args", "named"),
    [
        ("set_limit", {"import_limit_kw": -1}, "import_limit_kw"),
        ("set_limit", {"import_limit_kw": True}, "import_limit_kw"),
        ("set_limit", {}, "import_limit_kw"),
        ("set_limit", {"import_limit_kw": 5, "why": "x"}, "why"),
        ("pin_route", {"route": "R9", "vehicle": "V01"}, "route"),
        ("clear_limit", {"now": True}, "now"),
        ("fly", {}, "fly"),
        ("charge_now", {"vehicle": "V01"}, "vehicle"),
    ],
)
def test_a_wrong_command_is_answered_no_with_the_reason(
    name: str, args: dict[str, object], named: str
) -> None:
    bench = Bench.of(site(1))
    reply = order(bench, name, **args)
    assert reply["ok"] is False
    assert named in str(reply["reason"])
    assert bench.depot.override is None


@pytest.mark.fault(62)
def test_an_expired_or_retained_command_is_refused() -> None:
    bench = Bench.of(site(1))
    for id, expires, retained in (("a", START, False), ("b", START + timedelta(hours=1), True)):
        message = CommandMessage(
            topic="commands/set_limit",
            name="set_limit",
            id=id,
            issued_at=START - timedelta(minutes=1),
            expires_at=expires,
            args={"import_limit_kw": 1},
            retained=retained,
        )
        assert command(bench, message)["ok"] is False
    assert bench.depot.override is None


def test_a_pinned_route_is_planned_with_its_vehicle_until_unpinned() -> None:
    bench = Bench.of(site(1))
    tell(bench, RouteMessage(topic="fleet/routes/R1", id="R1", values=route_values()))
    order(bench, "pin_route", "p1", route="R1", vehicle="V01")
    effects = bench.wait(60)
    (planning,) = [e for e in effects if isinstance(e, StartPlanning)]
    assert planning.snapshot.routes[0].vehicle == "V01"
    order(bench, "unpin_route", "p2", route="R1")
    assert bench.depot.pins == {}


def test_facts_are_saved_under_their_kind_and_key() -> None:
    bench = Bench.of(site(1))
    tell(bench, SeriesMessage(topic="site/base_load_kw", key="base_load_kw", value=8))
    assert Fact(kind="series", key="base_load_kw", value=8) in bench.saved
