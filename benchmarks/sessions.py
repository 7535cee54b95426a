"""Charging sessions that any charging planner can read: who comes when, leaves when, wants what.

One connector a vehicle, no minimum power, no losses, no charge curve, one limit for all, so that
nobody is asked for what they cannot say. Half the vehicles are there at the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from benchmarks.families import START
from planner.plan import Plan
from planner.series import Point, Series
from planner.snapshot import Connector, Horizon, Route, Rules, Site, Snapshot, Vehicle

HOURS: Final = 8.0
STEP_MINUTES: Final = 1.0
STEPS: Final = round(HOURS * 60 / STEP_MINUTES)
SCARCE: Final = 0.8
"""The limit over the mean power that all sessions want: some have to go without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Charges in steps `arrive <= t < leave` with at most `max_kw`."""

    name: str
    arrive: int
    leave: int
    max_kw: float
    wants_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    sessions: tuple[Session, ...]
    limit_kw: float
    price_per_kwh: tuple[float, ...]
    start: datetime = START

    @property
    def wanted_kwh(self) -> float:
        return sum(s.wants_kwh for s in self.sessions)


def lot(vehicles: int, seed: int) -> Lot:
    rng = Random(f"sessions {vehicles} {seed}")
    found = []
    for i in range(vehicles):
        arrive = 0 if rng.random() < 0.5 else rng.randrange(STEPS // 2)
        leave = min(STEPS - 1, arrive + rng.randrange(90, 300))
        max_kw = rng.choice([7.4, 11.0, 22.0, 50.0])
        most_kwh = max_kw * (leave - arrive) * STEP_MINUTES / 60
        wants_kwh = round(min(rng.uniform(10, 60), 0.9 * most_kwh), 1)
        found.append(
            Session(name=f"V{i:03}", arrive=arrive, leave=leave, max_kw=max_kw, wants_kwh=wants_kwh)
        )
    limit_kw = round(SCARCE * sum(s.wants_kwh for s in found) / HOURS, 1)
    prices = tuple(
        0.34 if t < STEPS // 3 else 0.24 if t < STEPS // 2 else 0.16 for t in range(STEPS)
    )
    return Lot(sessions=tuple(found), limit_kw=limit_kw, price_per_kwh=prices)


def snapshot(lot: Lot) -> Snapshot:
    """What is wanted is a route's energy: what is missing at its departure is the shortfall."""
    step = timedelta(minutes=STEP_MINUTES)
    end = lot.start + timedelta(days=2)
    return Snapshot(
        revision=1,
        taken_at=lot.start,
        mode="charging",
        horizon=Horizon(hours=HOURS, step_minutes=STEP_MINUTES),
        site=Site(
            id="lot",
            currency="EUR",
            import_limit_kw=Series.constant(lot.limit_kw),
            import_price_per_kwh=Series(
                points=tuple(
                    Point(at=lot.start + t * step, value=price)
                    for t, price in enumerate(lot.price_per_kwh)
                )
            ),
        ),
        connectors=tuple(
            Connector(station=s.name, connector=1, min_kw=0.0, max_kw=s.max_kw, plugs=(s.name,))
            for s in lot.sessions
        ),
        vehicles=tuple(
            Vehicle(
                id=s.name,
                type="car",
                battery_kwh=s.wants_kwh,
                energy_kwh=0.0,
                max_charge_kw=s.max_kw,
                plugs=(s.name,),
                available_from=lot.start + s.arrive * step,
            )
            for s in lot.sessions
        ),
        routes=tuple(
            Route(
                id=s.name,
                depart=lot.start + s.leave * step,
                return_=end,
                energy_kwh=s.wants_kwh,
                vehicle_types=("car",),
                vehicle=s.name,
            )
            for s in lot.sessions
        ),
        rules=Rules(departure_buffer_minutes=0.0),
    )


def delivered(lot: Lot, plan: Plan) -> dict[str, float]:
    """kWh for each session."""
    short = {s.vehicle: s.kwh for s in plan.shortfalls}
    return {s.name: s.wants_kwh - short.get(s.name, 0.0) for s in lot.sessions}


def satisfaction(lot: Lot, delivered_kwh: dict[str, float]) -> tuple[float, float]:
    """The smallest and the mean share of what was wanted; more than that counts as all of it."""
    shares = [min(1.0, delivered_kwh[s.name] / s.wants_kwh) for s in lot.sessions]
    return min(shares), sum(shares) / len(shares)


def money(lot: Lot, power_kw: dict[str, list[float]]) -> float:
    """The price of powers by session and step."""
    hours = STEP_MINUTES / 60
    return sum(
        kw * hours * price
        for powers in power_kw.values()
        for kw, price in zip(powers, lot.price_per_kwh, strict=True)
    )
