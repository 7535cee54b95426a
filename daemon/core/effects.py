"""What must be done about an event: the closed union that `Depot.apply` returns, in order.

The controller commits every Save of an event before it carries out anything else of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.core.records import Json, Record
from planner.params import Params
from planner.snapshot import Snapshot
from protocol.ocpp.commands import Command
from protocol.ocpp.events import Reply as OcppReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    station: str
    session: int
    call_id: str
    reply: OcppReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A command for a station; `generation` comes back with its CommandAnswered. One that `raises`
    lets it draw more than the store knew before: it must not leave unless that is kept, and comes
    back as OrderWithheld."""

    station: str
    session: int
    generation: int
    command: Command
    raises: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlanning:
    """Plan on this snapshot; a planning under way for an older revision is given up."""

    snapshot: Snapshot
    params: Params
    budget_s: float
    seed: int
    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Retained state for MQTT, below the site's prefix; the newest of a topic is enough."""

    topic: str
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One line for the log and one count for the metrics: `name` is a fixed word, `fields` vary.

    `level` is debug, info, warning or error."""

    name: str
    level: str = "info"
    fields: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    station: str
    session: int
    reason: str


Effect = Save | Reply | Send | StartPlanning | Publish | Note | Disconnect
