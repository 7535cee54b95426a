"""Power cuts: what a disk may hold when unsynced writes are lost, torn or scrambled.

SQLite in WAL mode with synchronous=FULL writes a commit's pages to the log and syncs it before the
commit returns; a checkpoint then copies pages into the database and syncs that before the log is
begun anew, and the new log's header is synced before the rest (sqlite.org/wal.html). So what may be
on the disk at a cut between two commits is the state after the first, with any part of what changed
in the log since; or, while a checkpoint runs, the whole log with any part of what changed in the
database. Each such image must open, whole, with every acknowledged commit in it, and with the one
under way entirely or not at all.

Assumed, as SQLite does (sqlite.org/psow.html): a write that is cut short harms no byte beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daemon.adapters.store import Store, StoreError
from daemon.core.records import Fact, Record

SECTOR = 512
# Of the log (sqlite.org/fileformat2.html, 4.1).
HEADER = 32
# Small, so that checkpoints come often: as many pages as a few commits write.
CHECKPOINT_PAGES = 30


@dataclass(frozen=True, slots=True)
class Disk:
    """The bytes of database and log."""

    database: bytes
    log: bytes

    @classmethod
    def of(cls, path: Path) -> Disk:
        return cls(path.read_bytes(), Path(f"{path}-wal").read_bytes())

    def write(self, path: Path) -> None:
        path.write_bytes(self.database)
        Path(f"{path}-wal").write_bytes(self.log)
        Path(f"{path}-shm").unlink(missing_ok=True)


@dataclass
class Result:
    images: int = 0
    checkpoints: int = 0
    had_the_next: int = 0
    problems: list[str] = field(default_factory=list)


async def run(folder: Path, images: int, seed: int, per_commit: int = 20) -> Result:
    """`images` in all, `per_commit` of them between any two commits."""
    rng, result = random.Random(seed), Result()
    live, image = folder / "live.db", folder / "image.db"
    with Store.open(f"sqlite:///{live}") as store:
        with store._owning.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        before, acknowledged = await _commit(store, live, 0, rng), 0
        while result.images < images:
            after = await _commit(store, live, acknowledged + 1, rng)
            result.checkpoints += before.database != after.database
            for disk in _images(before, after, rng, min(per_commit, images - result.images)):
                disk.write(image)
                result.images += 1
                problem, newest = _look(image, acknowledged, through_store=result.images % 50 == 0)
                result.had_the_next += newest == acknowledged + 1
                if problem is not None:
                    result.problems.append(f"after commit {acknowledged}: {problem}")
            before, acknowledged = after, acknowledged + 1
    return result


async def _commit(store: Store, path: Path, number: int, rng: random.Random) -> Disk:
    """Each commit changes one row and adds two, which belong together."""
    padding = "x" * rng.choice((10, 500, 5000))
    records: list[Record] = [
        Fact(kind="newest", key="", value=number),
        Fact(kind="left", key=str(number), value=padding),
        Fact(kind="right", key=str(number), value=padding),
    ]
    await store.commit(records)
    return Disk.of(path)


def _images(before: Disk, after: Disk, rng: random.Random, many: int) -> Iterator[Disk]:
    for _ in range(many):
        if before.database != after.database and rng.random() < 0.5:
            yield Disk(_torn(before.database, after.database, rng), after.log)
        else:
            yield Disk(before.database, _torn_log(before.log, after.log, rng))


def _torn_log(before: bytes, after: bytes, rng: random.Random) -> bytes:
    """A log that is begun anew has its header synced before anything else of it is overwritten."""
    header = slice(0, HEADER)
    if before[header] == after[header]:
        return _torn(before, after, rng)
    if rng.random() < 0.3:
        return _torn(before[header], after[header], rng) + before[HEADER:]
    return _torn(after[header] + before[HEADER:], after, rng)


def _torn(before: bytes, after: bytes, rng: random.Random) -> bytes:
    """`before` with a part of what makes it `after`: up to a byte, or any sectors in any order,
    some of them scrambled."""
    length = max(len(before), len(after))
    old, new = before.ljust(length, b"\0"), after.ljust(length, b"\0")
    changed = [
        at for at in range(0, length, SECTOR) if old[at : at + SECTOR] != new[at : at + SECTOR]
    ]
    if not changed:
        return before
    image = bytearray(old)
    if rng.random() < 0.5:
        cut = rng.randrange(changed[0], changed[-1] + SECTOR + 1)
        image[changed[0] : cut] = new[changed[0] : cut]
        return bytes(image[: max(len(before), min(cut, len(after)))])
    for at in rng.sample(changed, rng.randrange(len(changed) + 1)):
        image[at : at + SECTOR] = new[at : at + SECTOR]
    for at in rng.sample(changed, rng.choice((0, 0, 1, min(3, len(changed))))):
        for i in range(at, min(at + SECTOR, length)):
            if old[i] != new[i]:
                image[i] = rng.randrange(256)
    least, most = sorted((len(before), len(after)))
    return bytes(image[: rng.choice((least, most, rng.randint(least, most)))])


def _look(path: Path, acknowledged: int, *, through_store: bool) -> tuple[str | None, int]:
    """What is wrong with the image, and the newest commit in it."""
    try:
        if through_store:
            with Store.open(f"sqlite:///{path}") as store:
                facts = [(f.kind, f.key, json.dumps(f.value)) for f in store.load().facts]
        else:
            facts = _rows(path)
    except (StoreError, sqlite3.Error) as error:
        return f"cannot be read: {error}", -1
    newest = next((int(value) for kind, _, value in facts if kind == "newest"), -1)
    for kind in ("left", "right"):
        keys = {int(key) for found, key, _ in facts if found == kind}
        if keys != set(range(newest + 1)):
            return f"torn: newest is {newest}, {kind} has {len(keys)} rows", newest
    if newest not in (acknowledged, acknowledged + 1):
        return f"lost: newest is {newest}", newest
    return None, newest


def _rows(path: Path) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise sqlite3.DatabaseError(found[0])
        return connection.execute("SELECT kind, key, value FROM facts").fetchall()
    finally:
        connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), args.images, args.seed))
    print(
        f"seed {args.seed}: {result.images} images, {result.checkpoints} checkpoints, "
        f"{result.had_the_next} with the commit under way; {len(result.problems)} problems"
    )
    for problem in result.problems[:10]:
        print(problem)
    return 1 if result.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
