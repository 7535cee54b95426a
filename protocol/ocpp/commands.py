"""What we tell a station, and how it answers: two closed unions, the same for every version."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.ocpp.model import (
    ChargingProfile,
    CompositeSchedule,
    ProfilePurpose,
    RateUnit,
    VariableName,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetChargingProfile:
    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearChargingProfile:
    """Every given criterion must match; all None clears everything."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCompositeSchedule:
    evse_id: int
    duration_s: int
    unit: RateUnit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVariables:
    names: tuple[VariableName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable:
    name: VariableName
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """`message` is a 2.0.1 MessageTrigger; 1.6 gets the one that tells the same."""

    message: str
    evse_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStartTransaction:
    evse_id: int
    id_token: str
    remote_start_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStopTransaction:
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetStation:
    """`immediate` ends transactions; otherwise the station waits until it is idle where it can."""

    immediate: bool = False


Command = (
    SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | GetVariables
    | SetVariable
    | TriggerMessage
    | RequestStartTransaction
    | RequestStopTransaction
    | ResetStation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A CALLRESULT: `status` as the station wrote it ("Accepted" is a promise, not a proof).

    `variables` holds what GetVariables read, by name; unknown ones are left out.
    """

    status: str
    reason: str | None = None
    schedule: CompositeSchedule | None = None
    variables: tuple[tuple[VariableName, str], ...] = ()

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A CALLERROR, or a CALLRESULT that does not fit the schema (code FormatViolation)."""

    code: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """No answer within the deadline: the station may or may not have done it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The link went down before an answer: the station may or may not have done it."""


CommandResult = Answered | Refused | TimedOut | Lost
