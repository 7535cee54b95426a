"""A draft's values for integral columns: what it decided is held while the rest moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from planner.drafts.curve import concave_runs, curve
from planner.drafts.draft import Charge, Draft, charges_of
from planner.drafts.timeline import Floats
from planner.linear.columns import Columns

_KW: Final = 1e-5
"""Powers of a plan in force are a rounded time's energy away from what they were."""


def curve_hints(columns: Columns, draft: Draft) -> dict[int, float]:
    """In which run of the charge curve each part ends, and who comes home empty."""
    scope, found = columns.scope, dict[int, float]()
    regions: dict[tuple[str, int], dict[int, int]] = {}
    for (name, k, i), column in columns["region"].items():
        regions.setdefault((name, k), {})[i] = column
    empty = columns["empty"]
    decided = {name for name, _ in (*regions, *empty)}
    charges = charges_of(draft.visits) if decided else {}
    for name, vehicle in scope.chosen.vehicles.items():
        if name not in decided:
            continue
        runs, drops_kwh = concave_runs(curve(vehicle)), scope.drops_kwh(name)
        drawn_kwh = _drawn_kwh(charges.get(name, ()), scope.points[name])
        energy_kwh = vehicle.energy_kwh
        for k, kwh in enumerate(np.diff(drawn_kwh, append=drawn_kwh[-1]).tolist()):
            drop_kwh = drops_kwh.get(k, 0.0)
            if (name, k) in empty:
                found[empty[name, k]] = float(energy_kwh < drop_kwh)
            energy_kwh = max(0.0, energy_kwh - drop_kwh) + vehicle.efficiency * kwh
            choices = regions.get((name, k), {})
            now = next((i for i in choices if energy_kwh <= runs[i][-1].high_kwh + 1e-9), None)
            for i, column in choices.items():
                found[column] = float(i == (now if now is not None else max(choices)))
    return found


def _drawn_kwh(charges: Sequence[Charge], points: Sequence[float]) -> Floats:
    """What the charges, which are in order of time, have drawn by each of the points."""
    if not charges:
        return np.zeros(len(points))
    edges_s = [s for charge in charges for s in (charge.start_s, charge.end_s)]
    gained_kwh = [kwh for charge in charges for kwh in (0.0, charge.kwh)]
    # A burst, rounded to a millisecond, may end after the next one begins.
    in_order_s = np.maximum.accumulate(edges_s)
    drawn_kwh: Floats = np.interp(points, in_order_s, np.cumsum(gained_kwh))
    return drawn_kwh
