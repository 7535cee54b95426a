"""The words of OCPP 1.6 for a virtual station, on the `ocpp` package's ChargePoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ocpp.v16 import ChargePoint, call, call_result, datatypes, enums

from protocol.ocpp.events import (
    AuthorizeReply,
    AuthorizeRequested,
    BootReply,
    EmptyReply,
    Heartbeat,
    HeartbeatReply,
    MeterValuesReported,
    Reply,
    StationBooted,
    StationEvent,
    StatusNotified,
    TransactionEnded,
    TransactionReply,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    PHASE_SWITCHING,
    RATE_UNITS,
    SAMPLE_INTERVAL_S,
    ChargingState,
    ConnectorStatus,
    Measurand,
    MeterSample,
    ProfilePurpose,
    RateUnit,
    VariableName,
)
from simulation.wire import Link, StationSide, handles, held, instant, once_answered, timestamp

if TYPE_CHECKING:
    from simulation.station import VirtualStation

_KEYS: Final[Mapping[str, VariableName]] = {
    "ChargeProfileMaxStackLevel": MAX_STACK_LEVEL,
    "ChargingScheduleAllowedChargingRateUnit": RATE_UNITS,
    "ChargingScheduleMaxPeriods": MAX_PERIODS,
    "MaxChargingProfilesInstalled": MAX_PROFILES,
    "ConnectorSwitch3to1PhaseSupported": PHASE_SWITCHING,
    "MeterValueSampleInterval": SAMPLE_INTERVAL_S,
}
_WRITABLE = frozenset({"MeterValueSampleInterval"})
_UNIT_WORDS = {"W": "Power", "A": "Current"}
_PURPOSES = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}
_STATES = {
    ChargingState.CHARGING: enums.ChargePointStatus.charging,
    ChargingState.SUSPENDED_EV: enums.ChargePointStatus.suspended_ev,
    ChargingState.SUSPENDED_EVSE: enums.ChargePointStatus.suspended_evse,
}
_REASONS = {"ImmediateReset": enums.Reason.hard_reset}
_UNITS = {
    Measurand.ENERGY_IMPORT_REGISTER: enums.UnitOfMeasure.wh,
    Measurand.POWER_IMPORT: enums.UnitOfMeasure.w,
    Measurand.SOC: enums.UnitOfMeasure.percent,
}
# 1.6 section 3.12.2 has no word for a transaction that the central system has not named yet.
_UNNAMED: Final = -1


class Wire16(StationSide, ChargePoint):
    """`assigned_ids`: the station's transaction ids to those the central system gave; it outlives
    the link, as the transactions do."""

    def __init__(self, station: VirtualStation, link: Link, assigned_ids: dict[str, int]) -> None:
        super().__init__(station, link)
        self._assigned_ids = assigned_ids

    async def tell(self, event: StationEvent) -> Reply:
        """Raises OCPPError for a CALLERROR, TimeoutError without an answer."""
        match event:
            case StationBooted():
                return await self._boot(event)
            case Heartbeat():
                reply = await self.ask(call.Heartbeat())
                return HeartbeatReply(now=_at(reply.current_time))
            case AuthorizeRequested(id_token=token):
                reply = await self.ask(call.Authorize(id_tag=token))
                return AuthorizeReply(accepted=_accepted(reply.id_tag_info))
            case StatusNotified():
                await self.ask(_status(event))
            case TransactionStarted():
                return await self._begin(event)
            case TransactionUpdated(samples=samples) | MeterValuesReported(samples=samples):
                if samples:
                    await self.ask(self._meter_values(event))
            case TransactionEnded():
                return await self._end(event)
            case _:
                raise ValueError(f"a 1.6 station does not tell {type(event).__name__}")
        return EmptyReply()

    async def _boot(self, event: StationBooted) -> BootReply:
        reply = await self.ask(
            call.BootNotification(
                charge_point_model=event.model,
                charge_point_vendor=event.vendor,
                charge_point_serial_number=event.serial_number,
                firmware_version=event.firmware_version,
            )
        )
        return BootReply(
            now=_at(reply.current_time), interval_s=reply.interval, status=reply.status
        )

    async def _begin(self, event: TransactionStarted) -> TransactionReply:
        reply = await self.ask(
            call.StartTransaction(
                connector_id=event.evse_id,
                id_tag=event.id_token or "",
                meter_start=round(event.meter_start_wh or 0),
                timestamp=timestamp(event.at),
            )
        )
        assert event.transaction_id is not None, "a virtual station names its transactions"
        self._assigned_ids[event.transaction_id] = reply.transaction_id
        return TransactionReply(
            transaction_id=str(reply.transaction_id), accepted=_accepted(reply.id_tag_info)
        )

    async def _end(self, event: TransactionEnded) -> TransactionReply:
        reason = event.reason or "Local"
        reply = await self.ask(
            call.StopTransaction(
                transaction_id=self._assigned_ids.get(event.transaction_id, _UNNAMED),
                meter_stop=round(event.meter_stop_wh or 0),
                timestamp=timestamp(event.at),
                id_tag=event.id_token,
                reason=_REASONS.get(reason) or enums.Reason(reason),
            )
        )
        self._assigned_ids.pop(event.transaction_id, None)
        return TransactionReply(
            accepted=None if reply.id_tag_info is None else _accepted(reply.id_tag_info)
        )

    def _meter_values(self, event: TransactionUpdated | MeterValuesReported) -> call.MeterValues:
        assert event.evse_id is not None, "a virtual station says where it meters"
        own_id = event.transaction_id
        return call.MeterValues(
            connector_id=event.evse_id,
            transaction_id=None if own_id is None else self._assigned_ids.get(own_id, _UNNAMED),
            meter_value=[
                datatypes.MeterValue(
                    timestamp=timestamp(event.samples[0].at),
                    sampled_value=[_sampled(s) for s in event.samples],
                )
            ],
        )

    def _own_id(self, transaction_id: int | None) -> str | None:
        """A transaction's own id; an unknown one keeps its number, which nothing matches."""
        if transaction_id is None:
            return None
        own = (k for k, v in self._assigned_ids.items() if v == transaction_id)
        return next(own, str(transaction_id))

    @handles("SetChargingProfile")
    def on_set_charging_profile(
        self, connector_id: int, cs_charging_profiles: dict[str, Any]
    ) -> call_result.SetChargingProfile:
        profile = cs_charging_profiles
        refused = self.station.set_profile(
            held(
                connector_id,
                profile,
                profile["charging_schedule"],
                profile_id=profile["charging_profile_id"],
                purpose=_PURPOSES[profile["charging_profile_purpose"]],
                transaction_id=self._own_id(profile.get("transaction_id")),
                received_at=self.station.charger.at,
            )
        )
        status = enums.ChargingProfileStatus
        return call_result.SetChargingProfile(
            status.accepted if refused is None else status.rejected
        )

    @handles("ClearChargingProfile")
    def on_clear_charging_profile(
        self,
        id: int | None = None,
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> call_result.ClearChargingProfile:
        purpose = charging_profile_purpose
        cleared = self.station.clear_profiles(
            profile_id=id,
            evse_id=connector_id,
            purpose=None if purpose is None else _PURPOSES[purpose],
            stack_level=stack_level,
        )
        status = enums.ClearChargingProfileStatus
        return call_result.ClearChargingProfile(status.accepted if cleared else status.unknown)

    @handles("GetCompositeSchedule")
    def on_get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str | None = None
    ) -> call_result.GetCompositeSchedule:
        unit = None if charging_rate_unit is None else RateUnit(charging_rate_unit)
        answer = self.station.composite(connector_id, duration, unit)
        if answer is None:
            return call_result.GetCompositeSchedule(enums.GetCompositeScheduleStatus.rejected)
        start, unit, periods = answer
        return call_result.GetCompositeSchedule(
            enums.GetCompositeScheduleStatus.accepted,
            connector_id=connector_id,
            schedule_start=timestamp(start),
            charging_schedule={
                "duration": duration,
                "start_schedule": timestamp(start),
                "charging_rate_unit": unit.value,
                "charging_schedule_period": [
                    {"start_period": p.start_s, "limit": p.limit} for p in periods
                ],
            },
        )

    @handles("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None) -> call_result.GetConfiguration:
        wanted = key if key else list(_KEYS)
        return call_result.GetConfiguration(
            configuration_key=[
                datatypes.KeyValue(key=k, readonly=k not in _WRITABLE, value=self._value(k))
                for k in wanted
                if k in _KEYS
            ],
            unknown_key=[k for k in wanted if k not in _KEYS],
        )

    def _value(self, key: str) -> str:
        value = self.station.variables[_KEYS[key]]
        if _KEYS[key] == RATE_UNITS:
            return ",".join(_UNIT_WORDS[unit] for unit in value.split(","))
        return value

    @handles("ChangeConfiguration")
    def on_change_configuration(self, key: str, value: str) -> call_result.ChangeConfiguration:
        if key not in _KEYS:
            return call_result.ChangeConfiguration(enums.ConfigurationStatus.not_supported)
        status = self.station.set_variable(_KEYS[key], value)
        return call_result.ChangeConfiguration(enums.ConfigurationStatus(status))

    @handles("TriggerMessage")
    def on_trigger_message(
        self, requested_message: str, connector_id: int | None = None
    ) -> call_result.TriggerMessage:
        done = self.station.trigger(requested_message, connector_id)
        status = enums.TriggerMessageStatus
        return call_result.TriggerMessage(status.accepted if done else status.not_implemented)

    @handles("RemoteStartTransaction")
    def on_remote_start_transaction(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: dict[str, Any] | None = None,
    ) -> call_result.RemoteStartTransaction:
        started = charging_profile is None and self.station.remote_start(connector_id, id_tag)
        status = enums.RemoteStartStopStatus
        return call_result.RemoteStartTransaction(status.accepted if started else status.rejected)

    @handles("RemoteStopTransaction")
    def on_remote_stop_transaction(self, transaction_id: int) -> call_result.RemoteStopTransaction:
        own_id = self._own_id(transaction_id)
        stopped = own_id is not None and self.station.remote_stop(own_id)
        status = enums.RemoteStartStopStatus
        return call_result.RemoteStopTransaction(status.accepted if stopped else status.rejected)

    @handles("Reset")
    def on_reset(self, type: str) -> call_result.Reset:
        return call_result.Reset(enums.ResetStatus.accepted)

    @once_answered("Reset")
    async def after_reset(self, **_: object) -> None:
        await self.station.reset()

    @handles("DataTransfer")
    def on_data_transfer(self, **_: object) -> call_result.DataTransfer:
        return call_result.DataTransfer(enums.DataTransferStatus.unknown_vendor_id)


def _at(text: str) -> Any:
    return instant(text)


def _accepted(id_tag_info: Mapping[str, Any]) -> bool:
    return bool(id_tag_info["status"] == enums.AuthorizationStatus.accepted)


def _status(event: StatusNotified) -> call.StatusNotification:
    if event.status is ConnectorStatus.AVAILABLE:
        status = enums.ChargePointStatus.available
    else:
        status = _STATES.get(
            event.charging_state or ChargingState.IDLE, enums.ChargePointStatus.preparing
        )
    return call.StatusNotification(
        connector_id=event.evse_id,
        error_code=enums.ChargePointErrorCode.no_error,
        status=status,
        timestamp=timestamp(event.at),
    )


def _sampled(sample: MeterSample) -> datatypes.SampledValue:
    return datatypes.SampledValue(
        value=f"{sample.value:.1f}",
        measurand=enums.Measurand(sample.measurand),
        unit=_UNITS[sample.measurand],
        context=enums.ReadingContext(sample.context),
        location=enums.Location.outlet,
    )
