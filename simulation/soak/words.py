"""A lean station's half of OCPP-J: what it says and reads in 1.6 and in 2.0.1.

The stations of the demo speak through the `ocpp` package, which costs a millisecond a message. Here
a night has a hundred million of them, and the daemon's side is what is on trial: it validates every
frame by the standard's schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from simulation.profiles import Capabilities, Held
from simulation.soak.outlet import Outlet, Session

Payload = dict[str, Any]
Call = tuple[str, Payload]
"""(action, payload)"""

_EVERY = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
WRITABLE = frozenset({"MeterValueSampleInterval", "TxUpdatedInterval"})


class Words(Protocol):
    """One version's words. `at` is always the station's own clock."""

    def boot(self, vendor: str, model: str) -> Call: ...

    def status(self, outlet: Outlet, connector: int, at: datetime) -> Call: ...

    def begin(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call: ...

    def sample(self, outlet: Outlet, session: Session, at: datetime, offline: bool) -> Call: ...

    def end(self, outlet: Outlet, session: Session, at: datetime, reason: str) -> Call: ...

    def named(self, answer: Payload) -> str | None:
        """What the answer to `begin` calls the transaction, where it does."""
        ...

    def profile(self, payload: Payload, at: datetime) -> Held: ...

    def variables(self, payload: Payload, able: Capabilities) -> Payload: ...

    def interval_s(self, payload: Payload) -> int | None:
        """The sample interval, where that is what is to be set."""
        ...

    def composite(
        self, payload: Payload, start: datetime, unit: RateUnit, periods: tuple[SchedulePeriod, ...]
    ) -> Payload: ...


def write(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def held(
    evse_id: int,
    profile: Mapping[str, Any],
    schedule: Mapping[str, Any],
    profile_id: int,
    purpose: ProfilePurpose,
    at: datetime,
) -> Held:
    transaction = profile.get("transactionId")
    return Held(
        evse_id=evse_id,
        received_at=at,
        every=_EVERY.get(profile.get("recurrencyKind", "")),
        profile=ChargingProfile(
            profile_id=profile_id,
            stack_level=profile["stackLevel"],
            purpose=purpose,
            kind=ProfileKind(profile["chargingProfileKind"]),
            unit=RateUnit(schedule["chargingRateUnit"]),
            periods=tuple(
                SchedulePeriod(
                    start_s=p["startPeriod"],
                    limit=float(p["limit"]),
                    number_phases=p.get("numberPhases"),
                )
                for p in schedule["chargingSchedulePeriod"]
            ),
            start=read(schedule.get("startSchedule")),
            duration_s=schedule.get("duration"),
            transaction_id=None if transaction is None else str(transaction),
            valid_from=read(profile.get("validFrom")),
            valid_to=read(profile.get("validTo")),
        ),
    )


class Reading(NamedTuple):
    """`phase` is the EVSE's own."""

    measurand: str
    value: float
    unit: str
    phase: str | None = None


def readings(outlet: Outlet) -> Iterator[Reading]:
    """Currents only where the station tells them."""
    yield Reading("Energy.Active.Import.Register", float(outlet.reading_wh), "Wh")
    yield Reading("Power.Active.Import", round(outlet.metered_kw * 1000, 1), "W")
    if outlet.tells_phases:
        for number, amperes in enumerate(outlet.metered_currents_a(), start=1):
            yield Reading("Current.Import", round(amperes, 1), "A", f"L{number}")


def schedule(periods: tuple[SchedulePeriod, ...]) -> list[Payload]:
    return [{"startPeriod": p.start_s, "limit": p.limit} for p in periods]
