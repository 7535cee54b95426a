"""A draft's values for integral columns: what it decided is held while the rest moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from planner.drafts.curve import concave_runs, curve
from planner.drafts.draft import Charge, Draft, charges_of
from planner.linear.columns import Columns
from planner.linear.scope import Part

_KW: Final = 1e-5
"""Powers of a plan in force are a rounded time's energy away from what they were."""


def curve_hints(columns: Columns, draft: Draft) -> dict[int, float]:
    """In which run of the charge curve each part ends, and who comes home empty."""
    scope, found = columns.scope, dict[int, float]()
    charges = charges_of(draft.visits)
    regions: dict[tuple[str, int], dict[int, int]] = {}
    for (name, k, i), column in columns["region"].items():
        regions.setdefault((name, k), {})[i] = column
    decided = {name for name, _ in (*regions, *columns["empty"])}
    for name, vehicle in scope.chosen.vehicles.items():
        if name not in decided:
            continue
        runs = concave_runs(curve(vehicle))
        energy_kwh = vehicle.energy_kwh
        for k in range(len(scope.points[name])):
            drop_kwh = scope.drops_kwh(name).get(k, 0.0)
            if (name, k) in columns["empty"]:
                found[columns["empty"][name, k]] = float(energy_kwh < drop_kwh)
            energy_kwh = max(0.0, energy_kwh - drop_kwh)
            if k == len(scope.parts[name]):
                break
            part = scope.parts[name][k]
            reached = energy_kwh + vehicle.efficiency * _kwh(charges.get(name, ()), part)
            choices = regions.get((name, k), {})
            now = next((i for i in choices if reached <= runs[i][-1].high_kwh + 1e-9), None)
            for i, column in choices.items():
                found[column] = float(i == (now if now is not None else max(choices)))
            energy_kwh = reached
    return found


def charging_bounds(columns: Columns, draft: Draft) -> dict[int, tuple[float, float]]:
    """The minimum power at least where the draft has that, for connectors that have one."""
    scope, found = columns.scope, dict[int, tuple[float, float]]()
    charges = charges_of(draft.visits)
    for (name, g, k), column in columns["kw"].items():
        min_kw, most_kw, part = scope.groups[g].min_kw, columns.upper[column], scope.parts[name][k]
        kw = _kwh(charges.get(name, ()), part) / part.hours
        if 0 < min_kw <= most_kw and kw >= min_kw - _KW:
            found[column] = min_kw, most_kw
    return found


def _kwh(charges: Sequence[Charge], part: Part) -> float:
    """What of the charges falls into the part."""
    total = 0.0
    for charge in charges:
        both_s = min(charge.end_s, part.end_s) - max(charge.start_s, part.start_s)
        if both_s > 0:
            total += charge.kw * both_s / 3600
    return total
