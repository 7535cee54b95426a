"""One place to charge: what it offers, what the vehicle takes, and the meter between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from protocol.ocpp.model import ChargingState, Measurand, MeterSample
from simulation.profiles import Running
from simulation.vehicle import Vehicle

# Above the accepted limit by less than this is the tenth of an amp that a station rounds away.
OBEDIENCE_KW = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """`phases` and the station's voltage turn amps into kW; `min_kw` is with all phases in use
    (IEC 61851: 6 A a phase, so 4.14 kW on three at 230 V). `dc`: a vehicle's phases do not count.
    """

    id: int = 1
    max_kw: float = 22.0
    min_kw: float = 4.14
    phases: Literal[1, 2, 3] = 3
    plugs: tuple[str, ...] = ("type2",)
    dc: bool = False


@dataclass(slots=True, kw_only=True)
class Transaction:
    """`id` is the station's own; 1.6 learns another from the central system."""

    id: str
    id_token: str
    started_at: datetime
    next_sample_at: datetime
    state: ChargingState = ChargingState.EV_CONNECTED
    seq_no: int = 0

    @property
    def running(self) -> Running:
        return Running(transaction_id=self.id, started_at=self.started_at)

    def next_seq_no(self) -> int:
        self.seq_no += 1
        return self.seq_no - 1


@dataclass(slots=True)
class Evse:
    """`trace` holds (instant, kW from then on), in order; `register_wh` never falls."""

    spec: EvseSpec
    vehicle: Vehicle | None = None
    id_token: str | None = None
    awaits_authorization: bool = False
    transaction: Transaction | None = None
    register_wh: float = 0.0
    power_kw: float = 0.0
    offered_kw: float = 0.0
    peak_kw: float = 0.0
    over_limit_s: float = 0.0
    trace: list[tuple[datetime, float]] = field(default_factory=list)

    @property
    def running(self) -> Running | None:
        return None if self.transaction is None else self.transaction.running

    @property
    def phases(self) -> int:
        """How many are in use: an AC vehicle may take fewer than there are."""
        if self.vehicle is None or self.spec.dc:
            return self.spec.phases
        return min(self.spec.phases, self.vehicle.phases)

    @property
    def reading_wh(self) -> int:
        """The register as it is shown: whole Wh, never ahead of the energy."""
        return math.floor(self.register_wh + 1e-6)

    @property
    def energy_kwh(self) -> float:
        return self.register_wh / 1000

    @property
    def state(self) -> ChargingState:
        if self.vehicle is None:
            return ChargingState.IDLE
        if self.transaction is None:
            return ChargingState.EV_CONNECTED
        if self.power_kw > 0:
            return ChargingState.CHARGING
        return ChargingState.SUSPENDED_EV if self.offered_kw > 0 else ChargingState.SUSPENDED_EVSE

    def settle(self, at: datetime, limit_kw: float) -> None:
        """Takes `limit_kw` into account from `at` on."""
        self.offered_kw = self._offer_kw(limit_kw)
        drawn_kw = 0.0 if self.vehicle is None else self.vehicle.power_kw(self.offered_kw)
        self._note(at, drawn_kw)

    def run(self, at: datetime, seconds: float, *, limit_kw: float, accepted_kw: float) -> None:
        """Charges from `at` for `seconds` under one limit, and counts the time spent above what
        the station has accepted."""
        self.offered_kw = self._offer_kw(limit_kw)
        if self.vehicle is None or self.offered_kw == 0:
            self._note(at, 0.0)
            return
        for piece_s, kw in self.vehicle.charge(self.offered_kw, seconds):
            self._note(at, kw)
            self.register_wh += kw * piece_s / 3.6
            self.peak_kw = max(self.peak_kw, kw)
            if kw > accepted_kw + OBEDIENCE_KW:
                self.over_limit_s += piece_s
            at += timedelta(seconds=piece_s)

    def samples(self, at: datetime, context: str) -> tuple[MeterSample, ...]:
        """Energy register, power and state of charge as the meter shows them at `at`."""
        values = [
            (Measurand.ENERGY_IMPORT_REGISTER, float(self.reading_wh)),
            (Measurand.POWER_IMPORT, round(self.power_kw * 1000, 1)),
        ]
        if self.vehicle is not None and self.spec.dc:
            soc_percent = 100 * self.vehicle.energy_kwh / self.vehicle.battery_kwh
            values.append((Measurand.SOC, round(soc_percent, 1)))
        return tuple(MeterSample(measurand=m, value=v, at=at, context=context) for m, v in values)

    def _offer_kw(self, limit_kw: float) -> float:
        if self.transaction is None:
            return 0.0
        share = self.phases / self.spec.phases
        offer_kw = min(limit_kw, self.spec.max_kw * share)
        return offer_kw if offer_kw >= self.spec.min_kw * share - 1e-9 else 0.0

    def _note(self, at: datetime, kw: float) -> None:
        self.power_kw = kw
        if self.trace and self.trace[-1][0] == at:
            self.trace.pop()
        if not self.trace or self.trace[-1][1] != kw:
            self.trace.append((at, kw))
