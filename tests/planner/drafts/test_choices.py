from __future__ import annotations

import pytest

from planner.drafts.choices import Drive, lawful
from planner.snapshot import Rules


def drive(name: str, depart_h: float, return_h: float) -> Drive:
    return Drive(
        route=name,
        vehicle="V1",
        depart_s=3600 * depart_h,
        return_s=3600 * return_h,
        energy_kwh=10,
        need_kwh=15,
        priority=1,
    )


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (Rules(turnaround_minutes=60), True),
        (Rules(turnaround_minutes=61), False),
        (Rules(turnaround_minutes=60, max_routes_per_vehicle=1), False),
        (Rules(turnaround_minutes=60, incompatible_routes=(("B", "A"),)), False),
        (Rules(turnaround_minutes=60, max_shift_hours=5), True),
        (Rules(turnaround_minutes=60, max_shift_hours=4.9), False),
        (Rules(turnaround_minutes=60, max_shift_hours=4, rest_hours=1), True),
        (Rules(turnaround_minutes=60, max_shift_hours=4, rest_hours=1.1), False),
    ],
)
def test_a_sequence_is_lawful_as_the_rules_say(rules: Rules, expected: bool) -> None:
    assert lawful([drive("A", 0, 2), drive("B", 3, 5)], rules) is expected


def test_a_single_route_longer_than_a_shift_is_not_lawful() -> None:
    assert not lawful([drive("A", 0, 6)], Rules(max_shift_hours=5))
