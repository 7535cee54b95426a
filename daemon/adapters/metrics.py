"""Prometheus metrics in a registry of their own.

What is counted is told by the daemon as it happens; what is believed (limits, powers, stations) is
read from the state at the moment it is asked for, so it can never be stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon.adapters.http.view import State

_FAST_S = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SLOW_S = (0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0)


class Metrics:
    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._notes = Counter(
            "depotd_notes",
            "What happened, by the fixed word that the log uses too",
            ["name", "level"],
            registry=self.registry,
        )
        self._events = Histogram(
            "depotd_event_seconds",
            "Time to act on one event of the queue",
            ["event"],
            buckets=_FAST_S,
            registry=self.registry,
        )
        self._plannings = Histogram(
            "depotd_planning_seconds",
            "Time from the start of planning to its last plan, or to its failure, its being killed "
            "at the deadline, or replaced by a newer one",
            ["status"],
            buckets=_SLOW_S,
            registry=self.registry,
        )
        self._commits = Histogram(
            "depotd_store_commit_seconds",
            "Time from handing over records to their commit",
            buckets=_FAST_S,
            registry=self.registry,
        )
        self._queue = Gauge(
            "depotd_queue_length", "Events waiting in the one queue", registry=self.registry
        )
        self._log_dropped = Gauge(
            "depotd_log_lines_dropped",
            "Log lines lost since the start, as nobody read them or the disk below was full",
            registry=self.registry,
        )
        self._lag = Histogram(
            "depotd_loop_lag_seconds",
            "How late a timer of the event loop fires: what every station and deadline waits for",
            buckets=_LAG_S,
            registry=self.registry,
        )
        self._refusals = Counter(
            "depotd_http_refused",
            "HTTP requests refused, by reason: host, origin, login, body",
            ["reason"],
            registry=self.registry,
        )

    def note(self, name: str, level: str) -> None:
        """Counts a Note effect; `name` is a fixed word, never an id or a text from outside."""
        self._notes.labels(name, level).inc()

    def event_handled(self, event: str, seconds: float) -> None:
        self._events.labels(event).observe(seconds)

    def planned(self, status: str, seconds: float) -> None:
        """`status` is the last plan's, or `failed`, `killed` or `replaced`."""
        self._plannings.labels(status).observe(seconds)

    def committed(self, seconds: float) -> None:
        self._commits.observe(seconds)

    def lagged(self, seconds: float) -> None:
        """`seconds` may be less than nothing by what two clocks differ."""
        self._lag.observe(max(seconds, 0.0))

    def http_refused(self, reason: str) -> None:
        self._refusals.labels(reason).inc()

    def watch_queue(self, length: Callable[[], int]) -> None:
        self._queue.set_function(length)

    def watch_log(self, dropped: Callable[[], int]) -> None:
        self._log_dropped.set_function(dropped)

    def watch_state(self, state: Callable[[], State]) -> None:
        """Reports `state()` from now on, called on every scrape."""
        self.registry.register(_StateCollector(state))

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _StateCollector(Collector):
    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        # Without it the registry would collect at once, before there is a state.
        return []

    def collect(self) -> Iterator[Metric]:
        state = self._state()
        yield from _site(state)
        yield from _stations(state)
        yield _gauge("depotd_alerts", "Alerts shown", [((), len(state["alerts"]))])
        yield _gauge("depotd_revision", "Newest snapshot", [((), state["revision"])])
        if plan := state["plan"]:
            text = "Revision of the applied plan"
            yield _gauge("depotd_plan_revision", text, [((), plan["revision"])])


def _site(state: State) -> Iterator[Metric]:
    site = state["site"]
    for name, text, value in (
        ("import_limit_kw", "Import limit in force now", site["import_limit_kw"]),
        ("import_kw", "Import at the site's meter", site["import_kw"]),
        ("charging_kw", "Metered power of all vehicles", site["charging_kw"]),
        ("base_load_kw", "Load of the site without vehicles", site["base_load_kw"]),
        ("peak_kw", "Highest import of the billing period", site["peak_kw"]),
    ):
        yield _gauge(f"depotd_site_{name}", text, [((), value)])
    limits = state["limits"]
    for key, text, values in (
        ("limit_kw", "Limit in force now", [x["limit_kw"] for x in limits]),
        ("power_kw", "Metered power below the limit", [x["power_kw"] for x in limits]),
        (
            "booked_kw",
            "What the chargers below may draw at worst",
            [x["booked_kw"] for x in limits],
        ),
    ):
        rows = [((limit["name"],), value) for limit, value in zip(limits, values, strict=True)]
        yield _gauge(f"depotd_limit_{key}", text, rows, ["limit"])


def _stations(state: State) -> Iterator[Metric]:
    stations = state["stations"]
    online = [((station["id"],), float(station["online"])) for station in stations]
    yield _gauge("depotd_station_online", "1 while connected", online, ["station"])
    places = [
        ((station["id"], str(connector["connector"])), connector)
        for station in stations
        for connector in station["connectors"]
    ]
    labels = ["station", "connector"]
    limits = [(place, c["limit_kw"]) for place, c in places]
    yield _gauge("depotd_connector_limit_kw", "Limit accepted last", limits, labels)
    powers = [(place, c["power_kw"]) for place, c in places]
    yield _gauge("depotd_connector_power_kw", "Metered power", powers, labels)
    fixed = [(place, float(c["fixed"] is not None)) for place, c in places]
    yield _gauge("depotd_connector_fixed", "1 where the plan cannot steer", fixed, labels)


def _gauge(
    name: str,
    text: str,
    rows: Iterable[tuple[tuple[str, ...], float | None]],
    labels: Iterable[str] = (),
) -> GaugeMetricFamily:
    """Leaves out what is not known: 0 would be a lie and NaN breaks sums."""
    family = GaugeMetricFamily(name, text, labels=list(labels))
    for values, value in rows:
        if value is not None:
            family.add_metric(list(values), value)
    return family
