"""1.6 configuration keys (section 9) under the names and words of the 2.0.1 device model."""

from __future__ import annotations

from collections.abc import Mapping

from protocol.ocpp.errors import LocalError
from protocol.ocpp.model import (
    HEARTBEAT_INTERVAL_S,
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    PHASE_SWITCHING,
    RATE_UNITS,
    SAMPLE_INTERVAL_S,
    SAMPLED_MEASURANDS,
    RateUnit,
    VariableName,
)

KEYS: Mapping[VariableName, str] = {
    MAX_STACK_LEVEL: "ChargeProfileMaxStackLevel",
    RATE_UNITS: "ChargingScheduleAllowedChargingRateUnit",
    MAX_PERIODS: "ChargingScheduleMaxPeriods",
    MAX_PROFILES: "MaxChargingProfilesInstalled",
    PHASE_SWITCHING: "ConnectorSwitch3to1PhaseSupported",
    HEARTBEAT_INTERVAL_S: "HeartbeatInterval",
    SAMPLE_INTERVAL_S: "MeterValueSampleInterval",
    SAMPLED_MEASURANDS: "MeterValuesSampledData",
}
_RATE_UNIT_WORDS = {"current": RateUnit.AMPERES.value, "power": RateUnit.WATTS.value}


def key(name: VariableName) -> str:
    """Raises LocalError for a device-model variable that 1.6 has no key for."""
    known = KEYS.get(name)
    if known is not None:
        return known
    if name.component:
        raise LocalError(f"1.6 has no configuration key for {name.component}.{name.variable}")
    return name.variable


def read(name: VariableName, value: str) -> str:
    """The value in 2.0.1's words: `Current,Power` is `A,W`, and booleans are lower case."""
    if name == RATE_UNITS:
        words = (word.strip() for word in value.split(","))
        return ",".join(_RATE_UNIT_WORDS.get(word.casefold(), word) for word in words if word)
    if name == PHASE_SWITCHING:
        return value.strip().lower()
    return value
