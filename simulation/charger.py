"""A station's power electronics: EVSEs that charge by the profiles held, exactly over time."""

from __future__ import annotations

from datetime import datetime, timedelta

from daemon.adapters.clock import Clock
from protocol.ocpp.model import RateUnit, SchedulePeriod
from simulation.evse import Evse
from simulation.profiles import Held, ProfileStore, composite, refusal
from simulation.spec import Behaviour, StationSpec


class Charger:
    """Energy is integrated piecewise between the instants at which a profile changes, so a late
    caller loses nothing. `accepted` is what the station said yes to; it follows it unless told to
    ignore."""

    def __init__(self, spec: StationSpec, clock: Clock) -> None:
        self.spec = spec
        self.evses = {e.id: Evse(e) for e in spec.evses}
        self.accepted = ProfileStore(voltage_v=spec.voltage_v)
        ignores = spec.behaviour is Behaviour.IGNORE
        self._applied = ProfileStore(voltage_v=spec.voltage_v) if ignores else self.accepted
        self._clock = clock
        self.at = clock.utc()

    @property
    def power_kw(self) -> float:
        return sum(e.power_kw for e in self.evses.values())

    def advance(self) -> datetime:
        """Charges up to now and returns now."""
        now = self._clock.utc()
        while self.at < now:
            until = min(self.next_change() or now, now)
            limits = [
                (e, self._limit_kw(self._applied, e), self._limit_kw(self.accepted, e))
                for e in self.evses.values()
            ]
            seconds = (until - self.at) / timedelta(seconds=1)
            for evse, limit_kw, accepted_kw in limits:
                evse.run(self.at, seconds, limit_kw=limit_kw, accepted_kw=accepted_kw)
            self.at = until
        self.settle()
        return self.at

    def settle(self) -> None:
        """Takes a change of profiles, vehicles or transactions into account from here on."""
        for evse in self.evses.values():
            evse.settle(self.at, self._limit_kw(self._applied, evse))

    def next_change(self) -> datetime | None:
        """When a limit changes next by itself."""
        running = [e.transaction.running for e in self.evses.values() if e.transaction]
        changes = (s.next_change(self.at, running) for s in (self._applied, self.accepted))
        return min((x for x in changes if x is not None), default=None)

    def install(self, held: Held) -> str | None:
        """Returns why a profile is rejected, or None where it is taken and followed from now."""
        evse = self.evses.get(held.evse_id)
        if evse is None and held.evse_id != 0:
            return "InvalidEvse"
        running = None if evse is None else evse.running
        reason = refusal(held, self.accepted, self.spec.capabilities, running)
        if reason is None:
            self.advance()
            self.accepted.put(held)
            self.settle()
        return reason

    def composite(
        self, evse_id: int, duration_s: int, unit: RateUnit | None
    ) -> tuple[datetime, RateUnit, tuple[SchedulePeriod, ...]] | None:
        """(start, unit, periods) of what it says it will follow, or None where it cannot say."""
        unit = unit or self.spec.capabilities.rate_units[0]
        evse = self.evses.get(evse_id)
        if unit not in self.spec.capabilities.rate_units or (evse is None and evse_id != 0):
            return None
        covered = list(self.evses.values()) if evse is None else [evse]
        start = self._clock.utc().replace(microsecond=0)
        periods = composite(
            self.accepted,
            evse_id,
            start=start,
            duration_s=duration_s,
            unit=unit,
            ceiling_kw=sum(e.spec.max_kw for e in covered),
            running=None if evse is None else evse.running,
            phases=covered[0].phases,
            voltage_v=self.spec.voltage_v,
        )
        return start, unit, periods

    def _limit_kw(self, store: ProfileStore, evse: Evse) -> float:
        """The EVSE's own limit, and an equal share of the station's among those in use."""
        if evse.transaction is None:
            return 0.0
        in_use = sum(e.transaction is not None for e in self.evses.values())
        station_kw = store.station_limit_kw(self.at, phases=evse.spec.phases) / in_use
        return min(
            station_kw,
            store.evse_limit_kw(evse.spec.id, self.at, running=evse.running, phases=evse.phases),
        )
