"""A depot on the bench: events go in by hand, time moves by hand, effects are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from daemon.core.apply import apply
from daemon.core.budget import booking
from daemon.core.depot import Applied, Depot
from daemon.core.effects import Effect, Reply, Save, Send
from daemon.core.events import (
    CommandAnswered,
    Event,
    StationCalled,
    StationConnected,
    StationLost,
    Ticked,
)
from daemon.core.instant import Now
from daemon.core.keeping import new_depot
from daemon.core.planning import set_targets
from daemon.core.records import Fact, Memory, Record, SnapshotRecord, TransactionRecord
from daemon.core.site import EvseSpec, SiteSpec, StationSpec, VehicleSpec
from daemon.core.snapshot import take
from planner.plan import Cost, Objective, Period, Plan, Stay
from planner.series import format_instant
from protocol.ocpp.commands import (
    Answered,
    Command,
    CommandResult,
    SetChargingProfile,
)
from protocol.ocpp.events import Reply as OcppReply
from protocol.ocpp.events import StationEvent, TransactionStarted
from protocol.ocpp.model import ChargingProfile, ProfilePurpose, RateUnit, Version

START = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
VOLTAGE_V = 230.0


def site(stations: int = 2, *, limit_kw: float = 30.0, **changes: object) -> SiteSpec:
    """Stations CP01.. with a 22 kW three-phase connector each, vehicles V01.. tags TAG-V01.."""
    names = [f"{n:02d}" for n in range(1, stations + 1)]
    spec = SiteSpec(
        id="bench",
        import_limit_kw=limit_kw,
        voltage_v=VOLTAGE_V,
        stations=tuple(
            StationSpec(id=f"CP{n}", fallback_kw=0.0, evses=(EvseSpec(connector=1),)) for n in names
        ),
        vehicles=tuple(
            VehicleSpec(id=f"V{n}", values=vehicle_values(), id_tokens=(f"TAG-V{n}",))
            for n in names
        ),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]  # keywords of SiteSpec, by name


def vehicle_values() -> dict[str, object]:
    return {
        "type": "van",
        "battery_kwh": 75.0,
        "energy_kwh": 30.0,
        "target_kwh": 60.0,
        "max_charge_kw": 22.0,
        "plugs": ["type2"],
        "available_from": format_instant(START),
    }


@dataclass
class Bench:
    depot: Depot
    utc: datetime = START
    monotonic_s: float = 1000.0
    sessions: int = 0
    sent: list[Send] = field(default_factory=list)
    saved: list[Record] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def of(cls, spec: SiteSpec) -> Bench:
        return cls(depot=new_depot(spec))

    @property
    def now(self) -> Now:
        return Now(utc=self.utc, monotonic_s=self.monotonic_s)

    def apply(self, event: Event) -> list[Effect]:
        effects = apply(self.depot, event, self.now)
        self.effects += effects
        self.sent += [e for e in effects if isinstance(e, Send)]
        self.saved += [e.record for e in effects if isinstance(e, Save)]
        return effects

    def wait(self, seconds: float) -> list[Effect]:
        self.utc += timedelta(seconds=seconds)
        self.monotonic_s += seconds
        return self.apply(Ticked())

    def connect(self, station: str, version: Version = Version.V201) -> None:
        """Connects, and answers whatever is asked until the station is set up."""
        self.sessions += 1
        self.apply(StationConnected(station=station, session=self.sessions, version=version))
        self.wait(6.0)
        self.answer_all(station)

    def lose(self, station: str) -> None:
        session = self.session(station)
        self.apply(StationLost(station=station, session=session, reason="cut"))

    def session(self, station: str) -> int:
        session = self.depot.stations[station].session
        assert session is not None
        return session

    def call(self, station: str, event: StationEvent) -> OcppReply:
        """A station's call and the one reply that it must get."""
        session = self.session(station)
        effects = self.apply(
            StationCalled(station=station, session=session, call_id="c", event=event)
        )
        (reply,) = [e.reply for e in effects if isinstance(e, Reply)]
        return reply

    def plug_in(self, station: str, vehicle: str, *, transaction: str = "T1") -> str:
        """Starts a transaction with the vehicle's tag; returns its id with us."""
        self.call(
            station,
            TransactionStarted(
                evse_id=1,
                transaction_id=transaction,
                id_token=f"TAG-{vehicle}",
                at=self.utc,
                meter_start_wh=1000.0,
            ),
        )
        running = self.depot.stations[station].evses[1].transaction
        assert running is not None
        return running

    def pending(self, station: str) -> Send | None:
        """The command that this station has not answered yet."""
        outstanding = self.depot.stations[station].lane.outstanding
        if outstanding is None:
            return None
        return next(send for send in self.sent if send.generation == outstanding[0])

    def answer(self, send: Send, result: CommandResult | None = None) -> list[Effect]:
        if result is None:
            result = Answered(status="Accepted")
        return self.apply(
            CommandAnswered(
                station=send.station,
                session=send.session,
                generation=send.generation,
                command=send.command,
                result=result,
            )
        )

    def answer_all(self, station: str) -> list[Command]:
        """Accepts everything this station is told until it is told nothing more."""
        told: list[Command] = []
        while (send := self.pending(station)) is not None:
            told.append(send.command)
            assert len(told) < 100, f"{station} is told again and again: {told[-2:]}"
            self.answer(send)
        return told

    def live(self, seconds: float, step_s: float = 1.0) -> list[Command]:
        """Lets time pass second by second, everybody accepting at once what they are told."""
        told: list[Command] = []
        for _ in range(round(seconds / step_s)):
            for station in self.depot.stations:
                told += self.answer_all(station)
            self.wait(step_s)
        for station in self.depot.stations:
            told += self.answer_all(station)
        return told

    def memory(self) -> Memory:
        """What a store holds of all that was saved."""
        facts: dict[tuple[str, str], Fact] = {}
        transactions: dict[str, TransactionRecord] = {}
        for record in self.saved:
            if isinstance(record, Fact):
                facts[record.kind, record.key] = record
            elif isinstance(record, TransactionRecord):
                transactions[record.id] = record
        revisions = [r.revision for r in self.saved if isinstance(r, SnapshotRecord)]
        return Memory(
            facts=tuple(f for f in facts.values() if f.value is not None),
            transactions=tuple(transactions.values()),
            last_revision=max(revisions, default=0),
        )

    def booked_kw(self, station: str) -> float:
        """The most that its first connector may draw soon."""
        at = self.depot.stations[station]
        slack_s = self.depot.site.slack_s
        return booking(at, at.evses[1], self.monotonic_s, slack_s).soon_kw

    def follows_kw(self, station: str) -> float:
        return self.depot.stations[station].evses[1].follows_kw(self.monotonic_s)

    def alerts(self) -> list[str]:
        return [alert.kind for alert in self.depot.alerts]

    def follow(
        self, powers: Mapping[tuple[str, str], Sequence[float]], *, minutes: int = 15
    ) -> None:
        """Applies a plan: by (vehicle, station) the kW of each step from now on."""
        self.depot.revision += 1
        snapshot = take(self.depot, self.depot.revision, self.now)
        step = timedelta(minutes=minutes)
        stays = tuple(
            _stay(vehicle, station, kw, snapshot.taken_at, step)
            for (vehicle, station), kw in powers.items()
        )
        plan = Plan(
            revision=snapshot.revision,
            status="feasible",
            algorithm="bench",
            stays=stays,
            objective=Objective(),
            cost=Cost(),
        )
        self.depot.applied = Applied(snapshot=snapshot, plan=plan, made_at=self.utc)
        set_targets(self.depot)
        self.apply(Ticked())


def _stay(
    vehicle: str, station: str, kw: Sequence[float], start: datetime, step: timedelta
) -> Stay:
    periods = tuple(
        Period(start=start + i * step, end=start + (i + 1) * step, kw=value)
        for i, value in enumerate(kw)
    )
    return Stay(
        vehicle=vehicle,
        station=station,
        connector=1,
        start=start,
        end=start + len(kw) * step,
        energy_kwh=sum(kw) * (step / timedelta(hours=1)),
        periods=periods,
    )


def tx_profile(command: Command) -> ChargingProfile | None:
    if isinstance(command, SetChargingProfile) and command.profile.purpose is ProfilePurpose.TX:
        return command.profile
    return None


def profile_kw(profile: ChargingProfile, at: datetime) -> float:
    """What a three-phase profile allows at `at`, read as the standard says."""
    assert profile.start is not None
    past = [p for p in profile.periods if profile.start + timedelta(seconds=p.start_s) <= at]
    limit = past[-1].limit
    return limit / 1000 if profile.unit is RateUnit.WATTS else limit * VOLTAGE_V * 3 / 1000
