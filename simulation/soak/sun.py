"""Sunshine over the depot: room below the limit for as long as the site's meter shows it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from simulation.soak.meter import Ill

if TYPE_CHECKING:
    from simulation.soak.world import World


class Sun:
    """Shines all day but for clouds, which come and go from one instant to the next. It is what the
    forecast says, or more, or less."""

    def __init__(self, world: World) -> None:
        self.kw = world.scenario.sun_kw
        self._world = world
        self._net_kw: float | None = None
        self._left: deque[tuple[float, float]] = deque()

    @property
    def room_kw(self) -> float:
        """What a guard could count on: as much as was forecast, where a meter shows it."""
        site = self._world.scenario.site
        return min(self.kw, site.pv_kw.points[0].value) if site.metered else 0.0

    def cloud(self, share: float, seconds: float) -> bool:
        """Leaves a share of the sun for a while. Not while the site's meter shows the same sun all
        the while, nor so soon after it went silent that what was lent by it is still drawn."""
        world, meter = self._world, self._world.meter
        full_kw = world.scenario.sun_kw
        if not full_kw or self.kw < full_kw or world.clock.offset_s or world.is_anything_unseen:
            return False
        if world.scenario.site.metered and meter.ill is not None:
            is_known = world.loop.time() > meter.ill_since_s + world.grace_s
            if meter.ill is Ill.FROZEN or not is_known:
                return False
        self._shine(full_kw * share)
        world.loop.call_later(seconds, self._shine, full_kw)
        return True

    def missing_kw(self, base_kw: float) -> float:
        """By how much more is drawn besides charging than both what is declared and the least that
        the meter has shown for as long as anything may still be drawn by it. Without a sun or a
        meter what is declared is all that counts."""
        scenario, now_s = self._world.scenario, self._world.loop.time()
        if not scenario.sun_kw or not scenario.site.metered:
            return 0.0
        net_kw = base_kw - self.kw
        if self._net_kw is not None and net_kw != self._net_kw:
            self._left.append((now_s, self._net_kw))
        self._net_kw = net_kw
        while self._left and self._left[0][0] <= now_s - self._world.grace_s:
            self._left.popleft()
        least_kw = min((kw for _, kw in self._left), default=net_kw)
        declared_kw = scenario.base_kw - scenario.site.pv_kw.points[0].value
        missing_kw = max(0.0, net_kw - max(least_kw, declared_kw))
        if missing_kw:
            look_s = self._left[0][0] + self._world.grace_s
            self._world.loop.call_at(look_s, self._world.grid.look_again)
        return missing_kw

    def _shine(self, kw: float) -> None:
        self.kw = kw
        self._world.journal.write("grid", f"{kw:.1f} kW of sun")
        self._world.grid.look_again()
