"""A vehicle with its own truth: what is in its battery and what it really draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# A taper is followed in pieces of half a minute: at 150 kW and a curve that falls to zero over a
# fifth of a 100 kWh battery that is 0.3 % of the power at the end of a piece.
_PIECE_S = 30.0
_FULL_KWH = 1e-6


@dataclass(slots=True, kw_only=True)
class Vehicle:
    """`charge_curve`: points (share of battery, share of max_charge_kw), flat before the first and
    after the last, straight between. `phases`: how many it uses on an AC station.

    Raises ValueError for an energy outside 0..battery_kwh or an efficiency outside (0, 1]."""

    id: str
    battery_kwh: float
    energy_kwh: float
    max_charge_kw: float
    efficiency: float = 1.0
    charge_curve: tuple[tuple[float, float], ...] = ()
    phases: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.energy_kwh <= self.battery_kwh:
            raise ValueError(
                f"vehicle {self.id}: energy_kwh {self.energy_kwh} wants 0 to {self.battery_kwh}"
            )
        if not 0 < self.efficiency <= 1:
            raise ValueError(f"vehicle {self.id}: efficiency {self.efficiency} wants 0 to 1")

    @property
    def full(self) -> bool:
        return self.battery_kwh - self.energy_kwh <= _FULL_KWH

    def power_kw(self, offered_kw: float) -> float:
        """What it draws at the connector now, when offered so much."""
        if self.full:
            return 0.0
        share = self._share(self.energy_kwh / self.battery_kwh)
        return max(0.0, min(offered_kw, self.max_charge_kw * share))

    def charge(self, offered_kw: float, seconds: float) -> Iterator[tuple[float, float]]:
        """Takes energy for `seconds`; yields the pieces (seconds, kW) of what it drew."""
        while seconds > 0:
            kw = self.power_kw(offered_kw)
            piece_s = seconds if kw == 0 else min(seconds, _PIECE_S)
            if kw > 0:
                to_full_s = (self.battery_kwh - self.energy_kwh) / (kw * self.efficiency) * 3600
                piece_s = min(piece_s, to_full_s)
            gained_kwh = self.efficiency * kw * piece_s / 3600
            self.energy_kwh = min(self.energy_kwh + gained_kwh, self.battery_kwh)
            seconds -= piece_s
            yield piece_s, kw

    def drive(self, used_kwh: float) -> float:
        """Drops the energy of a trip; returns the kWh that were missing for it."""
        missing_kwh = max(used_kwh - self.energy_kwh, 0.0)
        self.energy_kwh = max(self.energy_kwh - used_kwh, 0.0)
        return missing_kwh

    def _share(self, level: float) -> float:
        if not self.charge_curve:
            return 1.0
        x0, y0 = self.charge_curve[0]
        if level <= x0:
            return y0
        for x1, y1 in self.charge_curve[1:]:
            if level <= x1:
                return y0 + (y1 - y0) * (level - x0) / (x1 - x0)
            x0, y0 = x1, y1
        return y0
