"""Routes that another vehicle drives than in the plan in force, and how they go back."""

from __future__ import annotations

from random import Random

from planner.drafts.choices import Drive
from planner.search.moves import Builder
from planner.search.state import State
from planner.search.windows import Taste

_KEPT = 0.5


def turn_back(state: State) -> bool:
    """Turns back the changes that save nothing, one after the other; whether there was any."""
    found = False
    for route in [d.route for d in swapped(state)]:
        drive = next((d for d in swapped(state) if d.route == route), None)
        moved = turned_back(state, drive) if drive is not None else {}
        if not moved:
            continue
        cost, bank = state.cost(), set(state.bank)
        builder = Builder(state, Random(0), Taste(habit=True))
        for v, drives in moved.items():
            builder.touch(v)
            state.put(v, drives, None)
        for v in moved:
            builder.refill(v, whole=True)
        if state.cost() < cost:
            found = True
        else:
            builder.undo()
            state.bank = bank
    return found


def swapped(state: State) -> list[Drive]:
    """Those whose vehicle before could still drive them."""
    back = _able(state)
    return [d for own in state.drives for d in own if d.route in back]


def turned_back(state: State, first: Drive) -> dict[int, list[Drive]]:
    """The new drives of each vehicle concerned when `first` goes back to the vehicle that had it;
    what is not lawful beside it there goes back too. Empty where that does not help."""
    back, instance = _able(state), state.instance
    drives: dict[int, list[Drive]] = {}
    waiting = [first]
    while waiting:
        drive = waiting.pop()
        driver, (v, again) = instance.vehicle[drive.vehicle], back[drive.route]
        rest = drives.get(driver, state.drives[driver])
        drives[driver] = [d for d in rest if d.route != drive.route]
        own = sorted((*drives.get(v, state.drives[v]), again), key=lambda d: d.depart_s)
        if not instance.lawful(own):
            guests = [d for d in own if d.route in back and back[d.route][0] != v]
            own = [d for d in own if d not in guests]
            if not guests or not instance.lawful(own):
                return {}
            waiting += guests
        drives[v] = own
    most = instance.most_drivers
    driving = sum(bool(drives.get(v, own)) for v, own in enumerate(state.drives))
    return drives if most is None or driving <= most else {}


def is_kept(state: State) -> bool:
    """Whether the plan in force is where it comes from: most routes before keep their vehicle."""
    instance = state.instance
    if not instance.stays:
        return False
    counted = [(r, v) for r, v in instance.before.items() if r in instance.number]
    driven = {d.route: d.vehicle for drives in state.drives for d in drives}
    return sum(driven.get(r) == v for r, v in counted) >= _KEPT * len(counted)


def _able(state: State) -> dict[str, tuple[int, Drive]]:
    """By route that changed its vehicle, the one that had it and how that would drive it."""
    instance, found = state.instance, {}
    for drive in (d for own in state.drives for d in own):
        name, r = instance.remembered.get(drive.route), instance.number[drive.route]
        if name is not None and name != drive.vehicle:
            for option in instance.options[r] if name in instance.vehicle else ():
                if option.vehicle == name:
                    found[drive.route] = instance.vehicle[name], option
    return found
