"""What happened: the closed union that `Depot.apply` takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from planner.plan import Plan
from protocol.mqtt.messages import Message
from protocol.ocpp.commands import Command, CommandResult
from protocol.ocpp.events import StationEvent
from protocol.ocpp.model import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConnected:
    """`session` numbers the sockets of this run of the daemon, the newest highest."""

    station: str
    session: int
    version: Version


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLost:
    station: str
    session: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCalled:
    """A station's call; exactly one Reply effect answers `call_id`."""

    station: str
    session: int
    call_id: str
    event: StationEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswered:
    """How a Send effect ended; exactly one for each, also when the link is lost."""

    station: str
    session: int
    generation: int
    command: Command
    result: CommandResult


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """An MQTT message, already in the inbox under `inbox_id`."""

    inbox_id: int
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRefused:
    """An MQTT message that changes nothing: `reason` says what is wrong, where, what was wanted.

    `command_id` is set where a command's id could be read: its sender gets the reply "no"."""

    topic: str
    reason: str
    inbox_id: int | None = None
    command_id: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReady:
    """An audited plan; `final` is False where a better one may follow for the same revision.

    `steps_down` tells, in words, what the planner could not do as asked."""

    revision: int
    plan: Plan
    final: bool
    steps_down: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFailed:
    """The planner process gave up, was killed or died; the last audited plan stands."""

    revision: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMetered:
    """A sample of the site's own meter: import in kW (negative: export), and the current of each
    phase in A where it tells them; `at` None: now."""

    import_kw: float
    phases_a: tuple[float, float, float] | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConnected:
    """The broker is there (again): what is retained must be told anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationClaimed:
    """Two connections that are both alive claim to be this station, again and again; told once a
    minute while they do."""

    station: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged:
    """What ails the store; None: it keeps up again."""

    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithheld:
    """A command that never left, as what it lends could not be kept."""

    station: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """Something that an operator must know of, seen by an adapter; `severity` as in an alert."""

    kind: str
    severity: str
    text: str
    station: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time has passed; something may be due."""


Event = (
    StationConnected
    | StationLost
    | StationCalled
    | CommandAnswered
    | MessageReceived
    | MessageRefused
    | PlanReady
    | PlanFailed
    | SiteMetered
    | BrokerConnected
    | StationClaimed
    | StoreChanged
    | OrderWithheld
    | Noticed
    | Ticked
)
