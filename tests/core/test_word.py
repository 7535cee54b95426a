"""What chargers surely drew, and so what the base load was at most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.events import SiteMetered
from protocol.ocpp.events import MeterValuesReported, TransactionEnded
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site

UNDECLARED_KW = 10.0


class Yard:
    """CP01 and CP02 charge below a limit of 60 kW, beside a load that nobody declared; `draws_kw`
    is what their vehicles take."""

    def __init__(self) -> None:
        self.bench = Bench.of(site(2, limit_kw=60.0, metered=True))
        self.undeclared_kw = UNDECLARED_KW
        self.draws_kw = {"CP01": 0.0, "CP02": 0.0}
        for station in self.draws_kw:
            self.bench.connect(station)
            self.bench.plug_in(station, station.replace("CP", "V"))
        self.live(5)
        self.follow(7.0)
        self.live(10)

    def follow(self, kw: float) -> None:
        """Both are ordered so much, and take it."""
        self.bench.follow({("V01", "CP01"): [kw] * 8, ("V02", "CP02"): [kw] * 8})
        self.live(2)
        self.draws_kw = {"CP01": kw, "CP02": kw}

    def hide(self, kw: float = 14.0) -> None:
        """Both are ordered more, and do not take it: as much of the load shows no more."""
        draws_kw = dict(self.draws_kw)
        self.follow(kw)
        self.draws_kw = draws_kw

    def live(self, seconds: int) -> None:
        """With a good meter of the site, once a second."""
        for second in range(seconds):
            self.bench.live(1)
            kw = self.undeclared_kw + sum(self.draws_kw.values()) + second % 2 / 100
            self.bench.apply(SiteMetered(import_kw=kw, at=self.bench.utc))

    def tell(self, *stations: str) -> None:
        """Their meters, each of this instant."""
        for station in stations:
            watts = self.draws_kw[station] * 1000
            power = MeterSample(measurand=Measurand.POWER_IMPORT, value=watts, at=self.bench.utc)
            told = MeterValuesReported(evse_id=1, transaction_id=None, samples=(power,))
            self.bench.call(station, told)

    @property
    def believed_kw(self) -> float:
        return self.bench.depot.meter.base_kw[0]


def known() -> Yard:
    """The load is known, and each charger has spoken just now."""
    yard = Yard()
    yard.live(20)
    yard.tell("CP01", "CP02")
    yard.live(10)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)
    return yard


@pytest.mark.fault(13)
def test_a_load_that_chargers_hide_in_turns_is_not_forgotten() -> None:
    """CP01 has stopped drawing and says so a minute later; meanwhile CP02 has. Each time the meter
    shows 7 kW less, which a load that is gone would show as well."""
    yard = known()
    yard.draws_kw["CP01"] = 0.0
    yard.live(50)
    yard.draws_kw["CP02"] = 0.0
    yard.tell("CP01")
    yard.draws_kw["CP01"] = 7.0
    yard.live(50)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)
    yard.tell("CP01", "CP02")
    yard.live(2)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)


@pytest.mark.fault(13)
def test_who_begins_by_its_own_will_and_is_cut_for_it_is_believed_at_its_next_word() -> None:
    """CP01 took nothing of its 22 kW. As it begins, the meter shows as much more, and makes room
    below the limit by a cut of its own; then it says what that was."""
    yard = Yard()
    yard.draws_kw = {"CP01": 0.0, "CP02": 7.0}
    yard.bench.follow({("V01", "CP01"): [22.0] * 8, ("V02", "CP02"): [22.0] * 8})
    yard.live(25)
    yard.bench.depot.stations["CP02"].evses[1].override = "charge_now"
    yard.tell("CP01", "CP02")
    yard.live(5)
    assert yard.bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.1)
    yard.draws_kw["CP01"] = 22.0
    yard.live(2)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW + 22.0, abs=0.2)
    assert yard.bench.follows_kw("CP01") < 20.0
    yard.tell("CP01")
    yard.live(1)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)


@pytest.mark.fault(13)
def test_a_load_is_gone_when_all_chargers_have_told_what_they_draw_beside_it() -> None:
    yard = known()
    yard.undeclared_kw = 1.0
    yard.live(32)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)
    yard.tell("CP01")
    yard.live(2)
    assert yard.believed_kw == pytest.approx(1.0 + 7.0, abs=0.2), "CP02 may draw nothing"
    yard.tell("CP02")
    yard.live(2)
    assert yard.believed_kw == pytest.approx(1.0, abs=0.2)


@pytest.mark.fault(13)
def test_what_chargers_drew_before_a_load_came_says_nothing_of_it() -> None:
    yard = known()
    yard.live(5)
    yard.undeclared_kw += 12.0
    yard.live(2)
    yard.tell("CP01", "CP02")
    yard.hide()
    yard.live(40)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW + 12.0, abs=0.2)


@pytest.mark.fault(13)
@pytest.mark.parametrize("breaks", ["link", "transaction", "order"])
def test_words_with_a_break_between_them_agree_on_nothing(breaks: str) -> None:
    """In between nothing may have been drawn: the station may have rebooted, another vehicle come,
    or the first have been cut for a while. The load was never gone."""
    yard = known()
    yard.draws_kw["CP01"] = 0.0
    yard.hide()
    bench = yard.bench
    if breaks == "link":
        bench.lose("CP01")
        yard.live(40)
        bench.connect("CP01")
    elif breaks == "transaction":
        ended = TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1.0)
        bench.call("CP01", ended)
        yard.live(40)
        bench.plug_in("CP01", "V01", transaction="T2")
    else:
        bench.follow({("V01", "CP01"): [0.0] * 8, ("V02", "CP02"): [14.0] * 8})
        yard.live(40)
    yard.draws_kw["CP01"] = 7.0
    yard.hide()
    yard.tell("CP01", "CP02")
    yard.draws_kw["CP01"] = 0.0
    yard.live(2)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)


@pytest.mark.fault(13)
@pytest.mark.parametrize("other", ["link", "transaction"])
def test_words_of_two_links_or_transactions_agree_on_nothing_without_an_order_either(
    other: str,
) -> None:
    yard = known()
    evse = yard.bench.depot.stations["CP01"].evses[1]
    assert evse.word is not None
    if other == "link":
        evse.word = replace(evse.word, session=None)
    else:
        evse.word = replace(evse.word, transaction="another")
    yard.live(10)
    before_kw = [held.rest_kw for held in yard.bench.depot.meter.bases]
    yard.tell("CP01")
    assert [held.rest_kw for held in yard.bench.depot.meter.bases] == before_kw


@pytest.mark.fault(13)
@pytest.mark.parametrize("draws_kw", [(0.0, 7.0), (7.0, 0.0)])
def test_of_two_words_the_lower_one_counts(draws_kw: tuple[float, float]) -> None:
    """CP01 has begun to draw, or has stopped, at some instant between them."""
    yard = known()
    before_kw, after_kw = draws_kw
    yard.draws_kw["CP01"] = before_kw
    yard.tell("CP01")
    yard.draws_kw["CP01"] = 0.0
    yard.hide()
    yard.live(35)
    yard.hide(15.0)
    yard.draws_kw["CP01"] = after_kw
    yard.tell("CP01", "CP02")
    yard.draws_kw["CP01"] = 0.0
    yard.live(2)
    assert yard.believed_kw == pytest.approx(UNDECLARED_KW, abs=0.2)


@pytest.mark.fault(13)
def test_a_mean_is_borne_out_by_the_next_one() -> None:
    """A register tells what was drawn from word to word. CP01 stopped half-way, without a word: the
    mean of 3.5 kW was not drawn at any instant."""
    yard = known()
    bench = yard.bench
    evse = bench.depot.stations["CP01"].evses[1]
    evse.told_power = False
    register_wh = 2000.0

    def tell_register(mean_kw: float, seconds: int) -> None:
        nonlocal register_wh
        register_wh += mean_kw * seconds / 3.6
        sample = MeterSample(
            measurand=Measurand.ENERGY_IMPORT_REGISTER, value=register_wh, at=bench.utc
        )
        bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(sample,)))

    tell_register(0.0, 1)
    yard.live(30)
    tell_register(7.0, 30)
    yard.live(30)
    tell_register(7.0, 30)
    yard.live(15)
    yard.draws_kw["CP01"] = 0.0
    yard.live(15)
    yard.tell("CP02")
    tell_register(3.5, 30)
    yard.live(35)
    assert yard.believed_kw >= UNDECLARED_KW - 0.2
    tell_register(0.0, 30)
    yard.live(2)
    assert yard.believed_kw >= UNDECLARED_KW - 0.2
