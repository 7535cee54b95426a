"""A whole plan as it stands: who drives what, each vehicle's filling, and what is left over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.drafts.assemble import site_import
from planner.drafts.choices import Drive
from planner.drafts.draft import Draft, Visit
from planner.drafts.timeline import Floats
from planner.search.carried import carried
from planner.search.filling import Filling, fill, is_hopeless
from planner.search.instance import Instance
from planner.search.room import Room
from planner.search.roster import Roster
from planner.search.windows import Taste

KWH_COST = 20.0
"""A kWh of shortfall in money, far more than any price: tiers made one number for comparing."""

ROUTE_COST = 1e5
"""The same for one unit of unserved priority."""

WISH_COST = 1e-3
"""The same for one unit of taste: all that rules could ask for costs less than 0.01 of money."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A plan as it was at some time."""

    instance: Instance
    battery_kw: Floats | None
    drives: list[list[Drive]]
    fillings: list[Filling | None]

    def draft(self) -> Draft:
        """What the plan means: charges in seconds."""
        instance = self.instance
        visits: list[Visit] = []
        for v, filling in enumerate(self.fillings):
            if filling is None:
                continue
            booked = {b.span: b for b in filling.bookings}
            for j, span in enumerate(filling.spans):
                visit = Visit(
                    vehicle=instance.names[v],
                    start_s=span.start_s,
                    end_s=span.end_s,
                    first=span.first,
                )
                if j in booked:
                    visit.socket = instance.sockets[booked[j].socket]
                    visit.charges = booked[j].charges(span, instance.line.step_s)
                visits.append(visit)
        drives = {instance.names[v]: list(own) for v, own in enumerate(self.drives)}
        battery_kw = None
        if instance.snapshot.site.battery is not None:
            battery_kw = (
                np.zeros(instance.line.steps) if self.battery_kw is None else self.battery_kw
            )
        return Draft(drives=drives, visits=visits, battery_kw=battery_kw)


class State:
    def __init__(
        self,
        instance: Instance,
        battery_kw: Floats | None = None,
        peak_kw: float = math.inf,
    ) -> None:
        count = len(instance.movers)
        self.instance = instance
        self.battery_kw = battery_kw
        self.room = Room(instance, battery_kw, peak_kw)
        self.drives: list[list[Drive]] = [[] for _ in range(count)]
        self.roster = Roster(instance)
        self.fillings: list[Filling | None] = [None] * count
        self.bank: set[int] = {
            r for r, options in enumerate(instance.options) if options and not instance.chosen.given
        }
        """The routes that nobody drives though somebody might."""

    def cost(self) -> float:
        """All tiers as one number."""
        instance = self.instance
        unserved = sum(instance.priority[r] for r in self.bank)
        short = money = 0.0
        for filling in self.fillings:
            if filling is not None:
                short += filling.lacks_kwh
                money += filling.cost
        money += self._peak_cost() + WISH_COST * self._wishes()
        money += instance.swap_cost * self.swaps()
        return ROUTE_COST * unserved + KWH_COST * short + money

    def swaps(self) -> int:
        """The routes that another vehicle drives than before."""
        remembered = self.instance.remembered
        if not remembered:
            return 0
        return sum(
            remembered.get(d.route, d.vehicle) != d.vehicle for own in self.drives for d in own
        )

    def _wishes(self) -> float:
        """What soft rules about routes make of the drives."""
        instance = self.instance
        if not instance.wishes:
            return 0.0
        drives = dict(zip(instance.names, self.drives, strict=True))
        draft = Draft(drives=drives, visits=[])
        return sum(r.cost(instance.snapshot, instance.line, draft) for r in instance.wishes)

    def money(self) -> float:
        return sum(f.cost for f in self.fillings if f is not None) + self._peak_cost()

    def copy(self) -> Kept:
        return Kept(self.instance, self.battery_kw, list(self.drives), list(self.fillings))

    def _peak_cost(self) -> float:
        site = self.instance.snapshot.site
        if site.peak_price_per_kw <= 0:
            return 0.0
        return max(0.0, self.room.import_kw() - site.peak_so_far_kw) * site.peak_price_per_kw

    def may_drive(self, v: int) -> bool:
        """Whether it drives already, or a hard reserve leaves one more vehicle to do so."""
        most = self.instance.most_drivers
        return most is None or bool(self.drives[v]) or sum(map(bool, self.drives)) < most

    def give(self, v: int, drives: list[Drive]) -> None:
        """All that the vehicle drives, in order of departure; its filling stays as it is."""
        if drives is not self.drives[v]:
            self.drives[v] = drives
            self.roster.give(v, drives)

    def clear(self, v: int) -> None:
        """The vehicle's filling is given back."""
        filling = self.fillings[v]
        if filling is not None:
            self.room.release(filling.bookings)
            self.fillings[v] = None

    def put(self, v: int, drives: list[Drive], filling: Filling | None) -> None:
        self.clear(v)
        self.give(v, drives)
        self.fillings[v] = filling
        if filling is not None:
            self.room.book(filling.bookings)

    def tried(
        self, v: int, drives: Sequence[Drive], taste: Taste, *, whole: bool = True
    ) -> Filling | None:
        """The filling of `v` for `drives` with everybody else as they are."""
        mover, old = self.instance.movers[v], self.fillings[v]
        duty = self.instance.duty(mover, drives)
        own = old.bookings if old is not None else ()
        if whole and is_hopeless(self.room, mover, duty, own):
            return None
        with self.room.without(own):
            return fill(self.instance, self.room, mover, duty, taste, whole=whole)

    def draft(self) -> Draft:
        return self.copy().draft()

    @classmethod
    def again(cls, kept: Kept) -> State:
        """A state of its own that stands as that one did."""
        state = cls(kept.instance, kept.battery_kw)
        for v, (drives, filling) in enumerate(zip(kept.drives, kept.fillings, strict=True)):
            state.put(v, drives, filling)
            state.bank -= {state.instance.number[d.route] for d in drives}
        return state

    @classmethod
    def of(cls, instance: Instance, draft: Draft) -> State:
        """The state of a draft whose charging was found elsewhere; nothing is to exceed its peak
        where that is paid for."""
        site, peak_kw = instance.snapshot.site, math.inf
        if site.peak_price_per_kw > 0:
            peak_kw = max(float(site_import(draft, instance.line).max()), site.peak_so_far_kw)
        state = cls(instance, draft.battery_kw, peak_kw)
        by_vehicle: dict[str, list[Visit]] = {}
        for visit in draft.visits:
            if visit.charges and visit.socket is not None:
                by_vehicle.setdefault(visit.vehicle, []).append(visit)
        for v, name in enumerate(instance.names):
            drives = sorted(draft.drives.get(name, ()), key=lambda d: (d.depart_s, d.return_s))
            state.put(v, drives, carried(instance, v, drives, by_vehicle.get(name, ())))
            state.bank -= {instance.number[d.route] for d in drives}
        return state
