"""The site's own meter, told by MQTT: what is really drawn, as long as it is well."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from daemon.core.events import Event, MessageRefused, SiteMetered
from protocol.mqtt import topics
from protocol.mqtt.decode import MessageError, decode
from protocol.mqtt.messages import MeterMessage
from simulation.soak.ledger import PHASES, SITE, on_phase
from simulation.soak.outlet import VOLTAGE_V
from simulation.soak.words import write

if TYPE_CHECKING:
    from simulation.soak.world import World

EVERY_S = 2.0
SITE_PHASES = tuple(on_phase(SITE, n) for n in PHASES)
NOISE_KW = 0.01


class Ill(StrEnum):
    """How a meter may be ill: it says nothing, the same for ever, the same message again and again,
    no number, a number without sense now and then, or one that no site could draw."""

    SILENT = "silent"
    FROZEN = "frozen"
    STALE = "stale"
    NAN = "not a number"
    LEAPS = "leaps"
    ABSURD = "absurd"


class Meter:
    """Samples the ledger every other second where the site has a meter. `ill` is what faults
    change."""

    def __init__(self, world: World) -> None:
        self.ill: Ill | None = None
        self.ill_since_s = 0.0
        self._world = world
        self._rng = world.chance("meter")
        self._topic = topics.absolute(world.scenario.site.id, topics.METER)
        self._last: tuple[float, list[float], datetime] | None = None
        if world.scenario.site.metered:
            world.loop.call_later(self._rng.uniform(0, EVERY_S), self._sample)

    @property
    def can_be_trusted(self) -> bool:
        """A meter that is well, and a clock by which its samples are of now."""
        metered = self._world.scenario.site.metered
        return metered and self.ill is None and not self._world.clock.offset_s

    def fall_ill(self, ill: Ill) -> None:
        self.ill, self.ill_since_s = ill, self._world.loop.time()

    def recover(self) -> None:
        self.ill = None
        self._world.grid.look_again()

    def _sample(self) -> None:
        self._world.loop.call_later(EVERY_S, self._sample)
        self._world.unseen.look()
        if self.ill is not Ill.SILENT and self._world.daemon is not None:
            self._world.daemon.hear(self._heard(self._payload()))

    def _payload(self) -> bytes:
        kw, phases_kw, at = self._measured()
        if self.ill in (Ill.FROZEN, Ill.STALE) and self._last is not None:
            kw, phases_kw, last_at = self._last
            at = last_at if self.ill is Ill.STALE else at
        if self.ill is None:
            self._last = (kw, phases_kw, at)
        limit_kw = self._world.scenario.site.import_limit_kw
        if self.ill is Ill.NAN:
            kw = float("nan")
        elif self.ill is Ill.ABSURD:
            kw = 1000 * limit_kw
        elif self.ill is Ill.LEAPS:
            kw = self._rng.choice([-limit_kw, kw, 2 * limit_kw])
        told: dict[str, object] = {"at": write(at), "import_kw": kw}
        if self._world.scenario.meters_phases:
            told["phases_a"] = [round(x * 1000 / VOLTAGE_V, 2) for x in phases_kw]
        return json.dumps(told).encode()

    def _measured(self) -> tuple[float, list[float], datetime]:
        lines = self._world.ledger.lines
        noise_kw = self._rng.gauss(0, NOISE_KW)
        phases_kw = [lines[name].net_kw + noise_kw / 3 for name in SITE_PHASES]
        at = self._world.clock.truth() - timedelta(milliseconds=200)
        return round(lines[SITE].net_kw + noise_kw, 3), phases_kw, at

    def _heard(self, payload: bytes) -> Event:
        """As the MQTT adapter tells the controller."""
        try:
            message = decode(self._world.scenario.site.id, self._topic, payload, retained=False)
        except MessageError as error:
            return MessageRefused(topic=self._topic, reason=str(error))
        assert isinstance(message, MeterMessage), "another message on the meter's topic"
        return SiteMetered(import_kw=message.import_kw, phases_a=message.phases_a, at=message.at)
