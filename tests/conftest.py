"""Tools and data that only some machines have: tests that want them are skipped there, with the
reason; TESTS_REQUIRE (names with commas) turns such a skip into a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

# Marker: command. Debian keeps servers where only root's PATH leads.
TOOLS = {
    "mosquitto": "mosquitto",
    "chromium": "chromium",
    "openssl": "openssl",
    "systemd": "systemd-analyze",
}
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

RequireTool = Callable[[str], Path]


def _absent(name: str, reason: str) -> None:
    if name in os.environ.get("TESTS_REQUIRE", "").split(","):
        pytest.fail(reason)
    pytest.skip(reason)


def _require_tool(name: str) -> Path:
    path = shutil.which(TOOLS[name], path=SEARCH_PATH)
    if path is None:
        _absent(name, f"{TOOLS[name]} is not installed")
    assert path is not None
    return Path(path)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Each test starts with structlog as it comes: a command run in this process sets it up for
    the process, on a stream that may be closed by now."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def require_tool() -> RequireTool:
    """`require_tool("chromium")`: the path of the tool behind that marker, or a skip."""
    return _require_tool


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real sessions and tariffs beside the project, or a skip."""
    if not REAL_DATA.is_dir():
        _absent("real_data", f"no real data in {REAL_DATA}")
    return REAL_DATA


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in TOOLS:
        if item.get_closest_marker(name):
            _require_tool(name)
