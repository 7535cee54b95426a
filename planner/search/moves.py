"""What is taken out of a plan, and how it goes back in."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from random import Random

from planner.drafts.choices import Drive
from planner.search.filling import Filling
from planner.search.state import KWH_COST, State
from planner.search.windows import Taste

_ABLE = 5
"""Of the vehicles that can drive a route so many are compared."""


class Builder:
    """Puts routes and fillings into a state; `blink` skips a vehicle now and then, and `patience`
    vehicles are looked at for each route."""

    def __init__(
        self,
        state: State,
        rng: Random,
        taste: Taste,
        *,
        blink: float = 0.0,
        patience: int = 1_000_000,
    ) -> None:
        self.state, self.instance, self.patience = state, state.instance, patience
        self.rng, self.taste, self.blink = rng, taste, blink
        self.touched: dict[int, tuple[list[Drive], Filling | None]] = {}
        """The vehicles that were changed, as they were before."""
        self.short = False
        """Whether a vehicle lacked the energy for the last route that was put in."""

    def touch(self, v: int) -> None:
        if v not in self.touched:
            self.touched[v] = (self.state.drives[v], self.state.fillings[v])

    def undo(self) -> None:
        for v in self.touched:
            self.state.clear(v)
        for v, (drives, filling) in self.touched.items():
            self.state.put(v, drives, filling)

    def insert(self, route: int) -> bool:
        """To the vehicle to which it adds least, among the likeliest that can."""
        best: tuple[float, int, list[Drive], Filling] | None = None
        rng = self.rng if self.blink else None
        likely = list(islice(self.state.roster.likely(route, rng), self.patience))
        # Where energy is short for one route and vehicle it mostly is for the next.
        doomed = self.state.doomed(likely) if self.short else None
        able, self.short = 0, False
        for key, v, drive in likely:
            if best is not None and able >= 2 and best[0] <= self.instance.cheapest * key:
                break
            if self.blink and self.rng.random() < self.blink:
                continue
            if self.short and doomed is not None and v in doomed:
                continue
            if not self.state.may_drive(v):
                continue
            drives = sorted((*self.state.drives[v], drive), key=_departs)
            if not self.instance.lawful(drives):
                continue
            hopeless = doomed is not None and v in doomed
            filling = None if hopeless else self.state.tried(v, drives, self.taste)
            if filling is None:
                self.short = True
                doomed = self.state.doomed(likely) if doomed is None else doomed
                continue
            old = self.state.fillings[v]
            added = worth(filling) - (worth(old) if old is not None else 0.0)
            name = self.instance.names[v]
            if self.instance.remembered.get(drive.route, name) != name:
                added += self.instance.swap_cost
            if best is None or added < best[0]:
                best = added, v, drives, filling
            able += 1
            if able >= _ABLE:
                break
        if best is None:
            return False
        _, v, drives, filling = best
        self.touch(v)
        self.state.put(v, drives, filling)
        self.state.bank.discard(route)
        return True

    def refill(self, v: int, *, whole: bool) -> bool:
        """The vehicle's charging anew; routes that it can no longer drive go to the bank."""
        self.touch(v)
        drives = self.state.drives[v]
        while True:
            filling = self.state.tried(v, drives, self.taste, whole=whole)
            if filling is not None:
                self.state.put(v, drives, filling)
                return True
            lost = min(drives, key=lambda d: (d.priority, self.rng.random()))
            drives = [d for d in drives if d is not lost]
            self.state.bank.add(self.instance.number[lost.route])
            self.state.put(v, drives, None)

    def strip(self, v: int, routes: Iterable[Drive]) -> None:
        """Takes routes from a vehicle and gives back its filling."""
        self.touch(v)
        gone = {d.route for d in routes}
        kept = [d for d in self.state.drives[v] if d.route not in gone]
        self.state.put(v, kept, None)
        self.state.bank |= {self.instance.number[r] for r in gone}


def _departs(drive: Drive) -> float:
    return drive.depart_s


def worth(filling: Filling) -> float:
    return KWH_COST * filling.lacks_kwh + filling.cost
