"""The whole daemon behind a real mosquitto: a fleet, an operator, a station, and a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aiomqtt.types import PayloadType
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from daemon.adapters.mqtt_client import CancellableClient
from planner.series import format_instant
from tests.adapters.brokers import Mosquitto
from tests.end_to_end.running import RawStation, running

pytestmark = pytest.mark.mosquitto

SITE = "depotd/depot"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def broker(require_tool: Callable[[str], Path], tmp_path: Path) -> AsyncIterator[Mosquitto]:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    started = Mosquitto(require_tool("mosquitto"), folder)
    await started.start()
    yield started
    await started.stop()


def settings(broker: Mosquitto) -> dict[str, str]:
    return {
        "MQTT__URL": f"mqtt://127.0.0.1:{broker.port}",
        "SITE__IMPORT_LIMIT_KW": "40",
        "PLANNER__QUIET_S": "0.2",
        "PLANNER__DEADLINE_S": "5",
        "STATIONS": '[{"id": "CP01", "connectors": [{"id": 1, "max_kw": 22}]}]',
    }


class Operator:
    """An MQTT 5 client that speaks for the fleet and gives commands."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def retain(self, path: str, payload: object) -> None:
        await self._client.publish(f"{SITE}/{path}", json.dumps(payload), qos=1, retain=True)

    async def command(self, name: str, id: str, **args: object) -> Any:
        """The reply, as it comes on the response topic."""
        order = {
            "id": id,
            "issued_at": format_instant(datetime.now(UTC)),
            "expires_at": format_instant(datetime.now(UTC) + timedelta(minutes=1)),
            "args": args,
        }
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
        properties.ResponseTopic = "desk/replies"
        properties.CorrelationData = id.encode()
        topic = f"{SITE}/commands/{name}"
        await self._client.publish(topic, json.dumps(order), qos=1, properties=properties)
        message = await self.heard("desk/replies")
        assert message.properties is not None
        assert message.properties.CorrelationData == id.encode()  # type: ignore[attr-defined]  # set by paho as it reads
        return json.loads(_bytes(message.payload))

    async def heard(self, topic: str) -> aiomqtt.Message:
        async with asyncio.timeout(60):
            async for message in self._client.messages:
                if message.topic.matches(topic):
                    return message
        raise AssertionError("the client's messages ended")


def _bytes(payload: PayloadType) -> bytes:
    assert isinstance(payload, bytes)
    return payload


def limits_a(station: RawStation) -> list[float]:
    """The first limit of each transaction profile told so far, in amperes."""
    profiles = [
        call[3]["csChargingProfiles"] for call in station.calls if call[2] == "SetChargingProfile"
    ]
    return [
        p["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
        for p in profiles
        if p["chargingProfilePurpose"] == "TxProfile"
    ]


async def test_fleet_plan_profile_command_and_restart_over_mosquitto(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with (
        CancellableClient(
            "127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5, identifier="desk"
        ) as client,
        running(tmp_path, **settings(broker)) as daemon,
    ):
        await client.subscribe("desk/replies", qos=1)
        await client.subscribe(f"{SITE}/state/#", qos=1)
        operator = Operator(client)
        await operator.retain("fleet/vehicles/V1", vehicle())
        await operator.retain("fleet/routes/R1", route())
        async with RawStation.connected(daemon, "CP01") as station:
            boot = {"chargePointVendor": "Raw", "chargePointModel": "R1"}
            await station.call("BootNotification", boot)
            start = {
                "connectorId": 1,
                "idTag": "V1",
                "meterStart": 0,
                "timestamp": format_instant(NOW),
            }
            await station.call("StartTransaction", start)
            await until(station, lambda: any(limit > 20 for limit in limits_a(station)))

            reply = await operator.command("set_limit", "cut", import_limit_kw=10)
            assert (reply["ok"], reply["reason"]) == (True, None)
            await until(station, lambda: 6 <= limits_a(station)[-1] <= 10_000 / 690)

            refused = await operator.command("set_limit", "too-little", import_limit_kw=-1)
            assert refused["ok"] is False
            assert "import_limit_kw" in refused["reason"]
            pinned = await operator.command("pin_route", "pin", route="R1", vehicle="V1")
            assert pinned["ok"] is True
        plan = json.loads(_bytes((await operator.heard(f"{SITE}/state/plan")).payload))
        assert plan["format"] == "depotd.plan/1"

        await daemon.kill()
        assert json.loads(_bytes((await operator.heard(f"{SITE}/state/daemon")).payload))
        await daemon.start()
        again = await operator.command("set_limit", "cut", import_limit_kw=35)
        assert again == reply, "a repeated id gets the stored reply, after a restart too"
        state = await daemon.get("/api/v1/state")
        assert state["site"]["import_limit_kw"] == 10
        assert [v["id"] for v in state["vehicles"]] == ["V1"]


async def until(station: RawStation, condition: Callable[[], bool]) -> None:
    """Goes on answering the daemon until `condition` holds."""
    for _ in range(200):
        if condition():
            return
        await station.listen(0.1)
    raise AssertionError(f"told so far: {limits_a(station)}")


def vehicle() -> dict[str, object]:
    return {
        "type": "van",
        "battery_kwh": 75,
        "energy_kwh": 20,
        "target_kwh": 70,
        "max_charge_kw": 22,
        "plugs": ["type2"],
        "available_from": format_instant(NOW),
        "at": format_instant(NOW),
    }


def route() -> dict[str, object]:
    return {
        "depart": format_instant(NOW + timedelta(hours=3)),
        "return": format_instant(NOW + timedelta(hours=5)),
        "energy_kwh": 40,
        "vehicle_types": ["van"],
    }
