"""The vocabulary shared by events and commands, in OCPP 2.0.1 words.

An EVSE charges one vehicle at a time: `evse_id` is 1.6's connectorId and the `connector` of the
depot's snapshot; 0 is the station as a whole. Units are in the names: W, Wh, A, V, percent, s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Version(StrEnum):
    """WebSocket subprotocols, the newest last."""

    V16 = "ocpp1.6"
    V201 = "ocpp2.0.1"


class ConnectorStatus(StrEnum):
    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargingState(StrEnum):
    """2.0.1 ChargingStateEnumType; 1.6 tells it by StatusNotification."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class Measurand(StrEnum):
    """The measurands that are decoded; samples of others are dropped, as they steer nothing."""

    ENERGY_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    POWER_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    SOC = "SoC"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSample:
    """One sampled value in base units (Wh, W, A, V, percent), whatever the station sent.

    `phase` is None for a total. `at` is the station's timestamp, None where it could not be read.
    """

    measurand: Measurand
    value: float
    at: datetime | None
    phase: str | None = None
    location: str = "Outlet"
    context: str = "Sample.Periodic"


class RateUnit(StrEnum):
    """W is the total of the phases, A is per phase."""

    WATTS = "W"
    AMPERES = "A"


class ProfilePurpose(StrEnum):
    """2.0.1 names; 1.6 says ChargePointMaxProfile for the first."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ProfileKind(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"  # every day
    RELATIVE = "Relative"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePeriod:
    """From `start_s` after the schedule's start: at most `limit`, in the schedule's unit."""

    start_s: int
    limit: float
    number_phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """A profile with one schedule; `start` is None only for a Relative one."""

    profile_id: int
    stack_level: int
    purpose: ProfilePurpose
    kind: ProfileKind
    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    start: datetime | None = None
    duration_s: int | None = None
    transaction_id: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    min_charging_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeSchedule:
    """What a station says it will follow, as far as it says anything (periods may be empty)."""

    evse_id: int
    start: datetime | None
    duration_s: int | None
    unit: RateUnit | None
    periods: tuple[SchedulePeriod, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableName:
    """A device-model variable. 1.6 configuration keys that have a 2.0.1 name go by that name;
    any other key is `component=""` and its own name."""

    component: str
    variable: str


MAX_STACK_LEVEL = VariableName(component="SmartChargingCtrlr", variable="ProfileStackLevel")
RATE_UNITS = VariableName(component="SmartChargingCtrlr", variable="RateUnit")
MAX_PERIODS = VariableName(component="SmartChargingCtrlr", variable="PeriodsPerSchedule")
MAX_PROFILES = VariableName(component="SmartChargingCtrlr", variable="Entries")
PHASE_SWITCHING = VariableName(component="SmartChargingCtrlr", variable="Phases3to1")
HEARTBEAT_INTERVAL_S = VariableName(component="OCPPCommCtrlr", variable="HeartbeatInterval")
SAMPLE_INTERVAL_S = VariableName(component="SampledDataCtrlr", variable="TxUpdatedInterval")
SAMPLED_MEASURANDS = VariableName(component="SampledDataCtrlr", variable="TxUpdatedMeasurands")
