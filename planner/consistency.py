"""What must hold between values that are each right by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from planner.model import FieldError

if TYPE_CHECKING:
    from planner.snapshot import Circuit, Connector, Vehicle


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
