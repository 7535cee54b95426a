from __future__ import annotations

import pytest

from protocol.mqtt import topics


def test_paths_stand_below_the_site() -> None:
    told = [
        topics.vehicle("V01"),
        topics.route("R1"),
        topics.site_series("pv_kw"),
        topics.command("replan"),
        topics.reply("c1"),
        topics.station_state("CP01"),
        topics.vehicle_state("V01"),
        topics.DAEMON,
        topics.PLAN,
        topics.ALERTS,
    ]
    assert [topics.absolute("north", path) for path in told] == [
        "depotd/north/fleet/vehicles/V01",
        "depotd/north/fleet/routes/R1",
        "depotd/north/site/pv_kw",
        "depotd/north/commands/replan",
        "depotd/north/replies/c1",
        "depotd/north/state/stations/CP01",
        "depotd/north/state/vehicles/V01",
        "depotd/north/state/daemon",
        "depotd/north/state/plan",
        "depotd/north/alerts",
    ]


def test_the_filters_cover_all_that_the_site_hears() -> None:
    assert topics.fleet_filters("north") == (
        "depotd/north/fleet/vehicles/+",
        "depotd/north/fleet/routes/+",
        "depotd/north/site/+",
    )
    assert topics.command_filter("north") == "depotd/north/commands/+"


@pytest.mark.parametrize("site", ["", "a/b", "a+", "#", "a b", "a\n"])
def test_a_site_that_is_no_level_of_a_topic_is_refused(site: str) -> None:
    with pytest.raises(ValueError, match="site id"):
        topics.prefix(site)


@pytest.mark.parametrize(
    ("identifier", "carried"),
    [
        ("a.b/c:ü€$*>", "a.b/c:ü€$*>"),
        ("50%", "50%"),
        ("a b\t+#", "a%20b%09%2B%23"),
        ("\x00\ud800", "%00%ED%A0%80"),
    ],
)
def test_an_id_stands_as_it_is_save_what_no_topic_carries(identifier: str, carried: str) -> None:
    topic = topics.absolute("north", topics.reply(identifier))
    assert topic == f"depotd/north/replies/{carried}"
    assert topics.is_publishable(topic)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\x00", "a\nb", "x" * 65_536, "ü" * 32_768])
def test_what_may_not_be_published_on_is_known(topic: str) -> None:
    assert not topics.is_publishable(topic)


def test_a_requesters_topic_may_hold_a_blank() -> None:
    assert topics.is_publishable("desk 7/answers")


def test_topics_of_another_site_are_nobodys() -> None:
    assert topics.path_of("north", "depotd/northern/site/pv_kw") is None
    assert topics.path_of("north", "depotd/north/site/pv_kw") == "site/pv_kw"
    assert topics.is_command("north", "depotd/north/commands/replan")
    assert not topics.is_command("north", "depotd/north/site/pv_kw")
