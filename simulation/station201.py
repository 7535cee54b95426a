"""The words of OCPP 2.0.1 for a virtual station, on the `ocpp` package's ChargePoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp.v201 import ChargePoint, call, call_result, datatypes, enums

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

_UNITS = {
    Measurand.ENERGY_IMPORT_REGISTER: "Wh",
    Measurand.POWER_IMPORT: "W",
    Measurand.SOC: "Percent",
}
_END_TRIGGERS = {
    "Remote": enums.TriggerReasonEnumType.remote_stop,
    "DeAuthorized": enums.TriggerReasonEnumType.deauthorized,
    "EVDisconnected": enums.TriggerReasonEnumType.ev_communication_lost,
    "ImmediateReset": enums.TriggerReasonEnumType.reset_command,
}


class Wire201(StationSide, ChargePoint):
    """The EVSE's one connector is its number 1."""

    def __init__(self, station: VirtualStation, link: Link) -> None:
        super().__init__(station, link)
        self._told: dict[int, ConnectorStatus] = {}
        self._remote_start_ids: dict[str, int] = {}

    async def tell(self, event: StationEvent) -> Reply:
        """Raises OCPPError for a CALLERROR, TimeoutError without an answer."""
        match event:
            case StationBooted():
                return await self._boot(event)
            case Heartbeat():
                reply = await self.ask(call.Heartbeat())
                return HeartbeatReply(now=_at(reply.current_time))
            case AuthorizeRequested(id_token=token):
                reply = await self.ask(call.Authorize(id_token=_id_token(token)))
                return AuthorizeReply(accepted=reply.id_token_info["status"] == "Accepted")
            case StatusNotified():
                await self._tell_status(event)
            case MeterValuesReported(evse_id=evse_id, samples=samples):
                await self.ask(call.MeterValues(evse_id=evse_id, meter_value=_metered(samples)))
            case TransactionStarted() | TransactionUpdated() | TransactionEnded():
                return await self._tell_transaction(event)
            case _:
                raise ValueError(f"a 2.0.1 station does not tell {type(event).__name__}")
        return EmptyReply()

    async def _boot(self, event: StationBooted) -> BootReply:
        reply = await self.ask(
            call.BootNotification(
                charging_station=datatypes.ChargingStationType(
                    vendor_name=event.vendor,
                    model=event.model,
                    serial_number=event.serial_number,
                    firmware_version=event.firmware_version,
                ),
                reason=enums.BootReasonEnumType(event.reason or "PowerUp"),
            )
        )
        return BootReply(
            now=_at(reply.current_time), interval_s=reply.interval, status=reply.status
        )

    async def _tell_status(self, event: StatusNotified) -> None:
        """Once for each status; the charging state goes by TransactionEvent here."""
        if self._told.get(event.evse_id) is event.status:
            return
        self._told[event.evse_id] = event.status
        await self.ask(
            call.StatusNotification(
                timestamp=timestamp(event.at),
                connector_status=enums.ConnectorStatusEnumType(event.status),
                evse_id=event.evse_id,
                connector_id=1,
            )
        )

    async def _tell_transaction(
        self, event: TransactionStarted | TransactionUpdated | TransactionEnded
    ) -> TransactionReply:
        own_id = event.transaction_id
        assert own_id is not None, "a virtual station names its transactions"
        assert event.seq_no is not None, "a virtual station counts its messages"
        assert event.evse_id is not None, "a virtual station says where it charges"
        reply = await self.ask(
            call.TransactionEvent(
                event_type=_event_type(event),
                timestamp=timestamp(event.at),
                trigger_reason=self._trigger_reason(event),
                seq_no=event.seq_no,
                transaction_info=self._transaction_info(event, own_id),
                meter_value=_metered(event.samples) if event.samples else None,
                offline=event.offline,
                evse=datatypes.EVSEType(id=event.evse_id, connector_id=1),
                id_token=None if event.id_token is None else _id_token(event.id_token),
            )
        )
        info = reply.id_token_info
        return TransactionReply(
            transaction_id=own_id, accepted=None if info is None else info["status"] == "Accepted"
        )

    def _transaction_info(
        self, event: TransactionStarted | TransactionUpdated | TransactionEnded, own_id: str
    ) -> datatypes.TransactionType:
        if isinstance(event, TransactionEnded):
            reason = enums.ReasonEnumType(event.reason or "Local")
            return datatypes.TransactionType(transaction_id=own_id, stopped_reason=reason)
        state = event.charging_state
        return datatypes.TransactionType(
            transaction_id=own_id,
            charging_state=None if state is None else enums.ChargingStateEnumType(state),
            remote_start_id=self._remote_start_ids.get(own_id),
        )

    def _trigger_reason(
        self, event: TransactionStarted | TransactionUpdated | TransactionEnded
    ) -> enums.TriggerReasonEnumType:
        reasons = enums.TriggerReasonEnumType
        match event:
            case TransactionStarted(transaction_id=own_id):
                remote = own_id in self._remote_start_ids
                return reasons.remote_start if remote else reasons.authorized
            case TransactionEnded(reason=reason):
                return _END_TRIGGERS.get(reason or "", reasons.stop_authorized)
            case TransactionUpdated(samples=()):
                return reasons.charging_state_changed
            case TransactionUpdated(samples=samples):
                asked = samples[0].context == "Trigger"
                return reasons.trigger if asked else reasons.meter_value_periodic

    @handles("SetChargingProfile")
    def on_set_charging_profile(
        self, evse_id: int, charging_profile: dict[str, Any], **_: object
    ) -> call_result.SetChargingProfile:
        profile = charging_profile
        refused = self.station.set_profile(
            held(
                evse_id,
                profile,
                profile["charging_schedule"][0],
                profile_id=profile["id"],
                purpose=ProfilePurpose(profile["charging_profile_purpose"]),
                transaction_id=profile.get("transaction_id"),
                received_at=self.station.charger.at,
            )
        )
        if refused is None:
            return call_result.SetChargingProfile(enums.ChargingProfileStatusEnumType.accepted)
        return call_result.SetChargingProfile(
            enums.ChargingProfileStatusEnumType.rejected,
            status_info=datatypes.StatusInfoType(reason_code=refused),
        )

    @handles("ClearChargingProfile")
    def on_clear_charging_profile(
        self,
        charging_profile_id: int | None = None,
        charging_profile_criteria: dict[str, Any] | None = None,
        **_: object,
    ) -> call_result.ClearChargingProfile:
        criteria = charging_profile_criteria or {}
        purpose = criteria.get("charging_profile_purpose")
        cleared = self.station.clear_profiles(
            profile_id=charging_profile_id,
            evse_id=criteria.get("evse_id"),
            purpose=None if purpose is None else ProfilePurpose(purpose),
            stack_level=criteria.get("stack_level"),
        )
        status = enums.ClearChargingProfileStatusEnumType
        return call_result.ClearChargingProfile(status.accepted if cleared else status.unknown)

    @handles("GetCompositeSchedule")
    def on_get_composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str | None = None, **_: object
    ) -> call_result.GetCompositeSchedule:
        unit = None if charging_rate_unit is None else RateUnit(charging_rate_unit)
        answer = self.station.composite(evse_id, duration, unit)
        if answer is None:
            return call_result.GetCompositeSchedule(enums.GenericStatusEnumType.rejected)
        start, unit, periods = answer
        return call_result.GetCompositeSchedule(
            enums.GenericStatusEnumType.accepted,
            schedule=datatypes.CompositeScheduleType(
                evse_id=evse_id,
                duration=duration,
                schedule_start=timestamp(start),
                charging_rate_unit=enums.ChargingRateUnitEnumType(unit),
                charging_schedule_period=[
                    datatypes.ChargingSchedulePeriodType(start_period=p.start_s, limit=p.limit)
                    for p in periods
                ],
            ),
        )

    @handles("GetVariables")
    def on_get_variables(
        self, get_variable_data: list[dict[str, Any]], **_: object
    ) -> call_result.GetVariables:
        return call_result.GetVariables(
            get_variable_result=[self._read(asked) for asked in get_variable_data]
        )

    def _read(self, asked: dict[str, Any]) -> datatypes.GetVariableResultType:
        value = self.station.variables.get(_name(asked))
        status = enums.GetVariableStatusEnumType
        return datatypes.GetVariableResultType(
            attribute_status=status.unknown_variable if value is None else status.accepted,
            attribute_value=value,
            component=asked["component"],
            variable=asked["variable"],
        )

    @handles("SetVariables")
    def on_set_variables(
        self, set_variable_data: list[dict[str, Any]], **_: object
    ) -> call_result.SetVariables:
        return call_result.SetVariables(
            set_variable_result=[
                datatypes.SetVariableResultType(
                    attribute_status=enums.SetVariableStatusEnumType(
                        self.station.set_variable(_name(asked), asked["attribute_value"])
                    ),
                    component=asked["component"],
                    variable=asked["variable"],
                )
                for asked in set_variable_data
            ]
        )

    @handles("TriggerMessage")
    def on_trigger_message(
        self, requested_message: str, evse: dict[str, Any] | None = None, **_: object
    ) -> call_result.TriggerMessage:
        done = self.station.trigger(requested_message, None if evse is None else evse["id"])
        status = enums.TriggerMessageStatusEnumType
        return call_result.TriggerMessage(status.accepted if done else status.not_implemented)

    @handles("RequestStartTransaction")
    def on_request_start_transaction(
        self,
        id_token: dict[str, Any],
        remote_start_id: int,
        evse_id: int | None = None,
        **_: object,
    ) -> call_result.RequestStartTransaction:
        own_id = self.station.remote_start(evse_id, id_token["id_token"])
        status = enums.RequestStartStopStatusEnumType
        if own_id is None:
            return call_result.RequestStartTransaction(status.rejected)
        self._remote_start_ids[own_id] = remote_start_id
        return call_result.RequestStartTransaction(status.accepted, transaction_id=own_id)

    @handles("RequestStopTransaction")
    def on_request_stop_transaction(
        self, transaction_id: str, **_: object
    ) -> call_result.RequestStopTransaction:
        stopped = self.station.remote_stop(transaction_id)
        status = enums.RequestStartStopStatusEnumType
        return call_result.RequestStopTransaction(status.accepted if stopped else status.rejected)

    @handles("Reset")
    def on_reset_request(self, type: str, **_: object) -> call_result.Reset:
        return call_result.Reset(enums.ResetStatusEnumType.accepted)

    @once_answered("Reset")
    async def after_reset(self, **_: object) -> None:
        await self.station.reset()

    @handles("DataTransfer")
    def on_data_transfer(self, **_: object) -> call_result.DataTransfer:
        return call_result.DataTransfer(enums.DataTransferStatusEnumType.unknown_vendor_id)


def _at(text: str) -> Any:
    return instant(text)


def _name(asked: dict[str, Any]) -> VariableName:
    return VariableName(component=asked["component"]["name"], variable=asked["variable"]["name"])


def _id_token(token: str) -> datatypes.IdTokenType:
    return datatypes.IdTokenType(id_token=token, type=enums.IdTokenEnumType.iso14443)


def _event_type(
    event: TransactionStarted | TransactionUpdated | TransactionEnded,
) -> enums.TransactionEventEnumType:
    match event:
        case TransactionStarted():
            return enums.TransactionEventEnumType.started
        case TransactionUpdated():
            return enums.TransactionEventEnumType.updated
        case TransactionEnded():
            return enums.TransactionEventEnumType.ended


def _metered(samples: tuple[MeterSample, ...]) -> list[datatypes.MeterValueType]:
    return [
        datatypes.MeterValueType(
            timestamp=timestamp(samples[0].at),
            sampled_value=[
                datatypes.SampledValueType(
                    value=sample.value,
                    context=enums.ReadingContextEnumType(sample.context),
                    measurand=enums.MeasurandEnumType(sample.measurand),
                    location=enums.LocationEnumType.outlet,
                    unit_of_measure=datatypes.UnitOfMeasureType(unit=_UNITS[sample.measurand]),
                )
                for sample in samples
            ],
        )
    ]
