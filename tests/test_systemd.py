"""The unit that is shipped: hardened, and asking for nothing that is not there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "systemd"
UNIT = FOLDER / "depotd.service"
MAX_EXPOSURE = 1.5


def values_of(key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", UNIT.read_text(encoding="utf-8"))


@pytest.mark.systemd
def test_the_unit_is_hardened(require_tool: Callable[[str], Path]) -> None:
    command = [str(require_tool("systemd")), "security", "--offline=true", "--no-pager", str(UNIT)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    exposure = re.search(r"Overall exposure level for depotd.service: ([\d.]+)", told)
    assert exposure is not None
    assert float(exposure[1]) <= MAX_EXPOSURE


def test_systemd_before_253_reads_a_type_that_it_knows() -> None:
    assert values_of("Type") == ["notify", "notify-reload"]


def test_the_unit_runs_as_the_user_that_is_made() -> None:
    (user,) = values_of("User")
    users = (FOLDER / "depotd.sysusers.conf").read_text(encoding="utf-8")

    assert user != "root"
    assert re.search(rf"(?m)^u +{user} ", users)
