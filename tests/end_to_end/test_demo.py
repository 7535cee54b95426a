"""`depotd demo` as its users start it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0


async def demo(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon.cli",
        "demo",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def energy_by_version(outcome: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for station in outcome["stations"]:
        version = station["version"]
        found[version] = found.get(version, 0.0) + station["metered_kwh"]
    return found


async def test_the_built_in_depot_charges_within_its_limit_in_both_versions() -> None:
    status, out, err = await demo("--json", "--seconds", "12", "--speed", "3600")
    outcome = json.loads(out)
    assert status == 0, (outcome["problems"], err)
    assert outcome["plans"] > 0
    assert all(station["accepted"] > 0 for station in outcome["stations"])
    assert min(energy_by_version(outcome).values()) > 0
    assert 0 < outcome["site"]["highest_kw"] <= 100


async def test_a_day_of_sessions_is_replayed_and_told_in_lines(tmp_path: Path) -> None:
    rows = [
        "arrival,departure,requested_energy (kWh),station_id,session_id",
        "2019-05-07 06:00:00-07:00,2019-05-07 09:00:00-07:00,5.0,CA-1,s1",
        "2019-05-07 06:30:00-07:00,2019-05-07 09:30:00-07:00,5.0,CA-2,s2",
    ]
    file = tmp_path / "day.csv"
    file.write_text("\n".join(rows) + "\n")
    status, out, err = await demo("--sessions", str(file), "--seconds", "5")
    assert status == 0, out + err
    assert "This is a demonstration" in out
    assert "dashboard: http://127.0.0.1:" in out
    assert "departures: 2 of 2 driven" in out
    assert "every profile was obeyed or flagged, and the limit held" in out
