"""The neutral vocabulary to OCPP 2.0.1 payloads (part 2)."""

from __future__ import annotations

from collections.abc import Mapping

from protocol.ocpp.commands import (
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetVariables,
    RequestStartTransaction,
    RequestStopTransaction,
    ResetStation,
    SetChargingProfile,
    SetVariable,
    TriggerMessage,
)
from protocol.ocpp.dialect import Payload
from protocol.ocpp.errors import LocalError
from protocol.ocpp.events import (
    AuthorizeReply,
    BootReply,
    DataTransferReply,
    EmptyReply,
    HeartbeatReply,
    Reply,
    TransactionReply,
)
from protocol.ocpp.model import MAX_PROFILES, VariableName
from protocol.ocpp.v201 import profiles
from protocol.ocpp.values import write_time

# Part 2 appendix 3: the one variable of ours that has an instance.
_INSTANCES: Mapping[VariableName, str] = {MAX_PROFILES: "ChargingProfiles"}

# Empty answers that are not quite empty. Processing (K15): a profile follows when it is planned.
_EMPTY: Mapping[str, Payload] = {
    "NotifyEVChargingNeeds": {"status": "Processing"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
}


def reply(action: str, reply: Reply) -> Payload:
    """The payload of a CALLRESULT; LocalError for a reply that does not answer `action`."""
    match reply:
        case BootReply(now=now, interval_s=interval_s, status=status):
            return {"currentTime": write_time(now), "interval": interval_s, "status": status}
        case HeartbeatReply(now=now):
            return {"currentTime": write_time(now)}
        case AuthorizeReply(accepted=accepted):
            return {"idTokenInfo": _id_token_info(accepted)}
        case TransactionReply(accepted=None):
            return {}
        case TransactionReply(accepted=bool(accepted)):
            return {"idTokenInfo": _id_token_info(accepted)}
        case DataTransferReply(status=status):
            return {"status": status}
        case EmptyReply():
            return dict(_EMPTY.get(action, {}))
        case _:
            raise LocalError(f"{type(reply).__name__} does not answer {action}")


def command(command: Command) -> tuple[str, Payload]:
    """Action and payload of a CALL; LocalError for what 2.0.1 cannot say."""
    match command:
        case SetChargingProfile(evse_id=evse_id, profile=profile):
            return "SetChargingProfile", {
                "evseId": evse_id,
                "chargingProfile": profiles.encode(evse_id, profile),
            }
        case ClearChargingProfile():
            return "ClearChargingProfile", _clear(command)
        case GetCompositeSchedule(evse_id=evse_id, duration_s=duration_s, unit=unit):
            asked: Payload = {"evseId": evse_id, "duration": duration_s}
            return "GetCompositeSchedule", asked if unit is None else {
                **asked,
                "chargingRateUnit": unit.value,
            }
        case GetVariables(names=names):
            return "GetVariables", {"getVariableData": [_variable(name) for name in names]}
        case SetVariable(name=name, value=value):
            return "SetVariables", {
                "setVariableData": [{**_variable(name), "attributeValue": value}]
            }
        case TriggerMessage(message=message, evse_id=trigger_evse_id):
            return "TriggerMessage", _trigger(message, trigger_evse_id)
        case RequestStartTransaction(
            evse_id=evse_id, id_token=id_token, remote_start_id=remote_start_id
        ):
            return "RequestStartTransaction", {
                "evseId": evse_id,
                "remoteStartId": remote_start_id,
                "idToken": {"idToken": id_token, "type": "Central"},
            }
        case RequestStopTransaction(transaction_id=transaction_id):
            return "RequestStopTransaction", {"transactionId": transaction_id}
        case ResetStation(immediate=immediate):
            return "Reset", {"type": "Immediate" if immediate else "OnIdle"}


def _id_token_info(accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Invalid"}


def _variable(name: VariableName) -> Payload:
    variable: Payload = {"name": name.variable}
    if name in _INSTANCES:
        variable["instance"] = _INSTANCES[name]
    return {"component": {"name": name.component}, "variable": variable}


def _clear(command: ClearChargingProfile) -> Payload:
    named: Payload = {
        "evseId": command.evse_id,
        "chargingProfilePurpose": command.purpose and command.purpose.value,
        "stackLevel": command.stack_level,
    }
    criteria = {key: value for key, value in named.items() if value is not None}
    payload: Payload = {"chargingProfileCriteria": criteria} if criteria else {}
    if command.profile_id is not None:
        payload["chargingProfileId"] = command.profile_id
    return payload


def _trigger(message: str, evse_id: int | None) -> Payload:
    payload: Payload = {"requestedMessage": message}
    if evse_id:
        payload["evse"] = {"id": evse_id}
        if message == "StatusNotification":
            # A status is a connector's: some stations refuse an EVSE without one.
            payload["evse"]["connectorId"] = 1
    return payload
