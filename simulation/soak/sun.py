"""Sunshine over the depot: room below the limit for as long as the site's meter shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.soak.meter import Ill

if TYPE_CHECKING:
    from simulation.soak.world import World


class Sun:
    """Shines all day but for clouds, which come and go from one instant to the next, at least as
    much as is forecast."""

    def __init__(self, world: World) -> None:
        self.kw = world.scenario.sun_kw
        self._world = world

    @property
    def room_kw(self) -> float:
        """What a guard could count on: as much as was forecast, where a meter shows it."""
        scenario = self._world.scenario
        return min(self.kw, scenario.site.pv_kw.points[0].value) if scenario.shows_sun else 0.0

    def cloud(self, share: float, seconds: float) -> bool:
        """Leaves a share of the sun for a while. Not while the site's meter shows the same sun all
        the while, nor so soon after it went silent that what was lent by it is still drawn."""
        world, meter = self._world, self._world.meter
        full_kw = world.scenario.sun_kw
        if not full_kw or self.kw < full_kw or world.clock.offset_s or world.is_anything_unseen:
            return False
        if world.scenario.shows_sun and meter.ill is not None:
            is_known = world.loop.time() > meter.ill_since_s + world.grace_s
            if meter.ill is Ill.FROZEN or not is_known:
                return False
        self._shine(full_kw * share)
        world.loop.call_later(seconds, self._shine, full_kw)
        return True

    def missing_kw(self, base_kw: float) -> float:
        """How much more is drawn besides charging than is declared less the forecast: it shows only
        where, and while, a meter does. Elsewhere nothing but what is declared counts."""
        scenario, meter = self._world.scenario, self._world.meter
        if not scenario.shows_sun or not meter.can_be_trusted:
            return 0.0
        declared_kw = scenario.base_kw - scenario.site.pv_kw.points[0].value
        return max(0.0, base_kw - self.kw - declared_kw)

    def _shine(self, kw: float) -> None:
        self.kw = kw
        self._world.journal.write("grid", f"{kw:.1f} kW of sun")
        self._world.grid.look_again()
