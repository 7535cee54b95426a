from __future__ import annotations

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from daemon.adapters.http.view import State
from daemon.adapters.metrics import Metrics
from tests.adapters.http_sample import sample_state


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels in the order of their names."""
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_what_happened_is_counted() -> None:
    metrics = Metrics()
    metrics.note("station_lost", "warning")
    metrics.note("station_lost", "warning")
    metrics.event_handled("StationCalled", 0.0004)
    metrics.planned("optimal", 3.0)
    metrics.committed(0.002)
    metrics.http_refused("login")
    metrics.lagged(0.03)
    metrics.lagged(-1e-9)
    found = samples(metrics)
    assert found["depotd_notes_total", ("warning", "station_lost")] == 2
    assert found["depotd_event_seconds_bucket", ("StationCalled", "0.0005")] == 1
    assert found["depotd_event_seconds_bucket", ("StationCalled", "0.0001")] == 0
    assert found["depotd_planning_seconds_sum", ("optimal",)] == 3.0
    assert found["depotd_store_commit_seconds_count", ()] == 1
    assert found["depotd_http_refused_total", ("login",)] == 1
    assert found["depotd_loop_lag_seconds_bucket", ("0.02",)] == 1
    assert found["depotd_loop_lag_seconds_bucket", ("0.05",)] == 2


def test_the_queue_is_read_when_asked() -> None:
    metrics = Metrics()
    queue = [1, 2, 3]
    metrics.watch_queue(lambda: len(queue))
    assert samples(metrics)["depotd_queue_length", ()] == 3
    queue.pop()
    assert samples(metrics)["depotd_queue_length", ()] == 2


def test_the_state_is_read_when_asked_and_not_before() -> None:
    state = sample_state()
    reads: list[State] = []

    def read() -> State:
        reads.append(state)
        return state

    metrics = Metrics()
    metrics.watch_state(read)
    assert reads == []
    found = samples(metrics)
    assert found["depotd_site_import_limit_kw", ()] == 150
    assert found["depotd_site_import_kw", ()] == 109.3
    assert found["depotd_limit_booked_kw", ("circuit yard",)] == 66
    assert found["depotd_station_online", ("CP01",)] == 1
    assert found["depotd_station_online", ("CP06",)] == 0
    assert found["depotd_connector_limit_kw", ("1", "CP03")] == 43
    assert found["depotd_connector_fixed", ("1", "CP04")] == 1
    assert found["depotd_plan_revision", ()] == 4711
    state["site"]["import_limit_kw"] = 90.0
    assert samples(metrics)["depotd_site_import_limit_kw", ()] == 90


def test_what_is_not_known_is_left_out() -> None:
    state = sample_state()
    state["site"]["import_kw"] = None
    state["plan"] = None
    metrics = Metrics()
    metrics.watch_state(lambda: state)
    names = {name for name, _ in samples(metrics)}
    assert "depotd_site_import_limit_kw" in names
    assert not {"depotd_site_import_kw", "depotd_plan_revision"} & names
    assert ("depotd_connector_limit_kw", ("1", "CP06")) not in samples(metrics)


def test_two_metrics_share_nothing_with_each_other_or_the_world() -> None:
    one, two = Metrics(), Metrics()
    one.note("x", "info")
    assert ("depotd_notes_total", ("info", "x")) in samples(one)
    assert ("depotd_notes_total", ("info", "x")) not in samples(two)
    assert not [f.name for f in REGISTRY.collect() if f.name.startswith("depotd")]


def test_a_hostile_id_stays_one_label() -> None:
    state = sample_state()
    hostile = 'CP"} 1\ndepotd_station_online{station="forged'
    state["stations"][0]["id"] = hostile
    metrics = Metrics()
    metrics.watch_state(lambda: state)
    found = samples(metrics)
    assert found["depotd_station_online", (hostile,)] == 1
    assert ("depotd_station_online", ("forged",)) not in found


def test_the_process_itself_is_measured() -> None:
    assert samples(Metrics())["process_open_fds", ()] > 0
