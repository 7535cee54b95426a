"""A depot in virtual time: stations, vehicles, a grid, and a daemon that comes and goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from functools import partial
from random import Random
from typing import Any

from daemon.adapters.store.errors import StoreInUse
from daemon.core.depot import Depot as Beliefs
from simulation.soak.blame import Blame
from simulation.soak.cable import Cable
from simulation.soak.changeover import Changeover
from simulation.soak.daemon import Daemon
from simulation.soak.grid import Grid
from simulation.soak.journal import Journal
from simulation.soak.ledger import Ledger, Place
from simulation.soak.loop import VirtualClock
from simulation.soak.memory import MemoryStore
from simulation.soak.meter import Meter
from simulation.soak.outlet import VOLTAGE_V, Outlet
from simulation.soak.planner import VirtualPlanner
from simulation.soak.scenario import ORDERED, Scenario, Setup, scenario, wired
from simulation.soak.station import Station
from simulation.soak.sun import Sun
from simulation.soak.talk import Talk
from simulation.soak.traffic import Traffic
from simulation.soak.unseen import Unseen

RESTART_S = 5.0
MAX_FAILURES = 5


class World:
    """Everything of one run; what goes wrong in it is done by `faults`."""

    def __init__(self, setup: Setup) -> None:
        self.loop = asyncio.get_running_loop()
        self.setup = setup
        self.scenario: Scenario = scenario(setup)
        self.clock = VirtualClock(self.loop)
        self.journal = Journal(self.loop)
        self.store = MemoryStore(self.chance("store"))
        self.planner = VirtualPlanner(self.chance("planner"), setup.algorithm)
        self.faults: Counter[str] = Counter()
        self.failures: list[str] = []
        self.liars_until_s = 0.0
        self.daemon: Daemon | None = None
        self.beliefs: Beliefs | None = None
        self._lives = 0
        self.changeover = Changeover(self)
        self._served: dict[str, Daemon] = {}
        self._firsts: list[Daemon] = []
        self._background: dict[asyncio.Task[None], None] = {}
        self.blame = Blame(self)
        self.ledger = Ledger(
            self.scenario.limits_kw(), self.scenario.lines(), on_breach=self.blame.breached
        )
        self.unseen = Unseen(self)
        self._rated_kw = self.scenario.rated_kw()
        self.stations = {make.id: self._station(make.id) for make in self.scenario.makes}
        self.meter = Meter(self)
        self.sun = Sun(self)
        self.grid = Grid(self)
        self.traffic = Traffic(self)
        self.start_daemon()
        rng = self.chance("start")
        for station in self.stations.values():
            self.loop.call_later(rng.uniform(0, 20), station.talk.connect)

    def chance(self, name: str) -> Random:
        """Randomness of its own for each thing, so that one more shifts no other."""
        return Random(f"{self.setup.seed}/{name}")

    def start_daemon(self) -> None:
        if self.daemon is None:
            self._start()

    def _start(self) -> bool:
        self._lives += 1
        self.journal.write("daemon", f"starts, life {self._lives}")
        try:
            self.daemon = Daemon(
                self.scenario.site,
                self.store,
                self.planner,
                self.clock,
                self.journal,
                run_id=str(self._lives),
            )
        except StoreInUse as error:
            self.journal.write("daemon", f"does not start: {error}")
            return False
        except Exception as error:
            self._defect(error)
            return False
        self.beliefs = self.daemon.controller.depot
        self.ledger.machine(True)
        self.daemon.main.add_done_callback(self._daemon_ended)
        self.traffic.tell_all()
        return True

    def start_second(self, *, lost: bool) -> None:
        """Beside the one that runs. `lost`: the first one's session with the store has broken, so
        that the second gets it; the first has to end at its next commit. Else the second one does
        not start."""
        first, self.daemon = self.daemon, None
        assert first is not None, "a second daemon wants a first"
        if lost:
            self.store.owner = None
        second_planner = VirtualPlanner(
            self.chance(f"planner/{self._lives + 1}"), self.setup.algorithm
        )
        planner, self.planner = self.planner, second_planner
        if self._start():
            self._firsts.append(first)
            first.main.add_done_callback(partial(self._first_ended, first))
        else:
            self.daemon, self.planner = first, planner

    def _first_ended(self, first: Daemon, _: asyncio.Task[None]) -> None:
        self.journal.write("daemon", f"the first one ended: {first.failure!r}")
        self.background(first.kill())
        for name, served in self._served.items():
            cable = self.stations[name].talk.cable
            if served is first and cable is not None:
                cable.cut()

    async def kill_daemon(self, *, reset: bool) -> None:
        """`reset`: its machine tells the peers, as after a kill -9; else it is just gone."""
        daemon, self.daemon = self.daemon, None
        if daemon is None:
            return
        self.journal.write("daemon", "killed")
        self.ledger.machine(reset)
        for station in self.stations.values():
            cable = station.talk.cable
            if cable is not None and reset:
                cable.cut()
            elif cable is not None:
                cable.half_open = True
        await daemon.kill()

    def open_cable(self, station: str, talk: Talk) -> Cable | None:
        if self.daemon is None:
            return None

        def closed() -> None:
            if talk.cable is cable:
                talk.link_closed()

        def heard(text: str) -> None:
            if talk.cable is cable:
                talk.hear(text)

        def seen(direction: str, text: str) -> None:
            self.journal.write(station, f"{direction} {text}")

        cable = Cable(self.chance(f"{station}/link"), on_text=heard, on_closed=closed, seen=seen)
        self._served[station] = self.daemon
        self.changeover.heard(station)
        self.daemon.accept(cable, station, self.stations[station].make.version)
        return cable

    @property
    def grace_s(self) -> float:
        """For how long a station that nobody can reach may draw what it was lent."""
        return self.changeover.grace_s

    @property
    def is_anything_unseen(self) -> bool:
        return self.unseen.kw > 0 or self.loop.time() < self.liars_until_s

    def can_bear_unseen(self, kw: float) -> bool:
        """Whether the guard could make room for so much once the meter has shown it."""
        if not self.meter.can_be_trusted or self.is_anything_unseen:
            return False
        limit_kw = min(self.ledger.lines[ORDERED].limit_kw, self.scenario.site.import_limit_kw)
        return self.scenario.sure_kw + kw < 0.95 * limit_kw

    def _station(self, name: str) -> Station:
        make = next(make for make in self.scenario.makes if make.id == name)
        spec = next(spec for spec in self.scenario.site.stations if spec.id == name)
        outlets = [
            Outlet(
                evse.connector,
                max_kw=evse.max_kw,
                # What 6 A are, whatever the settings round it to.
                min_kw=evse.min_kw if make.direct else 6 * evse.phases * VOLTAGE_V / 1000,
                phases=evse.phases,
                on_power=partial(self._power, name),
                rotation=make.rotation,
                connectors=make.connectors,
                blocks=make.blocks,
                begins=make.begins,
                tells_phases=make.tells_phases,
            )
            for evse in wired(make, spec)
        ]
        return Station(
            make,
            outlets,
            rng=self.chance(name),
            clock=self.clock,
            open_cable=partial(self.open_cable, name),
            tell=self.journal.write,
        )

    def take_settings(self, scenario: Scenario) -> None:
        """Of the same depot: who stands below which limit, and takes how much at most."""
        self.scenario = scenario
        self._rated_kw = scenario.rated_kw()
        self.ledger.regroup(scenario.lines())

    def look_again(self) -> None:
        """What is seen, and below which limit, has changed."""
        for name, station in self.stations.items():
            for outlet in station.outlets.values():
                self._power(name, outlet)

    def _power(self, station: str, outlet: Outlet) -> None:
        place: Place = (station, outlet.number)
        wanted_kw = min(outlet.wanted_kw, self._rated_kw.get(place, outlet.max_kw))
        wanted_kw = wanted_kw if self.stations[station].powered else 0.0
        seen_kw = 0.0 if self.changeover.is_unheard(station) else outlet.metered_kw
        unseen_kw = outlet.kw - seen_kw
        circuit = self.ledger.nearest(place)
        self.unseen.put(place, unseen_kw, outlet.on_phases(unseen_kw), circuit)
        self.ledger.draw(place, outlet.on_phases(outlet.kw), outlet.on_phases(wanted_kw))
        self.blame.look(place, outlet.metered_kw)

    def _daemon_ended(self, task: asyncio.Task[None]) -> None:
        """By itself: a defect, after which systemd starts it anew."""
        daemon = self.daemon
        if daemon is None or daemon.main is not task or daemon.failure is None:
            return
        self._defect(daemon.failure)

    def _defect(self, error: BaseException) -> None:
        """Told for the first few times: one that ends at every start does so for ever."""
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(f"{self.loop.time():.3f} s: the daemon ended: {error!r}")
        self.background(self._restart())

    def background(self, coroutine: Coroutine[None, None, None]) -> None:
        """Something that takes its time, such as a death and a return."""
        task = asyncio.ensure_future(coroutine)
        self._background[task] = None
        task.add_done_callback(lambda done: self._background.pop(done, None))

    def failed(self, context: dict[str, Any]) -> None:
        """What the loop could tell nobody else: a defect, of the daemon's or of ours."""
        error = context.get("exception")
        self.failures.append(f"{self.loop.time():.3f} s: {context['message']}: {error!r}")

    async def end(self) -> None:
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for first in self._firsts:
            await first.kill()
        if self.daemon is not None:
            daemon, self.daemon = self.daemon, None
            await daemon.kill()

    async def _restart(self) -> None:
        await self.kill_daemon(reset=True)
        await asyncio.sleep(RESTART_S)
        self.start_daemon()
