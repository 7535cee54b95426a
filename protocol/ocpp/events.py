"""What a station tells us: one closed union, the same for every version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from protocol.ocpp.model import ChargingState, ConnectorStatus, MeterSample


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBooted:
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNotified:
    """`charging_state` is known from 1.6 only; 2.0.1 tells it by TransactionEvent.

    1.6 Preparing, Charging, Suspended* and Finishing are OCCUPIED. In 2.0.1 each connector of an
    EVSE, one of which is used at a time, tells a status of its own."""

    evse_id: int
    connector_id: int = 1
    status: ConnectorStatus
    at: datetime | None
    charging_state: ChargingState | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeRequested:
    id_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
    """`transaction_id` is None from 1.6, where the reply gives it; `evse_id` is 0 while 2.0.1 does
    not know it yet."""

    evse_id: int
    transaction_id: str | None
    id_token: str | None
    at: datetime | None
    meter_start_wh: float | None
    offline: bool = False
    seq_no: int | None = None
    charging_state: ChargingState | None = None
    samples: tuple[MeterSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionUpdated:
    """`evse_id` and `id_token` are None where the station did not repeat them."""

    transaction_id: str
    at: datetime | None
    evse_id: int | None = None
    id_token: str | None = None
    offline: bool = False
    seq_no: int | None = None
    charging_state: ChargingState | None = None
    samples: tuple[MeterSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    transaction_id: str
    at: datetime | None
    meter_stop_wh: float | None
    evse_id: int | None = None
    id_token: str | None = None
    reason: str | None = None
    offline: bool = False
    seq_no: int | None = None
    samples: tuple[MeterSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValuesReported:
    """`transaction_id` is known from 1.6 only, and there only where the station says it."""

    evse_id: int
    transaction_id: str | None
    samples: tuple[MeterSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransferred:
    vendor_id: str
    message_id: str | None
    data: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """A valid message of the standard that steers nothing yet; it gets its empty answer."""

    action: str
    payload: Mapping[str, object]


StationEvent = (
    StationBooted
    | Heartbeat
    | StatusNotified
    | AuthorizeRequested
    | TransactionStarted
    | TransactionUpdated
    | TransactionEnded
    | MeterValuesReported
    | DataTransferred
    | Notified
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootReply:
    now: datetime
    interval_s: int
    status: str = "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReply:
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeReply:
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReply:
    """To TransactionStarted, -Updated and -Ended; `transaction_id` is what 1.6 start wants.

    `accepted` is None where the station asked about no id token."""

    transaction_id: str | None = None
    accepted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransferReply:
    status: str = "UnknownVendorId"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyReply:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """We could not do it (a full disk, say): the station keeps its copy and tries again."""

    code: str = "InternalError"
    description: str = ""


Reply = (
    BootReply
    | HeartbeatReply
    | AuthorizeReply
    | TransactionReply
    | DataTransferReply
    | EmptyReply
    | ErrorReply
)
