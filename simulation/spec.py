"""What a virtual station is, and what is written down about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    PHASE_SWITCHING,
    RATE_UNITS,
    SAMPLE_INTERVAL_S,
    VariableName,
    Version,
)
from simulation.evse import EvseSpec
from simulation.profiles import Capabilities


class Behaviour(StrEnum):
    """How a station takes charging profiles.

    IGNORE accepts and does nothing, SILENT never answers a call about profiles, DROP closes the
    link instead of answering."""

    OBEY = "obey"
    REJECT = "reject"
    IGNORE = "ignore"
    SILENT = "silent"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSpec:
    """`drop_every_s` closes each link after that time; `boots_again` sends BootNotification on
    every new link, not only after a start or a reset."""

    id: str
    version: Version
    evses: tuple[EvseSpec, ...] = (EvseSpec(),)
    capabilities: Capabilities = field(default_factory=Capabilities)
    behaviour: Behaviour = Behaviour.OBEY
    voltage_v: float = 230.0
    sample_interval_s: int = 60
    drop_every_s: float | None = None
    boots_again: bool = False
    password: str | None = None
    vendor: str = "Virtual"
    model: str = "VS1"

    def variables(self) -> dict[VariableName, str]:
        """The device model as it leaves the factory, in 2.0.1 words."""
        able = self.capabilities
        return {
            MAX_STACK_LEVEL: str(able.max_stack_level),
            RATE_UNITS: ",".join(able.rate_units),
            MAX_PERIODS: str(able.max_periods),
            MAX_PROFILES: str(able.max_profiles),
            PHASE_SWITCHING: "false",
            SAMPLE_INTERVAL_S: str(self.sample_interval_s),
        }


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened to a station, for the report: `rejections` by reason; `faults` are its own
    exceptions and what the central system would not take."""

    profiles_received: int = 0
    profiles_accepted: int = 0
    rejections: Counter[str] = field(default_factory=Counter)
    profiles_unanswered: int = 0
    links: int = 0
    last_loss: str | None = None
    faults: list[str] = field(default_factory=list)
