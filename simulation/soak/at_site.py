"""What is done to a whole site: its daemon, store, planner, clock, grid and meter."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from simulation.soak.at_stations import Do
from simulation.soak.blame import SITE_WIDE
from simulation.soak.meter import Ill
from simulation.soak.scenario import Scenario
from simulation.soak.settings import other_settings

if TYPE_CHECKING:
    from simulation.soak.world import World


def order(world: World, rng: Random) -> str | None:
    return SITE_WIDE if world.grid.order(rng.random(), rng.uniform(200, 1200)) else None


def kill(*, reset: bool, down_s: tuple[float, float]) -> Do:
    def do(world: World, rng: Random) -> str | None:
        if world.daemon is None:
            return None

        async def life() -> None:
            await world.kill_daemon(reset=reset)
            await asyncio.sleep(rng.uniform(*down_s))
            world.start_daemon()

        world.background(life())
        return SITE_WIDE

    return do


def settings(world: World, rng: Random) -> str | None:
    """Not while something is going on that other settings may leave no room for."""

    def may_be_changed(scenario: Scenario) -> bool:
        is_steady = not (world.clock.offset_s or world.is_anything_unseen)
        return is_steady and scenario.sure_kw <= world.grid.ordered_kw

    scenario = other_settings(world.scenario, rng)
    if world.daemon is None or not may_be_changed(scenario):
        return None

    async def life() -> None:
        await world.kill_daemon(reset=rng.random() < 0.7)
        await asyncio.sleep(rng.uniform(2, 60))
        if may_be_changed(scenario):
            world.changeover.begin(scenario)
        world.start_daemon()

    world.background(life())
    return SITE_WIDE


def daemon_clock(world: World, rng: Random) -> str | None:
    """UTC steps, and back after a while, as a clock does that is set by hand and then by NTP."""
    if world.clock.offset_s or world.is_anything_unseen:
        return None
    world.clock.offset_s = rng.choice([-3600.0, 3600.0, -30.0, 30.0, -7.0, 7.0])
    world.grid.forget()

    def back() -> None:
        world.clock.offset_s = 0.0

    world.loop.call_later(rng.uniform(60, 900), back)
    return SITE_WIDE


def store_full(world: World, rng: Random) -> str | None:
    world.store.refuses = True
    world.loop.call_later(rng.uniform(5, 300), setattr, world.store, "refuses", False)
    return SITE_WIDE


def store_slow(world: World, rng: Random) -> str | None:
    world.store.slow_s = rng.uniform(0.2, 5.0)
    world.loop.call_later(rng.uniform(5, 120), setattr, world.store, "slow_s", 0.0)
    return SITE_WIDE


def planner(what: str, value: float) -> Do:
    def do(world: World, rng: Random) -> str | None:
        setattr(world.planner, what, value)
        world.loop.call_later(rng.uniform(60, 600), setattr, world.planner, what, 0)
        return SITE_WIDE

    return do


def surge(world: World, rng: Random) -> str | None:
    kw = world.scenario.site.import_limit_kw * rng.uniform(0.03, 0.2)
    if not world.can_bear_unseen(kw):
        return None
    world.grid.surge(kw)
    world.loop.call_later(rng.uniform(30, 900), world.grid.surge, 0.0)
    return SITE_WIDE


def cloud(world: World, rng: Random) -> str | None:
    return SITE_WIDE if world.sun.cloud(rng.uniform(0.0, 0.5), rng.uniform(30, 600)) else None


def meter(ill: Ill) -> Do:
    """Not while something is drawn that only the meter shows."""

    def do(world: World, rng: Random) -> str | None:
        if not world.meter.can_be_trusted or world.is_anything_unseen:
            return None
        world.meter.fall_ill(ill)
        world.loop.call_later(rng.uniform(10, 600), setattr, world.meter, "ill", None)
        return SITE_WIDE

    return do


def second(*, lost: bool) -> Do:
    def do(world: World, rng: Random) -> str | None:
        if world.daemon is None:
            return None
        world.start_second(lost=lost)
        return SITE_WIDE

    return do
