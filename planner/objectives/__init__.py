"""The tiers in their order (law 10): each gives the weights of what is to be made least.

A lower tier may cost a higher one at most `ALLOWED`: half of what the law grants, the other half is
for rounding.
"""

from __future__ import annotations

from typing import Final, Protocol

from planner.linear.columns import Columns, Weights
from planner.objectives import money, shortfall, taste, unserved
from planner.snapshot import Snapshot


class Tier(Protocol):
    def weights(self, columns: Columns, snapshot: Snapshot) -> Weights: ...


UNSERVED: Final[Tier] = unserved
SHORTFALL: Final[Tier] = shortfall
MONEY: Final[Tier] = money
TASTE: Final[Tier] = taste
TIERS: Final = (UNSERVED, SHORTFALL, MONEY, TASTE)
ALLOWED: Final = 0.005
