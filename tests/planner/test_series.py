"""Quantities along time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from planner.series import Point, Series, format_instant, parse_instant
from tests.planner.depots import after
from tests.planner.strategies import instants, series

_SERIES = TypeAdapter(Series)
STEPS = Series(points=tuple(Point(at=after(m), value=v) for m, v in ((0, 3), (60, 1), (90, 7))))


def test_a_value_holds_until_the_next_and_the_first_one_also_before() -> None:
    assert [STEPS.at(after(m)) for m in (-500, 0, 59, 60, 89, 90, 5000)] == [3, 3, 3, 1, 1, 7, 7]


def test_pieces_are_cut_at_the_ends_asked_for() -> None:
    assert list(STEPS.pieces(after(30), after(120))) == [
        (after(30), after(60), 3),
        (after(60), after(90), 1),
        (after(90), after(120), 7),
    ]
    assert list(STEPS.pieces(after(60), after(60))) == []


def test_lowest_highest_and_mean_are_those_of_the_time_asked_for() -> None:
    assert STEPS.lowest(after(0), after(60)) == 3
    assert STEPS.lowest(after(0), after(61)) == 1
    assert STEPS.highest(after(0), after(90)) == 3
    assert STEPS.highest(after(0), after(91)) == 7
    assert STEPS.mean(after(45), after(105)) == pytest.approx((15 * 3 + 30 * 1 + 15 * 7) / 60)


@given(series(), instants, st.integers(1, 5000))
def test_pieces_cover_without_gaps_and_agree_with_every_other_view(
    drawn: Series, start: datetime, minutes: int
) -> None:
    end = start + timedelta(minutes=minutes)
    found = list(drawn.pieces(start, end))
    assert [a for a, _, _ in found] + [end] == [start] + [b for _, b, _ in found]
    assert all(drawn.at(a) == value for a, _, value in found)
    assert drawn.lowest(start, end) == min(v for _, _, v in found)
    assert drawn.highest(start, end) == max(v for _, _, v in found)
    low, high = drawn.lowest(start, end), drawn.highest(start, end)
    assert low <= drawn.mean(start, end) + 1e-9 <= high + 2e-9


def test_points_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[1\]\.from: wants an instant after"):
        Series(points=(Point(at=after(1), value=0), Point(at=after(1), value=1)))


def test_a_series_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        Series(points=())


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20T16:00:00Z", datetime(2026, 11, 20, 16, tzinfo=UTC)),
        ("2026-11-20T16:00:00.25Z", datetime(2026, 11, 20, 16, 0, 0, 250_000, tzinfo=UTC)),
        ("2028-02-29T23:59:59Z", datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_instants_are_read_from_rfc_3339_with_z(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    ["2026-11-20T16:00:00", "2026-11-20T16:00:00+00:00", "2026-11-20T16:00:00+01:00Z", "now",
     "2026-11-20 16:00:00Z", "20261120T160000Z", "2026-W47-5T16:00:00Z", "2026-11-20T16Z", "", "Z",
     "2026-11-20T24:00:00Z", "2026-11-20T16:00:60Z", "2026-02-29T16:00:00Z", "1899-12-31T23:59:59Z",
     "٢٠٢٦-11-20T16:00:00Z", 1_795_190_400, None],
)  # fmt: skip
def test_other_times_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="wants an instant"):
        parse_instant(text)


def test_a_local_time_is_refused_and_one_with_a_zone_becomes_utc() -> None:
    with pytest.raises(ValueError, match="not a local time"):
        parse_instant(datetime(2026, 11, 20, 16))  # noqa: DTZ001 - the local time is the point
    berlin = datetime(2026, 11, 20, 17, tzinfo=timezone(timedelta(hours=1)))
    assert format_instant(parse_instant(berlin)) == "2026-11-20T16:00:00Z"


def test_a_constant_that_gets_a_second_point_can_be_read_back() -> None:
    change = Point(at=datetime(2026, 11, 20, 16, tzinfo=UTC), value=7.0)
    lowered = Series(points=(*Series.constant(5.0).points, change))
    assert _SERIES.validate_json(_SERIES.dump_json(lowered)) == lowered
