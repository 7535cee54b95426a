"""Tier 3: the price of the import less the export, of the peak, and of the battery's wear."""

from __future__ import annotations

import numpy as np

from planner.linear.columns import Columns, Weights
from planner.snapshot import Snapshot


def weights(columns: Columns, snapshot: Snapshot) -> Weights:
    line, site = columns.scope.line, snapshot.site
    wear = 0.0 if site.battery is None else site.battery.wear_per_kwh
    prices = {
        "buy": line.step_h * line.import_price[list(columns["buy"])],
        "sell": -line.step_h * line.export_price[list(columns["sell"])],
        "peak": np.full(len(columns["peak"]), site.peak_price_per_kw),
        "discharge": np.full(len(columns["discharge"]), line.step_h * wear),
    }
    numbers = [columns.numbers(block) for block in prices]
    return np.concatenate(numbers), np.concatenate(list(prices.values()))
