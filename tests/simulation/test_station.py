from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from protocol.ocpp.model import RateUnit, Version
from simulation.evse import EvseSpec
from simulation.profiles import Capabilities
from simulation.spec import Behaviour, StationSpec
from simulation.station import VirtualStation
from simulation.vehicle import Vehicle
from tests.simulation.central import CallFailed, Central, Payload, central_system
from tests.simulation.clock import JumpClock

Both = pytest.mark.parametrize("version", [Version.V16, Version.V201])


def spec(version: Version, **changes: object) -> StationSpec:
    return replace(StationSpec(id="CP01", version=version), **changes)  # type: ignore[arg-type]  # one field varies by test


def truck() -> Vehicle:
    return Vehicle(id="V01", battery_kwh=200.0, energy_kwh=20.0, max_charge_kw=22.0)


class Bench:
    """A station, its opposite and the clock between them."""

    def __init__(self, station: VirtualStation, central: Central, clock: JumpClock) -> None:
        self.station = station
        self.central = central
        self.clock = clock

    @property
    def old(self) -> bool:
        return self.central.version is Version.V16

    async def start(self, evse_id: int = 1) -> str | int:
        """Plugs a truck in; returns the transaction's id as the central system knows it."""
        self.station.plug_in(evse_id, truck(), "TAG1")
        if not self.old:
            event = await self.central.next("TransactionEvent", eventType="Started")
            transaction_id: str = event["transactionInfo"]["transactionId"]
            return transaction_id
        await self.central.next("StartTransaction")
        await self.told_state("Charging")
        return 1001

    async def told_state(self, state: str) -> None:
        if self.old:
            await self.central.next("StatusNotification", status=state)
            return
        while True:
            event = await self.central.next("TransactionEvent")
            if event["transactionInfo"].get("chargingState") == state:
                return

    async def set_profile(
        self,
        limit: float,
        *,
        unit: str = "W",
        purpose: str = "TxDefaultProfile",
        evse_id: int = 1,
        profile_id: int = 1,
        level: int = 0,
        periods: list[tuple[int, float]] | None = None,
        **more: object,
    ) -> str:
        steps = [{"startPeriod": s, "limit": x} for s, x in periods or [(0, limit)]]
        schedule: Payload = {
            "startSchedule": "2026-11-20T15:00:00Z",
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": steps,
        }
        profile: Payload = {
            "stackLevel": level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            **more,
        }
        if self.old:
            profile |= {"chargingProfileId": profile_id, "chargingSchedule": schedule}
            answer = await self.central.call(
                "SetChargingProfile", connectorId=evse_id, csChargingProfiles=profile
            )
        else:
            profile |= {"id": profile_id, "chargingSchedule": [{"id": 1, **schedule}]}
            answer = await self.central.call(
                "SetChargingProfile", evseId=evse_id, chargingProfile=profile
            )
        status: str = answer["status"]
        return status

    async def metered(self) -> tuple[float, float]:
        """(Wh, W) of the next periodic sample."""
        if self.old:
            values = (await self.central.next("MeterValues"))["meterValue"]
        else:
            while "meterValue" not in (event := await self.central.next("TransactionEvent")):
                pass
            values = event["meterValue"]
        read = {v["measurand"]: float(v["value"]) for v in values[-1]["sampledValue"]}
        return read["Energy.Active.Import.Register"], read["Power.Active.Import"]

    async def until(self, met: Callable[[], bool], *, step_s: float = 0.0) -> None:
        """Lets the tasks run, and the clock by steps, until the condition is met."""
        async with asyncio.timeout(60):
            while not met():
                self.clock.jump(step_s)
                await asyncio.sleep(0.001)

    def kwh(self, evse_id: int = 1) -> float:
        self.station.charger.advance()
        return self.station.evses[evse_id].energy_kwh


@asynccontextmanager
async def bench(station_spec: StationSpec) -> AsyncIterator[Bench]:
    clock = JumpClock()
    async with central_system(station_spec.version) as central:
        station = VirtualStation(station_spec, url=central.url, clock=clock, rng=Random(1))
        task = asyncio.create_task(station.run())
        try:
            await central.next("StatusNotification")
            yield Bench(station, central, clock)
            assert station.record.faults == []
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@Both
async def test_it_boots_and_tells_its_status_before_anything_else(version: Version) -> None:
    async with bench(spec(version)) as b:
        assert b.central.actions() == ["BootNotification", "StatusNotification"]
        status = b.central.told[1][1]
        assert status.get("status", status.get("connectorStatus")) == "Available"


@Both
async def test_it_boots_again_after_a_pending_answer(version: Version) -> None:
    async with central_system(version) as central:
        clock = JumpClock()
        stand_by = {"currentTime": "2026-11-20T16:00:00Z", "interval": 10, "status": "Pending"}
        central.answers["BootNotification"] = lambda _: stand_by
        station = VirtualStation(spec(version), url=central.url, clock=clock, rng=Random(1))
        task = asyncio.create_task(station.run())
        await central.next("BootNotification")
        del central.answers["BootNotification"]
        await Bench(station, central, clock).until(station.online.is_set, step_s=10)
        task.cancel()
        assert central.actions()[:2] == ["BootNotification", "BootNotification"]


@Both
async def test_a_profile_lowers_what_the_meter_shows(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        b.clock.jump(60)
        assert await b.metered() == pytest.approx((22000 / 60, 22000.0), abs=1)
        assert await b.set_profile(11000.0) == "Accepted"
        b.clock.jump(60)
        assert await b.metered() == pytest.approx((33000 / 60, 11000.0), abs=1)
        assert b.station.record.profiles_accepted == 1


@Both
async def test_energy_is_exact_however_late_it_wakes(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(0, periods=[(0, 22000.0), (3600 + 600, 11000.0), (3600 + 1200, 0.0)])
        b.clock.jump(7200)
        await b.told_state("SuspendedEVSE")
        assert b.kwh() == pytest.approx((22 + 11) / 6)
        assert b.station.evses[1].over_limit_s == 0


@Both
async def test_zero_suspends_and_a_rise_resumes(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(0.0)
        await b.told_state("SuspendedEVSE")
        await b.set_profile(16.0, unit="A")
        await b.told_state("Charging")
        assert b.station.charger.power_kw == pytest.approx(11.04)


@Both
async def test_less_than_six_amps_a_phase_is_nothing(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(5.9, unit="A")
        await b.told_state("SuspendedEVSE")


@Both
async def test_it_charges_on_by_its_profiles_while_offline_and_tells_all_of_it_later(
    version: Version,
) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(0, periods=[(0, 11000.0), (3600 + 1800, 5500.0)])
        told = len(b.central.told)
        await b.station.disconnect(away_s=7200)
        await b.until(lambda: not b.station.online.is_set())
        for _ in range(6):
            b.clock.jump(600)
            await asyncio.sleep(0.001)
        b.station.unplug(1)
        await b.until(b.station.online.is_set, step_s=60)
        if b.old:
            stop = await b.central.next("StopTransaction")
            assert stop["transactionId"] == 1001
            assert stop["meterStop"] == 8250
            missed = [m for a, m in b.central.told[told:] if a == "MeterValues"]
            assert {m["transactionId"] for m in missed} == {1001}
        else:
            ended = await b.central.next("TransactionEvent", eventType="Ended")
            assert ended["meterValue"][0]["sampledValue"][0]["value"] == 8250
            events = b.central.all("TransactionEvent")
            assert ended["offline"] is True
            assert [e["seqNo"] for e in events] == list(range(len(events)))
            missed = [e for e in events if e.get("offline")]
        assert len(missed) >= 6
        assert b.central.actions().count("BootNotification") == 1


async def test_a_start_without_an_answer_is_told_again_with_the_same_words() -> None:
    async with bench(spec(Version.V16)) as b:
        b.central.answers["StartTransaction"] = lambda _: None
        b.station.plug_in(1, truck(), "TAG1")
        first = await b.central.next("StartTransaction")
        del b.central.answers["StartTransaction"]
        await b.station.disconnect()
        await b.until(lambda: not b.station.online.is_set())
        b.clock.jump(60)
        assert await b.central.next("StartTransaction") == first


@Both
async def test_a_transaction_message_that_fails_is_repeated(version: Version) -> None:
    action = "StartTransaction" if version is Version.V16 else "TransactionEvent"
    async with bench(spec(version)) as b:
        b.central.answers[action] = lambda _: {"error": "InternalError"}
        b.station.plug_in(1, truck(), "TAG1")
        first = await b.central.next(action)
        del b.central.answers[action]
        await b.until(lambda: b.central.actions().count(action) >= 2, step_s=10)
        assert b.central.all(action)[1] == first


@Both
async def test_a_new_profile_of_the_same_level_replaces_the_old(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(11000.0, profile_id=1)
        await b.set_profile(7000.0, profile_id=2)
        assert len(b.station.charger.accepted) == 1
        assert b.station.charger.power_kw == 7.0


@Both
async def test_a_transaction_profile_ends_with_its_transaction(version: Version) -> None:
    async with bench(spec(version)) as b:
        transaction_id = await b.start()
        accepted = await b.set_profile(
            7000.0, purpose="TxProfile", transactionId=transaction_id, level=2
        )
        assert accepted == "Accepted"
        assert b.station.charger.power_kw == 7.0
        b.station.unplug(1)
        assert len(b.station.charger.accepted) == 0


@Both
async def test_a_transaction_profile_for_another_transaction_is_rejected(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        wrong = 7 if b.old else "7"
        assert await b.set_profile(7000.0, purpose="TxProfile", transactionId=wrong) == "Rejected"
        assert b.station.charger.power_kw == 22.0


@Both
async def test_the_unit_it_does_not_take_is_rejected_both_ways(version: Version) -> None:
    for unit, other in (("W", "A"), ("A", "W")):
        able = Capabilities(rate_units=(RateUnit(unit),))
        async with bench(spec(version, capabilities=able)) as b:
            assert await b.set_profile(10.0, unit=other) == "Rejected"
            assert await b.set_profile(10.0, unit=unit) == "Accepted"


@Both
async def test_two_evses_share_the_stations_maximum(version: Version) -> None:
    both = (EvseSpec(id=1), EvseSpec(id=2))
    station_max = "ChargePointMaxProfile" if version is Version.V16 else "ChargingStationMaxProfile"
    async with bench(spec(version, evses=both)) as b:
        b.station.plug_in(1, truck(), "TAG1")
        b.station.plug_in(2, truck(), "TAG2")
        await b.until(lambda: b.station.charger.power_kw == 44.0)
        assert await b.set_profile(22000.0, purpose=station_max, evse_id=0) == "Accepted"
        assert [e.power_kw for e in b.station.evses.values()] == [11.0, 11.0]


@Both
async def test_clearing_the_last_profile_lets_it_draw_what_it_can(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(7000.0)
        criteria = {"chargingProfilePurpose": "TxDefaultProfile"}
        wanted = criteria if b.old else {"chargingProfileCriteria": criteria}
        for status in ("Accepted", "Unknown"):
            answer = await b.central.call("ClearChargingProfile", **wanted)
            assert answer == {"status": status}
        assert b.station.charger.power_kw == 22.0


@Both
async def test_the_composite_schedule_tells_what_it_will_follow(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(0, periods=[(0, 11000.0), (3600 + 900, 5500.0)])
        place = {"connectorId": 1} if b.old else {"evseId": 1}
        answer = await b.central.call("GetCompositeSchedule", duration=1800, **place)
        schedule = answer["chargingSchedule"] if b.old else answer["schedule"]
        assert schedule["chargingRateUnit"] == "W"
        assert schedule["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 11000},
            {"startPeriod": 900, "limit": 5500},
        ]


@Both
async def test_a_rejecting_station_keeps_drawing(version: Version) -> None:
    async with bench(spec(version, behaviour=Behaviour.REJECT)) as b:
        await b.start()
        assert await b.set_profile(7000.0) == "Rejected"
        assert b.station.charger.power_kw == 22.0
        assert b.station.record.rejections == {"NotEnabled": 1}


@Both
async def test_an_ignoring_station_accepts_draws_on_and_is_found_out(version: Version) -> None:
    async with bench(spec(version, behaviour=Behaviour.IGNORE)) as b:
        await b.start()
        assert await b.set_profile(7000.0) == "Accepted"
        b.clock.jump(600)
        assert b.kwh() == pytest.approx(22 / 6)
        assert b.station.evses[1].over_limit_s == pytest.approx(600)


@Both
async def test_a_silent_station_answers_all_but_profile_calls(version: Version) -> None:
    async with bench(spec(version, behaviour=Behaviour.SILENT)) as b:
        await b.start()
        silent = asyncio.create_task(b.set_profile(7000.0))
        answer = await b.central.call("TriggerMessage", requestedMessage="Heartbeat")
        assert answer == {"status": "Accepted"}
        await b.central.next("Heartbeat")
        assert not silent.done()
        assert b.station.record.profiles_unanswered == 1
        silent.cancel()


@Both
async def test_a_dropping_station_closes_the_link_and_comes_back(version: Version) -> None:
    async with bench(spec(version, behaviour=Behaviour.DROP)) as b:
        with pytest.raises(ConnectionError):
            await b.set_profile(7000.0)
        await b.until(lambda: b.station.record.links >= 2, step_s=5)
        assert b.central.actions().count("BootNotification") == 1


async def test_links_can_be_dropped_at_an_interval() -> None:
    async with bench(spec(Version.V16, drop_every_s=100.0, boots_again=True)) as b:
        await b.until(lambda: b.station.record.links >= 3, step_s=20)
        assert b.central.actions().count("BootNotification") >= 3


@Both
async def test_a_refused_token_starts_nothing(version: Version) -> None:
    async with bench(spec(version)) as b:
        info = "idTagInfo" if b.old else "idTokenInfo"
        b.central.answers["Authorize"] = lambda _: {info: {"status": "Invalid"}}
        b.station.plug_in(1, truck(), "TAG1")
        await b.central.next("Authorize")
        await b.central.call("TriggerMessage", requestedMessage="Heartbeat")
        await b.central.next("Heartbeat")
        assert b.station.evses[1].transaction is None
        assert b.station.charger.power_kw == 0


@Both
async def test_it_starts_and_stops_when_told_to(version: Version) -> None:
    async with bench(spec(version)) as b:
        b.station.plug_in(1, truck())
        if b.old:
            start, stop = "RemoteStartTransaction", "RemoteStopTransaction"
            request: Payload = {"idTag": "TAG9", "connectorId": 1}
        else:
            start, stop = "RequestStartTransaction", "RequestStopTransaction"
            token = {"idToken": "TAG9", "type": "Central"}
            request = {"idToken": token, "remoteStartId": 5, "evseId": 1}
        assert (await b.central.call(start, **request))["status"] == "Accepted"
        assert (await b.central.call(start, **request))["status"] == "Rejected"
        if b.old:
            assert (await b.central.next("StartTransaction"))["idTag"] == "TAG9"
            await b.told_state("Charging")
            transaction_id: object = 1001
        else:
            event = await b.central.next("TransactionEvent", eventType="Started")
            assert event["transactionInfo"]["remoteStartId"] == 5
            transaction_id = event["transactionInfo"]["transactionId"]
        assert (await b.central.call(stop, transactionId=transaction_id))["status"] == "Accepted"
        assert (await b.central.call(stop, transactionId=transaction_id))["status"] == "Rejected"
        if b.old:
            assert (await b.central.next("StopTransaction"))["reason"] == "Remote"
        else:
            ended = await b.central.next("TransactionEvent", eventType="Ended")
            assert ended["transactionInfo"]["stoppedReason"] == "Remote"


@Both
async def test_a_reset_ends_the_transaction_and_boots_again(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.start()
        await b.set_profile(7000.0)
        kind = "Hard" if b.old else "Immediate"
        assert await b.central.call("Reset", type=kind) == {"status": "Accepted"}
        await b.until(lambda: b.central.actions().count("BootNotification") >= 2, step_s=5)
        await b.told_state("Charging")
        assert b.station.charger.power_kw == 7.0


async def test_1_6_configuration_is_read_and_the_sample_interval_written() -> None:
    async with bench(spec(Version.V16, capabilities=Capabilities(max_periods=6))) as b:
        keys = ["ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods", "Nonsense"]
        answer = await b.central.call("GetConfiguration", key=keys)
        assert {k["key"]: k["value"] for k in answer["configurationKey"]} == {
            "ChargingScheduleAllowedChargingRateUnit": "Power,Current",
            "ChargingScheduleMaxPeriods": "6",
        }
        assert answer["unknownKey"] == ["Nonsense"]
        statuses = [
            (await b.central.call("ChangeConfiguration", key=k, value=v))["status"]
            for k, v in [
                ("MeterValueSampleInterval", "15"),
                ("ChargingScheduleMaxPeriods", "99"),
                ("Nonsense", "1"),
            ]
        ]
        assert statuses == ["Accepted", "Rejected", "NotSupported"]
        await b.start()
        b.clock.jump(15)
        assert (await b.metered())[0] == pytest.approx(22000 / 240, abs=1)


async def test_2_0_1_variables_are_read_and_the_sample_interval_written() -> None:
    async with bench(spec(Version.V201)) as b:
        units = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "RateUnit"}}
        unknown = {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "Colour"}}
        interval = {
            "component": {"name": "SampledDataCtrlr"},
            "variable": {"name": "TxUpdatedInterval"},
        }
        answer = await b.central.call("GetVariables", getVariableData=[units, unknown])
        first, second = answer["getVariableResult"]
        assert (first["attributeStatus"], first["attributeValue"]) == ("Accepted", "W,A")
        assert second["attributeStatus"] == "UnknownVariable"
        answer = await b.central.call(
            "SetVariables", setVariableData=[{**interval, "attributeValue": "15"}]
        )
        assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        await b.start()
        b.clock.jump(15)
        assert (await b.metered())[0] == pytest.approx(22000 / 240, abs=1)


@Both
async def test_an_unknown_action_is_answered_as_an_error(version: Version) -> None:
    async with bench(spec(version)) as b:
        with pytest.raises(CallFailed, match="NotImplemented"):
            await b.central.call("ClearCache")
        answer = await b.central.call("DataTransfer", vendorId="x")
        assert answer["status"] == "UnknownVendorId"


@Both
async def test_heartbeats_fill_the_silence(version: Version) -> None:
    async with bench(spec(version)) as b:
        await b.until(lambda: "Heartbeat" in b.central.actions(), step_s=100)


@Both
async def test_frames_stay_out_of_the_log(
    version: Version, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="ocpp")
    caplog.set_level(logging.DEBUG, logger="simulation")
    async with bench(spec(version, password="a secret")) as b:
        await b.start()
    assert [r for r in caplog.records if r.name.startswith(("ocpp", "simulation"))] == []


async def test_a_place_that_is_taken_or_empty_is_named() -> None:
    async with bench(spec(Version.V16)) as b:
        with pytest.raises(ValueError, match="CP01/1 has no vehicle"):
            b.station.unplug(1)
        b.station.plug_in(1, truck(), "TAG1")
        with pytest.raises(ValueError, match="CP01/1 is taken by V01"):
            b.station.plug_in(1, truck(), "TAG2")
