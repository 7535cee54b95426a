"""What is kept: the store's vocabulary. Everything else is derived from these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


class NotKept(Exception):
    """The store did not keep what it was given; the text says why and who must act.

    `later`: the same may be kept when it is tried again (the disk was full, the server away).
    `ours` is False when another daemon has taken the store, as two that lend the same power exceed
    every limit, or when the next start is to set it aside: whoever is told so must end."""

    later = True
    ours = True


# A station replays what it buffered offline; a week covers a charger left unplugged for days.
CLOSED_KEPT = timedelta(days=7)
# Where nobody said at which connector a transaction is or was.
UNKNOWN_CONNECTOR = 0

Json = dict[str, object] | list[object] | str | float | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A belief by kind and key, the newest one only; `value` None forgets it.

    Kinds: class, station, evse, vehicle, route, series, limit, pin, reply, number (keeping.py)."""

    kind: str
    key: str
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecord:
    """One charging transaction, whole, under its own id; saved again whenever it changes.

    `station_transaction_id` is what the station calls it. `started_at` and `stopped_at` are when we
    believe it began and ended; the `device_` ones are the station's own timestamps, whatever they
    say, and None where there was none to read. `connector` is 0 where nobody told it. `energy_kwh`
    is None while the registers do not make sense; `estimated`: its end was guessed.
    """

    id: str
    station: str
    connector: int
    station_transaction_id: str
    vehicle: str | None
    id_token: str | None
    started_at: datetime
    stopped_at: datetime | None
    meter_start_wh: float | None
    meter_stop_wh: float | None
    energy_kwh: float | None
    stop_reason: str | None = None
    estimated: bool = False
    device_started_at: datetime | None = None
    device_stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRecord:
    """One reading as the station sent it (`at`, None if unreadable), and when it reached us.

    `doubt` names what in it cannot be: "time" (1970, say, or the future), "register" (negative,
    backwards, faster than any charger) or "power" (more than any charger's); such a reading is kept
    and moves nothing by it."""

    station: str
    connector: int
    transaction: str | None
    at: datetime | None
    received_at: datetime
    energy_wh: float | None
    power_w: float | None
    doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """What a revision was planned on, and how, so that it can be solved again."""

    revision: int
    taken_at: datetime
    snapshot_json: str
    params_json: str
    budget_s: float
    seed: int
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """The last plan of a revision; `applied` tells whether it was the one sent out."""

    revision: int
    made_at: datetime
    plan_json: str
    status: str
    applied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxDone:
    """The message `inbox_id` has been acted on: forget it in the same commit."""

    inbox_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A message that must reach the broker, also after a crash: on `topic` below the site's prefix,
    and for a requester on its own `response_topic` too."""

    topic: str
    payload: str
    response_topic: str | None = None
    correlation_data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    at: datetime
    kind: str
    severity: str
    station: str | None
    text: str


Record = (
    Fact
    | TransactionRecord
    | MeterRecord
    | SnapshotRecord
    | PlanRecord
    | InboxDone
    | OutboxRecord
    | AlertRecord
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a start finds in the store: all facts, the open transactions (and the latest closed
    ones, which a station may still replay), and the last plan that was applied."""

    facts: tuple[Fact, ...] = ()
    transactions: tuple[TransactionRecord, ...] = ()
    last_revision: int = 0
    applied: tuple[SnapshotRecord, PlanRecord] | None = None
