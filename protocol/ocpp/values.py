"""Times, identifiers and metered values, as stations write them and as we do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from protocol.ocpp.errors import LocalError, RemoteError
from protocol.ocpp.model import Measurand, MeterSample, SchedulePeriod

# Both versions number them from 1 without a gap (1.6 "Connector numbering", 2.0.1 part 1): a higher
# one is a mistake, and each that is believed is looked at in every round.
MAX_EVSE_ID = 100
MAX_INT = 2**31 - 1
MAX_MULTIPLIER = 12

_ENERGY = {"wh": 1.0, "kwh": 1000.0}
_POWER = {"w": 1.0, "kw": 1000.0}
_CURRENT = {"a": 1.0}
_TO_BASE_UNIT: Mapping[Measurand, Mapping[str, float]] = {
    Measurand.ENERGY_IMPORT_REGISTER: _ENERGY,
    Measurand.ENERGY_IMPORT_INTERVAL: _ENERGY,
    Measurand.POWER_IMPORT: _POWER,
    Measurand.POWER_OFFERED: _POWER,
    Measurand.CURRENT_IMPORT: _CURRENT,
    Measurand.CURRENT_OFFERED: _CURRENT,
    Measurand.VOLTAGE: {"v": 1.0},
    Measurand.SOC: {"percent": 1.0, "%": 1.0},
}
_MEASURANDS = {measurand.value: measurand for measurand in Measurand}


def read_time(text: str | None) -> datetime | None:
    """ISO 8601 as loosely as stations write it, without a zone taken as UTC; None if unreadable."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def write_time(at: datetime) -> str:
    """RFC 3339 with `Z` and without fractions: `+00:00` and microseconds are refused by some."""
    if at.tzinfo is None:
        raise LocalError(f"a time without a zone cannot be sent: {at.isoformat()}")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def evse_id(number: float, field: str, *, least: int = 0) -> int:
    """A connector or EVSE id; RemoteError for any that no station has."""
    return _whole(number, field, least, MAX_EVSE_ID)


def seq_no(number: float, field: str) -> int:
    """What a database column holds; RemoteError for any other."""
    return _whole(number, field, 0, MAX_INT)


def schedule_periods(told: Iterable[Mapping[str, Any]]) -> tuple[SchedulePeriod, ...]:
    """Of a schedule that is read back; RemoteError for what nobody can follow. Some write -1 for no
    limit at all, and below nothing it would show that any cut has been taken."""
    return tuple(_period(period) for period in told)


def _period(told: Mapping[str, Any]) -> SchedulePeriod:
    if told["limit"] < 0:
        raise RemoteError("PropertyConstraintViolation", "limit: wants at least 0")
    phases = told.get("numberPhases")
    return SchedulePeriod(
        start_s=_whole(told["startPeriod"], "startPeriod", 0, MAX_INT),
        limit=float(told["limit"]),
        number_phases=None if phases is None else _whole(phases, "numberPhases", 0, 3),
    )


def _whole(number: float, field: str, least: int, most: int) -> int:
    if not least <= number <= most:
        raise RemoteError("PropertyConstraintViolation", f"{field}: wants {least} to {most}")
    return int(number)


def sample(
    *,
    measurand: str | None,
    value: float,
    unit: str | None,
    at: datetime | None,
    multiplier: int = 0,
    phase: str | None = None,
    location: str | None = None,
    context: str | None = None,
) -> MeterSample | None:
    """In base units (a missing unit is the base unit), with the defaults that both versions share.

    None for what steers nothing: other measurands, a unit that does not measure it, no number.
    """
    known = _MEASURANDS.get(measurand or Measurand.ENERGY_IMPORT_REGISTER)
    if known is None or abs(multiplier) > MAX_MULTIPLIER:
        return None
    factor = 1.0 if unit is None else _TO_BASE_UNIT[known].get(unit.strip().lower())
    if factor is None:
        return None
    scaled = value * factor * 10.0**multiplier
    if not math.isfinite(scaled):
        return None
    return MeterSample(
        measurand=known,
        value=scaled,
        at=at,
        phase=phase,
        location=location or "Outlet",
        context=context or "Sample.Periodic",
    )


def register_wh(
    samples: tuple[MeterSample, ...], *, context: str, last: bool = False
) -> float | None:
    """The outlet's energy register in `context`, else the first (or last) one there is."""
    registers = [
        sample
        for sample in samples
        if sample.measurand is Measurand.ENERGY_IMPORT_REGISTER
        and sample.phase is None
        and sample.location == "Outlet"
    ]
    marked = [sample for sample in registers if sample.context == context]
    chosen = marked or registers
    if not chosen:
        return None
    return chosen[-1 if last else 0].value
