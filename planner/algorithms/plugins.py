"""Algorithms of other distributions, by the entry point group `depotd.algorithms`.

A plug-in is loaded when it is asked for by its name, and never otherwise: what is merely installed
runs no code. The names of our own algorithms cannot be taken over.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from planner.algorithms import ALGORITHMS, Algorithm
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

GROUP: Final = "depotd.algorithms"


class PluginError(ValueError):
    """A plug-in that cannot be used; the text names it, its distribution and what is wrong."""


def find(name: str) -> Algorithm:
    """Our own algorithm of that name, else the plug-in's.

    Raises ValueError for a name that nobody has, PluginError where two distributions have it or
    loading fails.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    points = tuple(entry_points(group=GROUP, name=name))
    if not points:
        raise ValueError(f"wants one of {', '.join(names())}, not {name!r}")
    if len(points) > 1:
        owners = " and ".join(sorted(_owner(point) for point in points))
        raise PluginError(f"the plug-in {name!r} is offered by {owners}: uninstall all but one")
    return _load(points[0])


def names() -> list[str]:
    """All names that can be asked for; nothing is loaded."""
    return sorted({*ALGORITHMS, *(point.name for point in entry_points(group=GROUP))})


def _load(point: EntryPoint) -> Algorithm:
    who = f"the plug-in {point.name!r} of {_owner(point)}"
    # Importing runs a stranger's code, which may raise anything.
    try:
        made = point.load()
    except Exception as error:
        text = f"{who} cannot be loaded from {point.value}: {type(error).__name__}: {error}"
        raise PluginError(text) from error
    if not callable(made):
        raise PluginError(f"{who} is no algorithm: {point.value} cannot be called")

    def guarded(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
        try:
            plan = made(snapshot, params, budget_s, seed)
        except MemoryError:
            # Told apart by the planner's process, which is no longer to be trusted after it.
            raise
        except Exception as error:
            raise PluginError(f"{who}: {type(error).__name__}: {error}") from error
        if not isinstance(plan, Plan):
            raise PluginError(f"{who} answers with {type(plan).__name__}, wants a Plan")
        if plan.revision != snapshot.revision:
            text = f"answers for revision {plan.revision}, wants {snapshot.revision}"
            raise PluginError(f"{who} {text}")
        return plan

    return guarded


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown distribution"
