"""The neutral vocabulary to OCPP 1.6 payloads (sections 5 and 6)."""

from __future__ import annotations

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
from protocol.ocpp.v16 import profiles, variables
from protocol.ocpp.values import write_time

# 2.0.1 MessageTrigger to the 1.6 one that tells the same. Which transaction runs at a connector
# is told by nothing but the transactionId of its meter values.
_TRIGGERS = {
    "BootNotification": "BootNotification",
    "FirmwareStatusNotification": "FirmwareStatusNotification",
    "Heartbeat": "Heartbeat",
    "LogStatusNotification": "DiagnosticsStatusNotification",
    "MeterValues": "MeterValues",
    "StatusNotification": "StatusNotification",
    "TransactionEvent": "MeterValues",
}


def reply(action: str, reply: Reply) -> Payload:
    """The payload of a CALLRESULT; LocalError for a reply that does not answer `action`."""
    match reply:
        case BootReply(now=now, interval_s=interval_s, status=status):
            return {"currentTime": write_time(now), "interval": interval_s, "status": status}
        case HeartbeatReply(now=now):
            return {"currentTime": write_time(now)}
        case AuthorizeReply(accepted=accepted):
            return {"idTagInfo": _id_tag_info(accepted)}
        case TransactionReply() if action == "StartTransaction":
            return _start_reply(reply)
        case TransactionReply(accepted=None):
            return {}
        case TransactionReply(accepted=bool(accepted)):
            return {"idTagInfo": _id_tag_info(accepted)}
        case DataTransferReply(status=status):
            return {"status": status}
        case EmptyReply():
            return {}
        case _:
            raise LocalError(f"{type(reply).__name__} does not answer {action}")


def command(command: Command) -> tuple[str, Payload]:
    """Action and payload of a CALL; LocalError for what 1.6 cannot say."""
    match command:
        case SetChargingProfile(evse_id=evse_id, profile=profile):
            return "SetChargingProfile", {
                "connectorId": evse_id,
                "csChargingProfiles": profiles.encode(evse_id, profile),
            }
        case ClearChargingProfile():
            return "ClearChargingProfile", _clear(command)
        case GetCompositeSchedule(evse_id=evse_id, duration_s=duration_s, unit=unit):
            asked: Payload = {"connectorId": evse_id, "duration": duration_s}
            return "GetCompositeSchedule", asked if unit is None else {
                **asked,
                "chargingRateUnit": unit.value,
            }
        case GetVariables(names=names):
            if not names:
                raise LocalError("GetVariables wants at least one name")
            return "GetConfiguration", {"key": [variables.key(name) for name in names]}
        case SetVariable(name=name, value=value):
            return "ChangeConfiguration", {"key": variables.key(name), "value": value}
        case TriggerMessage(message=message, evse_id=trigger_evse_id):
            return "TriggerMessage", _trigger(message, trigger_evse_id)
        case RequestStartTransaction(evse_id=evse_id, id_token=id_token):
            return "RemoteStartTransaction", {"connectorId": evse_id, "idTag": id_token}
        case RequestStopTransaction(transaction_id=transaction_id):
            return "RemoteStopTransaction", {
                "transactionId": profiles.transaction_number(transaction_id)
            }
        case ResetStation(immediate=immediate):
            return "Reset", {"type": "Hard" if immediate else "Soft"}


def _id_tag_info(accepted: bool) -> Payload:
    return {"status": "Accepted" if accepted else "Invalid"}


def _start_reply(reply: TransactionReply) -> Payload:
    if reply.transaction_id is None or reply.accepted is None:
        raise LocalError("1.6 StartTransaction wants a transaction id and a word on its id tag")
    return {
        "transactionId": profiles.transaction_number(reply.transaction_id),
        "idTagInfo": _id_tag_info(reply.accepted),
    }


def _clear(command: ClearChargingProfile) -> Payload:
    criteria: Payload = {
        "id": command.profile_id,
        "connectorId": command.evse_id,
        "chargingProfilePurpose": command.purpose and profiles.PURPOSES[command.purpose],
        "stackLevel": command.stack_level,
    }
    return {key: value for key, value in criteria.items() if value is not None}


def _trigger(message: str, evse_id: int | None) -> Payload:
    if message not in _TRIGGERS:
        raise LocalError(f"1.6 cannot trigger {message}")
    # Section 5.17: a connector above 0; without one it is about all of them.
    place: Payload = {"connectorId": evse_id} if evse_id else {}
    return {"requestedMessage": _TRIGGERS[message], **place}
