"""What a charger draws when we fall silent."""

from __future__ import annotations

from daemon.core.site import EvseSpec, StationSpec


def evse_fallback_kw(station: StationSpec, evse: EvseSpec) -> float:
    """The EVSE's even share of its station's fallback, in kW; 0 where the share is below what the
    connector can charge with (IEC 61851 knows nothing between 0 and 6 A)."""
    share = station.fallback_kw / max(len(station.evses), 1)
    if share < evse.min_kw:
        return 0.0
    return min(share, evse.max_kw)
