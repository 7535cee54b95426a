"""What a plan leaves undone is told once."""

from __future__ import annotations

from datetime import timedelta

from daemon.core.effects import Effect, StartPlanning
from daemon.core.events import PlanReady
from planner.plan import Shortfall, Unserved
from tests.core.bench import START, Bench, site
from tests.core.test_messages import order
from tests.core.test_planning import plan_of

NIGHT = Unserved(route="R-night", reason="no vehicle is back before 22:00")
SHORT = Shortfall(vehicle="V1", at=START + timedelta(hours=8), route="R-early", kwh=4.25)


def alerts_of(
    bench: Bench, unserved: tuple[Unserved, ...] = (), shortfalls: tuple[Shortfall, ...] = ()
) -> list[tuple[str, str]]:
    """Kind and text of what is told when such a plan is followed."""
    order(bench, "replan", f"c{bench.depot.revision}")
    (request,) = [e for e in bench.wait(60) if isinstance(e, StartPlanning)]
    plan = plan_of(request.snapshot, unserved=unserved, shortfalls=shortfalls)
    told = len(bench.depot.alerts)
    effects: list[Effect] = bench.apply(PlanReady(revision=plan.revision, plan=plan, final=True))
    assert effects
    return [(a.kind, a.text) for a in list(bench.depot.alerts)[told:]]


def test_a_route_that_nobody_drives_and_energy_that_lacks_are_told_once_with_their_reasons() -> (
    None
):
    bench = Bench.of(site(1))
    bench.connect("CP01")
    ((kind, text),) = alerts_of(bench, (NIGHT,), (SHORT,))
    assert kind == "plan_lacks"
    assert "R-night is not driven: no vehicle is back before 22:00" in text
    assert "V1 lacks 4.2 kWh for R-early at 2" in text
    assert alerts_of(bench, (NIGHT,), (SHORT,)) == []
    assert alerts_of(bench, (NIGHT,)) == []
    assert alerts_of(bench, (NIGHT,), (SHORT,)) == []
    ((kind, text),) = alerts_of(bench, (NIGHT, Unserved(route="R-new", reason="no energy")))
    assert (kind, text) == ("plan_lacks", "R-new is not driven: no energy")


def test_a_plan_that_lacks_nothing_again_is_told_and_what_lacks_after_it_is_news() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    assert alerts_of(bench) == []
    assert [kind for kind, _ in alerts_of(bench, (NIGHT,))] == ["plan_lacks"]
    assert [kind for kind, _ in alerts_of(bench)] == ["plan_whole"]
    assert alerts_of(bench) == []
    assert [kind for kind, _ in alerts_of(bench, (NIGHT,))] == ["plan_lacks"]


def test_of_many_routes_an_alert_names_five_and_counts_the_rest() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    many = tuple(Unserved(route=f"R{i}", reason="no energy") for i in range(12))
    ((_, text),) = alerts_of(bench, many)
    assert text.endswith("R4 is not driven: no energy; and 7 more")
