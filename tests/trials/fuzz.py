"""Hostile frames against connection, core and store encoder, in memory, by the million.

Each frame goes the way of a real one: a `Connection` reads it, the depot applies the event, its
records are encoded for the store, and the reply is written. Whatever raises is an escape; so is a
readable CALL that gets no answer, or more than one.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from daemon.adapters.store.errors import StoreRefused
from daemon.adapters.store.rows import Encoder
from daemon.core.apply import apply
from daemon.core.depot import Depot
from daemon.core.effects import Reply, Save
from daemon.core.events import Event, StationCalled, StationConnected
from daemon.core.instant import Now
from daemon.core.keeping import new_depot
from protocol.ocpp.commands import ResetStation
from protocol.ocpp.connection import Close, Connection, Incoming, Output, SendText
from protocol.ocpp.model import Version
from tests.core.bench import site
from tests.trials.frames import frames

START = datetime(2026, 11, 20, 16, tzinfo=UTC)
STATION = "CP01"
# A station may speak of hundreds of connectors, each of which makes every frame after it slower.
FRAMES_PER_DEPOT = 500
SHOWN = 5


@dataclass
class Trial:
    """One version's conversation with one depot after another."""

    version: Version
    rng: random.Random
    frames: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Always the same id, so that answers that are made up happen to answer something.
        self._connection = Connection(self.version, new_id=lambda: "ours")
        self._encoder = Encoder("sqlite")
        self._source = frames(self.version, self.rng)
        self._now_s = 0.0
        self._new_depot()

    def run(self, many: int) -> None:
        for text in islice(self._source, many):
            self.frames += 1
            if self.frames % FRAMES_PER_DEPOT == 0:
                self._new_depot()
            self._now_s += 0.05
            try:
                answers = self._take(text)
            except Exception:
                self.escapes.append(f"{text[:2000]}\n{traceback.format_exc()}")
                continue
            if is_call(text) and answers != 1:
                self.unanswered.append(f"{answers} answers to {text[:2000]}")

    def _new_depot(self) -> None:
        self._depot: Depot = new_depot(site(2))
        connected = StationConnected(station=STATION, session=1, version=self.version)
        self._apply(connected)

    def _take(self, text: str) -> int:
        """How many answers it got."""
        if not self._connection.busy and self.rng.random() < 0.01:
            self._connection.send(ResetStation(), self._now_s)
        return sum(self._answer(output) for output in self._connection.receive(text, self._now_s))

    def _answer(self, output: Output) -> int:
        self.outcomes[type(output).__name__] += 1
        match output:
            case Incoming():
                called = StationCalled(
                    station=STATION, session=1, call_id=output.call_id, event=output.event
                )
                replies = self._apply(called)
                for reply in replies:
                    json.loads(self._connection.reply(output.call_id, reply.reply))
                return len(replies)
            case SendText() | Close():
                return 1
        return 0

    def _apply(self, event: Event) -> list[Reply]:
        now = Now(utc=START + timedelta(seconds=self._now_s), monotonic_s=self._now_s)
        effects = apply(self._depot, event, now)
        for effect in effects:
            if isinstance(effect, Save):
                try:
                    self._encoder.write(effect.record)
                except StoreRefused:
                    self.outcomes["refused by the store"] += 1
        return [effect for effect in effects if isinstance(effect, Reply)]


def is_call(text: str) -> bool:
    """Whether anybody could tell that it is a CALL."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(frame, list) and frame[:1] == [2] and frame[0] is not True


def rss_mib(process: int | str = "self") -> float:
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    trials = [Trial(version, random.Random(f"{args.seed} {version}")) for version in Version]
    began_s, warm_mib, done = time.process_time(), 0.0, 0
    step = max(1, min(50_000, args.frames // (10 * len(trials))))
    while done < args.frames:
        for trial in trials:
            trial.run(step)
        done += step * len(trials)
        warm_mib = warm_mib or rss_mib()
        if sys.stderr.isatty() or done % (20 * step) == 0:
            print(f"{done} frames, {rss_mib():.1f} MiB", file=sys.stderr, flush=True)
    escapes = [text for trial in trials for text in trial.escapes]
    unanswered = [text for trial in trials for text in trial.unanswered]
    outcomes = sum((trial.outcomes for trial in trials), Counter[str]())
    print(f"seed {args.seed}: {done} frames in {time.process_time() - began_s:.0f} s of one core")
    print(f"escapes {len(escapes)}, CALLs without exactly one answer {len(unanswered)}")
    print("outcomes " + ", ".join(f"{name} {n}" for name, n in outcomes.most_common()))
    print(f"memory {warm_mib:.1f} MiB after the first step, {rss_mib():.1f} MiB at the end")
    for found in [*escapes[:SHOWN], *unanswered[:SHOWN]]:
        print(found)
    return 1 if escapes or unanswered else 0


if __name__ == "__main__":
    raise SystemExit(main())
