"""The law: what is truly drawn never exceeds the limit, whatever stations, links and we do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, StationSpec
from tests.core.bench import site
from tests.core.yard import Toy, Yard

LIMIT_KW = 60.0
PINS = {"A": None, "B": None, "C": Keeps.NOTHING}


def yard(rng: random.Random, classes: str, *, limit_kw: float = LIMIT_KW) -> Yard:
    """One toy a letter; who forgets everything is known to do so, the rest has to be learned."""
    toys = [
        Toy(name=f"CP{i:02d}", keeps=keeps, lag_s=rng.uniform(0, 8), phases=rng.choice([1, 3, 3]))
        for i, keeps in enumerate(classes, 1)
    ]
    spec = site(len(toys), limit_kw=limit_kw)
    fallback_kw = rng.choice([0.0, 4.2])
    stations = tuple(
        StationSpec(
            id=toy.name,
            fallback_kw=fallback_kw,
            evses=(EvseSpec(connector=1, max_kw=toy.max_kw),),
            pinned=PINS[toy.keeps],
        )
        for toy in toys
    )
    made = Yard(replace(spec, stations=stations), toys, rng)
    for n, toy in enumerate(toys, 1):
        made.connect(toy.name)
        made.run(1)
        made.plug_in(toy.name, f"V{n:02d}")
    made.run(10)
    return made


def random_plan(rng: random.Random, yard: Yard) -> None:
    """A plan within the limit: a few at some power, each for a while."""
    room = LIMIT_KW
    powers = {}
    names = list(yard.toys)
    rng.shuffle(names)
    for name in names:
        kw = min(rng.choice([0.0, 6.9, 11.0, 22.0]), room)
        room -= kw
        powers[(name.replace("CP", "V"), name)] = [kw, kw * rng.choice([0.0, 0.5, 1.0])] * 6
    yard.bench.follow(powers, minutes=rng.choice([2, 5]))


@pytest.mark.parametrize("classes", ["AAAAAA", "AAABBB", "AABBC", "AAAAC"])
@pytest.mark.parametrize("seed", range(2))
def test_the_true_draw_never_exceeds_the_limit(classes: str, seed: int) -> None:
    rng = random.Random(f"{classes} {seed}")
    world = yard(rng, classes)
    world.loss, world.delay_s = rng.choice([0.0, 0.2]), rng.choice([0.2, 3.0])
    over: list[tuple[float, float]] = []

    def watch(world: Yard) -> None:
        if world.total_kw > LIMIT_KW + 0.01:
            over.append((world.now_s, world.total_kw))

    world.on_second = watch
    for _ in range(15):
        random_plan(rng, world)
        for _ in range(3):
            world.run(rng.uniform(5, 30))
            if rng.random() < 0.5:
                name = rng.choice(list(world.toys))
                world.lose(name, rng.choice([3.0, 40.0, 200.0]), reboots=rng.random() < 0.4)
    assert not over, f"{classes} seed {seed}: {len(over)} s over, first {over[:3]}"
    assert world.drawn_kw_s > 0.0
