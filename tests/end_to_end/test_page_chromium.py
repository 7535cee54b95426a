"""The page as a browser shows it, with a plan on it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.http_sample import STAYS, SampleView, sample_state, serving
from tests.conftest import RequireTool
from tests.end_to_end.chromium import Page, decode_png, opened

pytestmark = pytest.mark.chromium

SHOWN = "document.documentElement?.dataset.revision"


@asynccontextmanager
async def shown(chromium: Path, view: SampleView, path: str = "/") -> AsyncIterator[Page]:
    """The page after its first complete drawing."""
    async with serving(view) as server, opened(chromium, server.url.rstrip("/") + path) as page:
        await page.resize(1280, 900)
        await page.wait_for(SHOWN)
        yield page


@pytest.fixture
def chromium(require_tool: RequireTool) -> Path:
    return require_tool("chromium")


async def test_the_page_shows_the_plan(chromium: Path, tmp_path: Path) -> None:
    async with shown(chromium, SampleView()) as page:
        stays = await page.evaluate(
            "[...document.querySelectorAll('#gantt .stay')]"
            ".map((e) => [e.dataset.vehicle, e.dataset.station])"
        )
        charges = await page.texts("#gantt .charge")
        routes = await page.evaluate(
            "[...document.querySelectorAll('#gantt .route')].map((e) => e.dataset.route)"
        )
        figures = await page.texts("#figures .value")
        attention = await page.texts("#attention .item")
        reason = next(text for text in await page.texts("#gantt .stay title") if "V05" in text)
        lines = {c: await page.evaluate(f"document.querySelector('.{c}').getAttribute('d')")
                 for c in ("metered", "planned", "limit")}  # fmt: skip
        png = await page.screenshot()
        assert page.complaints == []
    assert sorted(stays) == sorted([s["vehicle"], s["station"]] for s in STAYS)
    assert len(charges) == sum(p["kw"] > 0 for s in STAYS for p in s["periods"])
    assert sorted(routes) == ["R1", "R2", "R3", "R4", "R5", "R6"]
    assert figures == ["109of 150 kW", "85.3kW", "131kW", "4711feasible"]
    assert "Nobody drives route R7" in attention[0]
    assert "no vehicle has the energy before 08:45" in attention[0]
    assert "the feeder is full until 07:45" in reason
    assert lines["limit"].count("L") >= 2, "the limit's steps of the snapshot"
    assert lines["planned"].count("L") > 10
    assert lines["metered"].count("L") > 100
    (tmp_path / "page.png").write_bytes(png)
    _assert_drawn(png)


def _assert_drawn(png: bytes) -> None:
    width, height, rows = decode_png(png)
    assert width == 1280
    assert height > 1500
    colours = Counter(row[i : i + 3] for row in rows for i in range(0, len(row), 3))
    shades = [bytes.fromhex(c) for c in ("c3dde6", "92c2d2", "5ea3ba", "125670")]
    for colour in [*shades, bytes.fromhex("b9bdbb")]:
        assert colours[colour] > 200, f"{colour.hex()} of the plan's bars"
    assert colours[bytes.fromhex("b0281c")] > 200, "the limit's line"


async def test_a_change_reaches_the_open_page(chromium: Path) -> None:
    view = SampleView()
    async with shown(chromium, view) as page:
        assert await page.texts("#link") == ["live"]
        view.current["site"]["import_kw"] = 77.7
        view.current["stations"][5]["online"] = True
        assert view.current_plan is not None
        view.current_plan = {**view.current_plan, "revision": 4712, "stays": STAYS[:2]}
        view.current["plan"] = {
            "revision": 4712,
            "status": "optimal",
            "algorithm": "joint",
            "made_at": "2026-11-21T04:53:00Z",
        }
        view.changes.bump()
        await page.wait_for(f"{SHOWN} === '4712'")
        assert (await page.texts("#figures .value"))[::3] == ["77.7of 150 kW", "4712optimal"]
        assert len(await page.texts("#gantt .stay")) == 2
        assert not [t for t in await page.texts("#attention .item") if "offline" in t]
        assert page.complaints == []


async def test_a_lost_daemon_is_told(chromium: Path) -> None:
    async with serving(SampleView()) as server, opened(chromium, server.url) as page:
        await page.wait_for(SHOWN)
        await server.stop()
        await page.wait_for("document.getElementById('link').textContent.startsWith('no connect')")
        assert len(await page.texts("#gantt .stay")) == len(STAYS)


async def test_without_a_plan_the_page_says_so(chromium: Path) -> None:
    view = SampleView()
    view.current_plan = view.current["plan"] = None
    view.current["alerts"], view.current["stations"] = [], []
    async with shown(chromium, view, "/?live=off") as page:
        assert await page.texts("#gantt") == ["There is no plan yet."]
        assert await page.texts("#attention") == ["Nothing needs attention."]
        assert page.complaints == []


@pytest.mark.parametrize("width", [360, 768])
async def test_a_narrow_screen_needs_no_sideways_scrolling(chromium: Path, width: int) -> None:
    async with shown(chromium, SampleView()) as page:
        await page.resize(width, 800)
        await page.wait_for(f"document.querySelector('#power svg').width.baseVal.value < {width}")
        assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_the_interface_description_is_drawn(chromium: Path) -> None:
    async with serving(SampleView()) as server, opened(chromium, f"{server.url}docs") as page:
        await page.wait_for("document.querySelectorAll('#paths section').length > 10")
        titles = await page.texts("h2")
        assert page.complaints == []
    assert {"GET /api/v1/state", "GET /events", "StationState", "Plan"} <= set(titles)


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "${alert(1)}{{alert(1)}}",
    "<style>*{display:none}</style>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "\u202e\u2028\x00\x1b[2J",
    "a" * 3000,
]


def _spoiled(value: Any, texts: itertools.cycle[str]) -> Any:
    """Every text that comes from outside becomes a hostile one; times and enumerations stay."""
    if isinstance(value, dict):
        kept = {"at", "now", "timezone", "made_at", "next_departure", "depart", "return", "state",
                "from", "to", "format", "since", "taken_at"}  # fmt: skip
        return {k: v if k in kept else _spoiled(v, texts) for k, v in value.items()}
    if isinstance(value, list):
        return [_spoiled(item, texts) for item in value]
    return next(texts) if isinstance(value, str) else value


@pytest.mark.fault(65)
async def test_no_text_becomes_an_element(chromium: Path) -> None:
    view, everything = SampleView(), "[...document.querySelectorAll('*')]"
    plan, seen = view.current_plan, ""
    async with shown(chromium, view) as page:
        elements = set(await page.evaluate(f"{everything}.map((e) => e.localName)"))
        for first in range(0, len(HOSTILE), 3):
            texts = itertools.cycle(HOSTILE[first:] + HOSTILE[:first])
            view.current = _spoiled(sample_state(), texts)
            view.current_plan = _spoiled(plan, texts)
            assert view.current["plan"] is not None
            assert view.current_plan is not None
            view.current["plan"]["revision"] = view.current_plan["revision"] = first
            view.changes.bump()
            await page.wait_for(f"{SHOWN} === '{first}'")
            elements |= set(await page.evaluate(f"{everything}.map((e) => e.localName)"))
            attributes = await page.evaluate(f"{everything}.flatMap((e) => e.getAttributeNames())")
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert await page.evaluate("document.scripts.length") == 1
            seen += await page.evaluate("document.body.textContent")
        assert page.complaints == []
    assert not {"img", "iframe", "style"} & elements
    assert [hostile for hostile in HOSTILE if hostile not in seen] == []
