"""The grid's side: base load that steps, and limits that are ordered for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from daemon.core.events import MessageReceived
from planner.series import format_instant
from protocol.mqtt.messages import CommandMessage
from simulation.soak.ledger import SITE
from simulation.soak.scenario import ORDERED

if TYPE_CHECKING:
    from simulation.soak.daemon import Daemon
    from simulation.soak.world import World

STEP_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An order, the life of the daemon that was told it, and how often the store had refused."""

    kw: float
    order: int
    daemon: Daemon
    refused: int


class Grid:
    """Base load is mostly all that is declared, at times less. One order at a time: `counted_kw` is
    what it counts as, infinite without one and until stations have had their time to follow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.chance("grid")
        self._orders = 0
        self._until_s = 0.0
        self._ordered_kw = math.inf
        self.counted_kw = math.inf
        self._most_kw = world.scenario.base_kw
        self._base_share = 1.0
        self._surge_kw = 0.0
        self._step()

    def order(self, share: float, seconds: float) -> bool:
        """A limit between what cannot be lowered (0) and the fuse (1); False where one holds."""
        world, now_s = self._world, self._world.loop.time()
        if world.daemon is None or now_s < self._until_s or world.clock.offset_s:
            return False
        if world.unseen.kw:
            return False  # what the order leaves could be less than what is drawn unseen
        least_kw, most_kw = world.scenario.sure_kw, world.scenario.site.import_limit_kw
        kw = round(least_kw + share * (most_kw - least_kw), 1)
        self._orders += 1
        self._until_s, self._ordered_kw = now_s + seconds, kw
        now = world.clock.utc()
        message = CommandMessage(
            topic="commands/set_limit",
            name="set_limit",
            id=f"order-{self._orders}",
            issued_at=now,
            expires_at=now + timedelta(minutes=1),
            args={
                "import_limit_kw": kw,
                "until": format_instant(now + timedelta(seconds=seconds)),
            },
        )
        world.journal.write("grid", f"limit {kw} kW for {seconds:.0f} s")
        world.daemon.hear(MessageReceived(inbox_id=self._orders, message=message))
        heard = Heard(kw=kw, order=self._orders, daemon=world.daemon, refused=world.store.refused)
        world.loop.call_later(world.grace_s, self._holds, heard)
        world.loop.call_at(self._until_s, self._ends, self._orders)
        return True

    @property
    def ordered_kw(self) -> float:
        """The limit of the order that holds, or soon will; infinite without one."""
        return self._ordered_kw if self._world.loop.time() < self._until_s else math.inf

    def base_load(self, most_kw: float) -> None:
        """As much as the site may draw besides charging from now on."""
        self._most_kw = most_kw
        self._draw()

    def surge(self, kw: float) -> None:
        """A load that nobody has declared; 0 ends it."""
        self._surge_kw = kw
        self._draw()

    def look_again(self) -> None:
        """The sun has changed, or what the meter can have shown of it."""
        self._draw()

    def forget(self) -> None:
        """The daemon's clock has stepped: until when an order holds is its own opinion."""
        self._until_s = 0.0
        self._ends(self._orders)

    def _holds(self, heard: Heard) -> None:
        """A daemon that died, or whose store refused, may not have kept it: then only what was kept
        can be asked for."""
        world = self._world
        kept = world.store.fact("limit", "override")
        known = isinstance(kept, dict) and kept["import_limit_kw"] == heard.kw
        known |= world.daemon is heard.daemon and world.store.refused == heard.refused
        if heard.order == self._orders and known and world.loop.time() < self._until_s:
            self._count(heard.kw)

    def _ends(self, order: int) -> None:
        if order == self._orders:
            self._count(math.inf)

    def _count(self, kw: float) -> None:
        self.counted_kw = kw
        ledger = self._world.ledger
        ledger.limit(ORDERED, min(kw, ledger.lines[SITE].limit_kw))

    def _draw(self) -> None:
        """What is above all that is declared is unseen, and a sun that is gone."""
        world = self._world
        base_kw = self._most_kw * self._base_share
        kw = base_kw + self._surge_kw
        surge_kw = max(0.0, kw - world.scenario.base_kw)
        for source, unseen_kw in (("surge", surge_kw), ("sun", world.sun.missing_kw(base_kw))):
            world.unseen.put(source, unseen_kw, (unseen_kw / 3, unseen_kw / 3, unseen_kw / 3))
        world.ledger.base_load(kw, sun_kw=world.sun.kw, room_kw=world.sun.room_kw)

    def _step(self) -> None:
        self._base_share = self._rng.choice([1.0, 1.0, self._rng.uniform(0.5, 1.0)])
        self._draw()
        self._world.loop.call_later(self._rng.expovariate(1 / STEP_S), self._step)
