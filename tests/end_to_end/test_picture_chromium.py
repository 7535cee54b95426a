"""The picture of a plan as a browser shows it, from a file and on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from daemon.cli import main
from daemon.commands.picture import page
from planner.algorithms.greedy import greedy
from planner.codec import dump_snapshot, load_plan
from planner.params import Params
from tests.conftest import RequireTool
from tests.end_to_end.chromium import Page, decode_png, opened
from tests.planner.depots import random_depot
from tests.planner.plans import idle_plan

pytestmark = pytest.mark.chromium

WIDTH = 1320
STAYS = "document.querySelectorAll('.gantt-vehicles .stay').length"


@pytest.fixture
def chromium(require_tool: RequireTool) -> Path:
    return require_tool("chromium")


@asynccontextmanager
async def shown(chromium: Path, file: Path) -> AsyncIterator[Page]:
    async with opened(chromium, file.as_uri()) as picture:
        await picture.resize(WIDTH, 900)
        await picture.wait_for("document.querySelector('#connector-figures')")
        yield picture


async def test_the_commands_picture_shows_the_plan(chromium: Path, tmp_path: Path) -> None:
    depot = random_depot(Random(3), vehicles=10, routes=14, connectors=6, hours=18, tight=0.3)
    (tmp_path / "snapshot.json").write_text(dump_snapshot(depot), encoding="utf-8")
    plan_file, picture_file = tmp_path / "plan.json", tmp_path / "plan.html"
    wanted = ["--algorithm", "greedy", "--out", str(plan_file), "--html", str(picture_file)]
    assert main(["plan", str(tmp_path / "snapshot.json"), *wanted]) == 0
    plan = load_plan(plan_file.read_bytes())

    async with shown(chromium, picture_file) as picture:
        stays = await picture.evaluate(STAYS)
        sizes = await picture.evaluate(
            "[...document.querySelectorAll('.chart svg')].map((e) => {"
            " const r = e.getBoundingClientRect(); return [r.width, r.height]; })"
        )
        ground = await picture.evaluate("getComputedStyle(document.body).backgroundColor")
        asked = await picture.evaluate("performance.getEntriesByType('resource').length")
        png = await picture.screenshot()
        assert picture.complaints == []

    assert stays == len(plan.stays) > 5
    assert ground == "rgb(246, 246, 243)", "the page's policy lets its own style through"
    assert asked == 0
    assert all(width > 1000 and height > 60 for width, height in sizes)
    (tmp_path / "plan.png").write_bytes(png)
    width, height, rows = decode_png(png)
    assert width == WIDTH
    assert height > 2000
    colours = Counter(row[i : i + 3] for row in rows for i in range(0, len(row), 3))
    for colour in ("c3dde6", "92c2d2", "5ea3ba", "125670", "b9bdbb", "b0281c"):
        assert colours[bytes.fromhex(colour)] > 200, f"{colour} of bars and limits"


async def test_labels_of_a_hundred_vehicles_do_not_touch_those_of_the_next_row(
    chromium: Path, tmp_path: Path
) -> None:
    depot = random_depot(Random(5), vehicles=100, routes=100, connectors=40, hours=18)
    file = tmp_path / "plan.html"
    file.write_text(page(depot, idle_plan(depot)), encoding="utf-8")

    async with shown(chromium, file) as picture:
        rows = await picture.evaluate(
            "[...document.querySelectorAll('.gantt-vehicles .row-label')].map((e) => {"
            " const r = e.getBoundingClientRect(); return [r.top, r.bottom]; })"
        )
        assert picture.complaints == []

    assert len(rows) >= 100
    # A line of text is taller than its letters by about a sixth above and below.
    assert all(below[0] - above[1] > -4 for above, below in pairwise(rows))


@pytest.mark.parametrize("width", [360, 1320])
async def test_charts_scroll_in_their_own_frame(chromium: Path, tmp_path: Path, width: int) -> None:
    depot = random_depot(Random(7))
    file = tmp_path / "plan.html"
    file.write_text(page(depot, greedy(depot, Params(), 1, 0)), encoding="utf-8")

    async with shown(chromium, file) as picture:
        await picture.resize(width, 800)
        await picture.wait_for(f"document.documentElement.clientWidth === {width}")
        assert await picture.evaluate("document.documentElement.scrollWidth") == width


async def test_the_dark_scheme_is_the_live_pages(chromium: Path, tmp_path: Path) -> None:
    depot = random_depot(Random(7))
    file = tmp_path / "plan.html"
    file.write_text(page(depot, greedy(depot, Params(), 1, 0)), encoding="utf-8")

    async with shown(chromium, file) as picture:
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        await picture.call("Emulation.setEmulatedMedia", features=dark)
        ground = await picture.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(18, 22, 25)"
