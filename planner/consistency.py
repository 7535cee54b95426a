"""What must hold between values that are each right by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from planner.model import FieldError

if TYPE_CHECKING:
    from planner.snapshot import Circuit, Connector, Vehicle
    from planner.stay import Stay


def at_most(key: str, value: float, bound: str, most: float) -> None:
    if value > most:
        text = f"wants at most the {bound} of {most:g}, not {value:g}"
        raise FieldError(key, text, quantity=True)


def check_unique(where: str, key: str, names: Iterable[str]) -> None:
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if first.setdefault(name, i) != i:
            text = f'wants a name of its own, "{name}" is taken by {where}[{first[name]}]'
            raise FieldError(f"{where}[{i}].{key}", text)


def check_tree(circuits: Sequence[Circuit], connectors: Sequence[Connector]) -> None:
    """Every circuit named is there, and no circuit hangs below itself."""
    parents = {c.id: c.parent for c in circuits}
    named = [(f"circuits[{i}].parent", c.parent) for i, c in enumerate(circuits)]
    named += [(f"connectors[{i}].circuit", c.circuit) for i, c in enumerate(connectors)]
    for path, name in named:
        if name is not None and name not in parents:
            raise FieldError(path, f'wants the id of a circuit, "{name}" is none')
    rooted: set[str] = set()
    for i, circuit in enumerate(circuits):
        trail: set[str] = set()
        at: str | None = circuit.id
        while at is not None and at not in rooted:
            if at in trail:
                raise FieldError(f"circuits[{i}].parent", f'makes a circle through "{at}"')
            trail.add(at)
            at = parents[at]
        rooted |= trail


def check_plugged(vehicles: Sequence[Vehicle], connectors: Sequence[Connector]) -> None:
    """Every plugged vehicle stands alone at a connector that is there and fits."""
    there = {c.key: c for c in connectors}
    taken: dict[tuple[str, int], str] = {}
    for i, vehicle in enumerate(vehicles):
        if vehicle.plugged is None:
            continue
        path, key = f"vehicles[{i}].plugged", vehicle.plugged.key
        name = f"{key[0]}/{key[1]}"
        if key not in there:
            raise FieldError(path, f'wants a connector of the depot, "{name}" is none')
        if not set(there[key].plugs) & set(vehicle.plugs):
            fits = ", ".join(there[key].plugs) or "none"
            raise FieldError(path, f"wants a connector that fits the vehicle, {name} has {fits}")
        if key in taken:
            raise FieldError(path, f'wants a free connector, {name} is taken by "{taken[key]}"')
        taken[key] = vehicle.id


# What the audit of a plan lets pass, or a plan in force could make the next snapshot unreadable.
_INSTANT: Final = timedelta(milliseconds=1)
_NO_KW: Final = -1e-4


def check_stays(where: str, stays: Sequence[Stay]) -> None:
    """Every stay ends after it begins, and its periods follow one another within it."""
    for i, stay in enumerate(stays):
        if stay.end <= stay.start:
            raise FieldError(f"{where}[{i}].to", "wants an instant after from")
        at = stay.start
        for j, period in enumerate(stay.periods):
            path = f"{where}[{i}].periods[{j}]"
            if period.kw < _NO_KW:
                text = f"wants at least 0, not {period.kw:g}"
                raise FieldError(f"{path}.kw", text, quantity=True)
            if period.start < at - _INSTANT:
                raise FieldError(f"{path}.from", "wants an instant within the stay, in order")
            if not period.start < period.end <= stay.end + _INSTANT:
                raise FieldError(f"{path}.to", "wants an instant after from, within the stay")
            at = period.end
