"""What the standard wants of every charging profile, whatever the version.

Sources: OCPP 1.6 section 3.13 and 5.16, 2.0.1 part 2 block K (the FR numbers below).
"""

from __future__ import annotations

import math
from itertools import pairwise

from protocol.ocpp.errors import LocalError
from protocol.ocpp.model import ChargingProfile, ProfileKind, ProfilePurpose

# Keeps 11.1 from becoming 11.0: 11.1 * 10 is 111.0 only as far as floats go.
_ROUNDING = 1e-6


def check(evse_id: int, profile: ChargingProfile) -> None:
    """Raises LocalError for a profile that a station has to refuse."""
    _check_place(evse_id, profile)
    _check_times(profile)
    starts = [period.start_s for period in profile.periods]
    if not starts or starts[0] != 0 or any(b <= a for a, b in pairwise(starts)):
        raise LocalError(f"profile {profile.profile_id}: periods start at 0 and ascend: {starts}")


def one_decimal(limit: float) -> float:
    """A limit or rate, rounded down to the one decimal that both versions allow."""
    if not math.isfinite(limit) or limit < 0:
        raise LocalError(f"a limit wants a finite number of at least 0, got {limit}")
    return math.floor(limit * 10 + _ROUNDING) / 10


def _check_place(evse_id: int, profile: ChargingProfile) -> None:
    name = f"profile {profile.profile_id} ({profile.purpose})"
    if profile.purpose is ProfilePurpose.STATION_MAX:
        if evse_id != 0:
            raise LocalError(f"{name}: goes to EVSE 0 only, not {evse_id} (K01.FR.38)")
        if profile.kind is ProfileKind.RELATIVE:
            raise LocalError(f"{name}: may not be Relative (K01.FR.38)")
    if profile.purpose is ProfilePurpose.TX:
        if evse_id <= 0:
            raise LocalError(f"{name}: wants an EVSE above 0, not {evse_id} (K01.FR.16)")
        if profile.transaction_id is None:
            raise LocalError(f"{name}: wants the transaction's id")
    elif profile.transaction_id is not None:
        raise LocalError(f"{name}: only a TxProfile belongs to a transaction")
    if evse_id < 0:
        raise LocalError(f"{name}: there is no EVSE {evse_id}")


def _check_times(profile: ChargingProfile) -> None:
    relative = profile.kind is ProfileKind.RELATIVE
    if relative == (profile.start is not None):
        raise LocalError(
            f"profile {profile.profile_id}: a start with Absolute and Recurring, none with"
            " Relative (K01.FR.40, FR.41)"
        )
