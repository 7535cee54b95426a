"""The short run of each trial, and that each can find what it looks for."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.ocpp.model import Version
from tests.simulation.soak.bugs import BUGS
from tests.trials import daemon_kills, guesses, lag, leaks, power_cuts, socket_fuzz, storm
from tests.trials.frames import frames
from tests.trials.fuzz import Trial
from tests.trials.power_cuts import Disk

SEED = 1


@pytest.mark.fault(37, 38, 39)
@pytest.mark.parametrize("version", Version)
def test_hostile_frames_escape_nowhere_and_every_call_is_answered(version: Version) -> None:
    trial = Trial(version, random.Random(f"{SEED} {version}"))
    trial.run(2_000)
    assert (trial.escapes, trial.unanswered) == ([], []), f"seed {SEED}"
    assert trial.outcomes["Incoming"] > 200, "hardly any came past the schemas"


def test_an_escape_and_an_unanswered_call_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(Version.V16, random.Random(SEED))
    sent = [json.dumps([2, "a", "Heartbeat", {}]), json.dumps([2, "b", "Heartbeat", {}])]
    trial._source = iter(sent)
    monkeypatch.setattr(trial, "_answer", lambda output: 0)
    trial.run(1)
    monkeypatch.setattr(trial, "_answer", lambda output: 1 // 0)
    trial.run(1)
    assert (len(trial.unanswered), len(trial.escapes)) == (1, 1)


@pytest.mark.fault(37, 38, 39)
async def test_hostile_frames_over_sockets_are_answered_by_a_daemon_that_lives(
    tmp_path: Path,
) -> None:
    result = await socket_fuzz.run(tmp_path, 400, SEED)
    assert (result.escapes, result.unanswered) == ([], []), f"seed {SEED}"
    assert result.calls > 100
    assert result.frames >= 400


def test_the_same_seed_makes_the_same_frames() -> None:
    first, again = (frames(Version.V201, random.Random(SEED)) for _ in range(2))
    assert [next(first) for _ in range(200)] == [next(again) for _ in range(200)]


@pytest.mark.fault(52)
async def test_images_of_power_cuts_hold_every_acknowledged_commit_whole(tmp_path: Path) -> None:
    result = await power_cuts.run(tmp_path, 120, SEED, per_commit=4)
    assert (result.images, result.problems) == (120, []), f"seed {SEED}"
    assert result.checkpoints > 0
    assert 0 < result.had_the_next < result.images


async def test_an_image_that_lost_a_commit_or_is_torn_is_found(tmp_path: Path) -> None:
    await power_cuts.run(tmp_path, 1, SEED)
    image = tmp_path / "image.db"
    disk = Disk((tmp_path / "live.db").read_bytes(), b"")
    disk.write(image)
    newest = power_cuts._look(image, 1, through_store=False)[1]
    assert (
        power_cuts._look(image, newest + 1, through_store=False)[0] == f"lost: newest is {newest}"
    )
    Disk(disk.database[:-4096] + bytes(4096), b"").write(image)
    problem, _ = power_cuts._look(image, newest, through_store=True)
    assert problem is not None


@pytest.mark.fault(51)
def test_kills_at_random_instants_lose_and_tear_nothing() -> None:
    """In a process of its own, as it forks."""
    command = [sys.executable, "-m", "tests.trials.kills", "--kills", "8", "--seed", str(SEED)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith(f"seed {SEED}: 8 kills")
    assert "0 problems" in run.stdout


@pytest.mark.fault(1)
def test_daemons_killed_at_random_instants_leave_every_station_at_its_fallback_in_time() -> None:
    result = daemon_kills.run(3, SEED)
    assert (result.kills, result.problems) == (3, []), f"seed {SEED}"
    assert result.above > 0
    assert result.slowest_s > 0


def test_a_station_that_does_not_fall_back_is_found() -> None:
    (endless,) = (bug for bug in BUGS if bug.name == "leases without an end")
    with endless.broken():
        result = daemon_kills.run(1, SEED, kinds="A")
    assert any("kW instead of" in problem for problem in result.problems)


@pytest.mark.fault(31)
async def test_a_station_charges_on_and_comes_back_while_its_password_is_guessed(
    tmp_path: Path,
) -> None:
    result = await guesses.run(tmp_path, 300)
    assert set(result.statuses) == {401, 429}
    assert result.statuses[401] < 100
    assert result.beats > 0
    assert result.back
    assert result.alerts > 0


@pytest.mark.fault(46, 73)
async def test_stations_that_come_back_all_at_once_are_all_back_and_leave_nothing_open(
    tmp_path: Path,
) -> None:
    result = await storm.run(tmp_path, 40, SEED, jitter_s=0.2, rounds=2)
    assert (result.back, result.log_errors) == (40, 0), f"seed {SEED}"
    first, last = result.held[0], result.held[-1]
    # The planner's process and a connection of the pages may come or go; 40 stations may not.
    assert abs(last.descriptors - first.descriptors) < 20


@pytest.mark.fault(73)
async def test_stations_that_charge_leave_and_come_back_for_long_are_noted_with_what_is_held(
    tmp_path: Path,
) -> None:
    result = await leaks.run(tmp_path, 6.0, stations=4, reconnects=12, seed=SEED)
    assert result.log_errors == 0
    assert result.transactions >= 8
    assert result.reconnects >= 4
    assert len(result.held) > 60
    assert all(held.mib > 10.0 and held.descriptors > 5 for held in result.held)


def test_a_leak_is_seen_in_the_slope_of_the_second_half() -> None:
    flat = [leaks.Held(60.0 * n, 100.0 - 5.0 / (n + 1), 20) for n in range(120)]
    leaking = [leaks.Held(h.at_s, h.mib + 2.0 * h.at_s / 3600, 20) for h in flat]
    assert leaks.slope_mib_per_h(flat) < leaks.WANTED_MIB_PER_H
    assert leaks.slope_mib_per_h(leaking) > leaks.WANTED_MIB_PER_H


@pytest.mark.fault(36, 47, 53)
async def test_the_loops_lag_is_told_of_a_daemon_that_is_asked_for_everything_at_once(
    tmp_path: Path,
) -> None:
    result = await lag.run(tmp_path, 1.0, stations=3, floods=1, hostile=1)
    for told in (result.calm, result.loaded):
        assert told.timers[math.inf] > 0
        assert told.answers_s
    assert result.messages > 0
    assert result.refused > 0
    assert {"bomb: 1009", "oversized: 1009", "fragments: 1009"} <= result.hostile.keys()


def test_timers_that_are_late_are_seen_in_the_share_that_is_not() -> None:
    late = lag.Lag(timers={0.02: 90, lag.WANTED_S: 98, 0.1: 100, math.inf: 100})
    assert late.share(lag.WANTED_S) < lag.WANTED_SHARE
    assert (late.within_s(0.5), late.within_s(lag.WANTED_SHARE)) == (0.02, 0.1)


def test_answers_that_come_late_are_seen() -> None:
    in_time = {0.02: 100, lag.WANTED_S: 100, math.inf: 100}
    assert lag.Lag(timers=in_time, answers_s=[0.01] * 99 + [1.0]).holds()
    assert not lag.Lag(timers=in_time, answers_s=[0.01] * 98 + [1.0] * 2).holds()
