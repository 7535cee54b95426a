"""Stations with a truth of their own around a depot on the bench: what they hold, lose and draw.

They read profiles as the standard says (`simulation.profiles`), and deviate where their class says.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from daemon.core.effects import Send
from daemon.core.events import CommandAnswered, StationCalled, StationConnected, StationLost
from daemon.core.keeping import restore
from daemon.core.site import SiteSpec
from protocol.ocpp.commands import (
    Answered,
    ClearChargingProfile,
    CommandResult,
    GetCompositeSchedule,
    Lost,
    SetChargingProfile,
    TimedOut,
    TriggerMessage,
)
from protocol.ocpp.events import (
    MeterValuesReported,
    StationBooted,
    StationEvent,
    StatusNotified,
    TransactionStarted,
)
from protocol.ocpp.model import (
    CompositeSchedule,
    ConnectorStatus,
    Measurand,
    MeterSample,
    ProfilePurpose,
    RateUnit,
    Version,
)
from simulation.profiles import Held, ProfileStore, Running, composite
from tests.core.bench import VOLTAGE_V, Bench

TIMEOUT_S = 30.0
SAMPLE_S = 30.0


@dataclass
class Toy:
    """One station with one vehicle. `keeps`: its class; `lag_s`: how long its vehicle goes on
    drawing after a cut; `skew_s`: how far its clock is ahead; `meter`: what its meter shows of what
    is drawn, `tells_power` whether as a power too, and `tells_currents` as one on each phase;
    `obeys`: whether it follows what it accepts; `reads_back`: what it shows of it (None:
    the truth)."""

    name: str
    keeps: str = "A"
    max_kw: float = 22.0
    phases: int = 3
    wired: int = 3
    lag_s: float = 5.0
    skew_s: float = 0.0
    meter: float = 1.0
    tells_power: bool = False
    tells_currents: bool = False
    obeys: bool = True
    reads_back: Answered | TimedOut | None = None
    appetite_kw: float = 1000.0
    model: str = ""
    units: tuple[RateUnit, ...] = (RateUnit.AMPERES, RateUnit.WATTS)
    takes: Callable[[SetChargingProfile], bool] = lambda command: True
    online: bool = False
    away_until_s: float = 0.0
    store: ProfileStore = field(default_factory=lambda: ProfileStore(voltage_v=VOLTAGE_V))
    running: Running | None = None
    register_wh: float = 1000.0
    drawn: list[tuple[float, float]] = field(default_factory=list)
    next_sample_s: float = 0.0
    stuck_kw: float | None = None

    def limit_kw(self, utc: datetime) -> float:
        at = utc + timedelta(seconds=self.skew_s)
        if not self.obeys:
            return self.max_kw
        if self.keeps == "B":
            # It follows the first power of what it was told last, for ever.
            tx = [h for h in self.store if h.profile.purpose is ProfilePurpose.TX]
            if tx and self.running is not None:
                first = tx[-1].profile.periods[0].limit
                per = VOLTAGE_V * self.wired / 1000
                unit = tx[-1].profile.unit
                return first * per if unit is RateUnit.AMPERES else first / 1000
        running = self.running
        return self.store.limit_kw(1, at, running=running, phases=self.wired)

    def wants_kw(self, utc: datetime) -> float:
        """What the vehicle takes of what is offered; below 6 A a phase it is nothing."""
        if self.running is None:
            return 0.0
        offered = min(self.limit_kw(utc), self.max_kw)
        if self.wired and offered < 6 * VOLTAGE_V * self.wired / 1000 - 1e-6:
            return 0.0
        wired = self.wired or 3
        return min(offered * min(self.phases, wired) / wired, self.appetite_kw)

    def power_kw(self, now_s: float) -> float:
        """The highest of the last `lag_s`: a vehicle is slow to follow a cut, and quick to rise."""
        return max((kw for at, kw in self.drawn if at >= now_s - self.lag_s), default=0.0)

    def look(self, utc: datetime, now_s: float, seconds: float) -> None:
        self.drawn = [(at, kw) for at, kw in self.drawn if at >= now_s - self.lag_s - 1]
        self.drawn.append((now_s, self.wants_kw(utc)))
        self.register_wh += self.power_kw(now_s) * seconds / 3.6 * self.meter


class Yard:
    """Plays a depot and its stations second by second; every message takes its time or is lost."""

    def __init__(self, spec: SiteSpec, toys: list[Toy], rng: random.Random) -> None:
        self.bench = Bench.of(spec)
        self.toys = {toy.name: toy for toy in toys}
        self.rng = rng
        self.loss = 0.0
        self.delay_s = 0.0
        self.dead = False
        self.on_second: Callable[[Yard], None] = lambda yard: None
        self.drawn_kw_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._seen = 0
        self._order = count()

    @property
    def now_s(self) -> float:
        return self.bench.monotonic_s

    @property
    def total_kw(self) -> float:
        return sum(toy.power_kw(self.now_s) for toy in self.toys.values())

    def connect(self, name: str, *, boots: bool = True) -> None:
        toy, bench = self.toys[name], self.bench
        toy.online = True
        bench.sessions += 1
        bench.apply(StationConnected(station=name, session=bench.sessions, version=Version.V201))
        if boots:
            event = StationBooted(vendor="Toy", model=toy.model or f"T{toy.keeps}")
            self.call(toy, event)
        status = ConnectorStatus.OCCUPIED if toy.running else ConnectorStatus.AVAILABLE
        at = bench.utc + timedelta(seconds=toy.skew_s)
        self.call(toy, StatusNotified(evse_id=1, status=status, at=at))
        if toy.running:
            self.tell_meter(toy)

    def plug_in(self, name: str, vehicle: str) -> None:
        toy, at = self.toys[name], self.bench.utc
        toy.running = Running(transaction_id="T1", started_at=at)
        started = TransactionStarted(
            evse_id=1,
            transaction_id="T1",
            id_token=f"TAG-{vehicle}",
            at=at + timedelta(seconds=toy.skew_s),
            meter_start_wh=toy.register_wh,
        )
        self.call(toy, started)

    def call(self, toy: Toy, event: StationEvent) -> None:
        if self.dead or not toy.online:
            return
        session = self.bench.session(toy.name)
        self.bench.apply(StationCalled(station=toy.name, session=session, call_id="c", event=event))
        self._carry()

    def tell_meter(self, toy: Toy) -> None:
        at = self.bench.utc + timedelta(seconds=toy.skew_s)
        register = MeterSample(
            measurand=Measurand.ENERGY_IMPORT_REGISTER, value=float(int(toy.register_wh)), at=at
        )
        transaction = toy.running.transaction_id if toy.running else None
        samples = [register]
        if toy.tells_power:
            watts = toy.power_kw(self.now_s) * 1000
            samples.append(MeterSample(measurand=Measurand.POWER_IMPORT, value=watts, at=at))
        if toy.tells_currents:
            samples += self._currents(toy, at)
        self.call(
            toy, MeterValuesReported(evse_id=1, transaction_id=transaction, samples=tuple(samples))
        )

    def _currents(self, toy: Toy, at: datetime) -> list[MeterSample]:
        amperes = toy.power_kw(self.now_s) * 1000 / VOLTAGE_V / toy.phases
        return [
            MeterSample(
                measurand=Measurand.CURRENT_IMPORT,
                value=amperes if phase <= toy.phases else 0.0,
                phase=f"L{phase}",
                at=at,
            )
            for phase in range(1, toy.wired + 1)
        ]

    def restart(self, away_s: float) -> None:
        """The daemon dies and comes back on what it had saved; all stations lose their links, and
        come back at once."""
        self.dead = True
        for toy in self.toys.values():
            self.lose(toy.name, 0.0, reboots=self.rng.random() < 0.5)
        self._due.clear()
        self.run(away_s)
        before = self.bench
        again = restore(before.depot.site, before.memory())
        self.bench = Bench(depot=again, utc=before.utc, monotonic_s=before.monotonic_s)
        self.bench.saved = before.saved
        self._seen, self.dead = 0, False

    def lose(self, name: str, away_s: float, *, reboots: bool = False) -> None:
        toy = self.toys[name]
        if not toy.online:
            return
        toy.online, toy.away_until_s = False, self.now_s + away_s
        if toy.keeps == "C":
            toy.store.clear()
        elif reboots:
            toy.store.clear(purpose=ProfilePurpose.TX)
        if not self.dead:
            session = self.bench.session(name)
            self.bench.apply(StationLost(station=name, session=session, reason="cut"))
            self._carry()

    def run(self, seconds: float, step_s: float = 1.0) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-9:
            bench = self.bench
            bench.utc += timedelta(seconds=step_s)
            bench.monotonic_s += step_s
            while self._due and self._due[0][0] <= self.now_s:
                heapq.heappop(self._due)[2]()
            if not self.dead:
                bench.wait(0.0)
                self._carry()
            for toy in self.toys.values():
                toy.look(bench.utc, self.now_s, step_s)
                if not toy.online and self.now_s >= toy.away_until_s and not self.dead:
                    self.connect(toy.name, boots=self.rng.random() < 0.5)
                if toy.online and toy.running and self.now_s >= toy.next_sample_s:
                    toy.next_sample_s = self.now_s + SAMPLE_S
                    self.tell_meter(toy)
            self.drawn_kw_s += self.total_kw * step_s
            self.on_second(self)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now_s + seconds, next(self._order), act))
        if seconds <= 0:
            heapq.heappop(self._due)[2]()

    def _carry(self) -> None:
        """Carries what was sent; called after every event that is applied."""
        while self._seen < len(self.bench.sent):
            send = self.bench.sent[self._seen]
            self._seen += 1
            fate = self.rng.random()
            if fate < self.loss / 2:
                self._later(TIMEOUT_S, lambda s=send: self._answer(s, TimedOut()))  # type: ignore[misc]
            else:
                there_s = self.rng.uniform(0, self.delay_s)
                answered = fate >= self.loss
                self._later(there_s, lambda s=send, a=answered: self._arrive(s, a))  # type: ignore[misc]

    def _arrive(self, send: Send, answered: bool) -> None:
        toy = self.toys[send.station]
        if not toy.online or self.dead or self.bench.session(send.station) != send.session:
            self._answer(send, Lost())
            return
        result = self._obey(toy, send)
        back_s = self.rng.uniform(0, self.delay_s)
        if answered and not isinstance(result, TimedOut):
            self._later(back_s, lambda: self._answer(send, result))
        else:
            self._later(TIMEOUT_S, lambda: self._answer(send, TimedOut()))

    def _answer(self, send: Send, result: CommandResult) -> None:
        if self.dead:
            return
        self.bench.apply(
            CommandAnswered(
                station=send.station,
                session=send.session,
                generation=send.generation,
                command=send.command,
                result=result,
            )
        )
        self._carry()

    def _obey(self, toy: Toy, send: Send) -> CommandResult:
        command = send.command
        match command:
            case SetChargingProfile(evse_id=evse_id, profile=profile):
                missing = profile.purpose is ProfilePurpose.TX and toy.running is None
                if profile.unit not in toy.units or not toy.takes(command) or missing:
                    return Answered(status="Rejected")
                at = self.bench.utc + timedelta(seconds=toy.skew_s)
                toy.store.put(Held(evse_id=evse_id, profile=profile, received_at=at))
            case ClearChargingProfile(purpose=purpose):
                toy.store.clear(purpose=purpose)
            case GetCompositeSchedule(duration_s=duration_s, unit=unit):
                return toy.reads_back or self._composite(toy, duration_s, unit or toy.units[0])
            case TriggerMessage(message="MeterValues"):
                self._later(0.5, lambda: self.tell_meter(toy))
        return Answered(status="Accepted")

    def _composite(self, toy: Toy, duration_s: int, unit: RateUnit) -> Answered:
        start = self.bench.utc + timedelta(seconds=toy.skew_s)
        periods = composite(
            toy.store,
            1,
            start=start,
            duration_s=duration_s,
            unit=unit,
            ceiling_kw=toy.max_kw,
            running=toy.running,
            phases=toy.wired or 3,
            voltage_v=VOLTAGE_V,
        )
        schedule = CompositeSchedule(
            evse_id=1, start=start, duration_s=duration_s, unit=unit, periods=periods
        )
        return Answered(status="Accepted", schedule=schedule)
