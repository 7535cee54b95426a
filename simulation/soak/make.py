"""What a lean station is made like: nothing of it changes while it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.ocpp.model import Version
from simulation.profiles import Capabilities
from simulation.soak.outlet import Begins
from simulation.soak.words import Words
from simulation.soak.words16 import Words16
from simulation.soak.words201 import Words201

WORDS: Mapping[Version, Words] = {Version.V16: Words16(), Version.V201: Words201()}


class Keeping(StrEnum):
    """What is left of the profiles when the link is gone: A all, B what belongs to no transaction,
    C nothing at all. A reboot costs A the transaction's too, and C everything."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """What a station is. `boots`: it says so on every link, else only after it has booted;
    `answers_s` is how long it takes to answer, `passes_on_s` to tell its vehicles meanwhile;
    `direct` current has no phases. `rotation`: the site's phase that each of its own is wired to;
    `tells_phases`: its meter tells the current of each. `connectors` of each of its EVSEs, of which
    one charges at a time (2.0.1; in 1.6 each connector is an EVSE); `blocks`: the others are told
    Unavailable meanwhile, else Available as long as nobody has plugged in there. `unnamed`: so many
    of its EVSEs are in no settings. `keeps_statuses`: what it could not tell of its connectors
    while it was offline it tells afterwards, as it does of transactions. `begins`: at what its
    transactions do."""

    id: str
    version: Version
    keeping: Keeping
    able: Capabilities = field(default_factory=Capabilities)
    boots: bool = True
    answers_s: float = 0.1
    passes_on_s: float = 0.0
    direct: bool = False
    rotation: tuple[int, int, int] = (1, 2, 3)
    tells_phases: bool = False
    connectors: int = 1
    blocks: bool = False
    unnamed: int = 0
    keeps_statuses: bool = False
    begins: Begins = Begins.PLUGGED

    @property
    def model(self) -> str:
        """All of a model keep the same, as the daemon learns of one what it takes for all."""
        return f"Lean {self.keeping}"
