"""Which phases an EVSE loads, and how much of its power each of them may carry at worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from daemon.core.station import Evse
from protocol.ocpp.model import RateUnit

Draw = tuple[float, float, float, float]
"""kW as a whole, and on phases 1, 2 and 3."""

ALL = frozenset({1, 2, 3})
UNLIMITED = float("inf")
# A phase that carries nothing shows less than this; no vehicle charges with less than 6 A.
USED_A = 2.0
SAMPLES_TO_LEARN = 3
# Vehicles are made for 16 A on one to three phases, or for 32 A on one or on three.
SMALL_A = 16.0
# A vehicle is told with 7.4 kW where 32 A on one phase are 7.36.
TOLD_ABOUT = 1.05
# Of what it is told a vehicle that takes all of it takes at least so much.
LEAST_TAKEN = 0.9


def of_limit(kw: float, site_phases: int) -> Draw:
    """A limit as room: a third of it on each phase, or all of it where there is but one."""
    each_kw = kw / 3 if site_phases == 3 else UNLIMITED
    return (kw, each_kw, each_kw, each_kw)


def shares(evse: Evse) -> Draw:
    """What of each kW that an EVSE is told may flow as a whole and on each phase, at worst.

    Amperes are told per phase, so whatever vehicle stands there, none carries more than its part,
    and one that has but one phase takes a third of the whole. Watts are told as a sum, which a
    single-phase vehicle may take from one phase alone. Until it is known which one that is, every
    phase is booked.
    """
    spec, in_amperes = evse.spec, evse.capabilities.unit is RateUnit.AMPERES
    return _shares(spec.phases, spec.rotation, evse.phases_used, in_amperes)


@lru_cache(maxsize=1024)
def _shares(
    wired: int, rotation: tuple[int, ...] | None, seen: frozenset[int] | None, in_amperes: bool
) -> Draw:
    """Asked for several times an EVSE in every round, and there are but few answers."""
    whole = 1.0
    if wired in (0, 3) and (in_amperes or wired == 0 or seen == ALL):
        each = 1 / 3
    else:
        each = 1 / (wired or 1) if in_amperes else 1.0
    if wired and seen and in_amperes:
        whole = min(len(seen) / wired, 1.0)
    used = _site_phases(wired, rotation, seen)
    first, second, third = (each if phase in used else 0.0 for phase in (1, 2, 3))
    return (whole, first, second, third)


def draw(evse: Evse, kw: float) -> Draw:
    """What `kw` told to `evse` is on each phase; no phase carries more than it is wired for. What
    it falls back to counts for any vehicle: the next one may be there before we hear of it."""
    spec, in_amperes = evse.spec, evse.capabilities.unit is RateUnit.AMPERES
    return _draw(
        kw, evse.floor_kw, spec.max_kw, spec.phases, spec.rotation, evse.phases_used, in_amperes
    )


@lru_cache(maxsize=4096)
def _draw(
    kw: float,
    floor_kw: float,
    max_kw: float,
    wired: int,
    rotation: tuple[int, ...] | None,
    seen: frozenset[int] | None,
    in_amperes: bool,
) -> Draw:
    """Asked for some five times an EVSE in every round, of but few powers."""
    told = _on_wires(kw, max_kw, wired, _shares(wired, rotation, seen, in_amperes))
    floor_kw = min(floor_kw, kw)
    if floor_kw == 0 or seen in (None, ALL):
        return told
    floor = _on_wires(floor_kw, max_kw, wired, _shares(wired, rotation, None, in_amperes))
    a, b, c, d = map(max, told, floor)
    return (a, b, c, d)


def lopsided(evse: Evse, drawn: Draw) -> Draw:
    """Of what is drawn that by which the phases may differ: nothing of a vehicle on all of them, of
    one whose phases are not known yet, or of direct current."""
    used = evse.phases_used or frozenset(range(1, evse.spec.phases + 1))
    if len(used) in (0, 3):
        return (0.0, 0.0, 0.0, 0.0)
    _, first, second, third = drawn
    return (0.0, first, second, third)


def flow(evse: Evse, kw: float) -> Draw:
    """The same with the vehicle that stands there."""
    return _on_wires(kw, evse.spec.max_kw, evse.spec.phases, shares(evse))


def is_guessed(evse: Evse) -> bool:
    """Whether the vehicle that stands there may load other phases than `flow` counts it on."""
    whole, *each = shares(evse)
    is_known = evse.phases_used is not None or evse.spec.phases < 2
    return not is_known or sum(each) > whole * (1 + 1e-9)


def _on_wires(kw: float, max_kw: float, wired: int, parts: Draw) -> Draw:
    # Who takes more than its rating does so on all of its phases.
    wired_kw = max(max_kw, kw) / (wired or 3)
    whole, first, second, third = parts
    if kw <= wired_kw:  # no share is more than all of it
        return (kw * whole, kw * first, kw * second, kw * third)
    most = (min(kw * first, wired_kw), min(kw * second, wired_kw), min(kw * third, wired_kw))
    return (kw * whole, *most)


def most_kw(evse: Evse, rooms: Iterable[Draw]) -> float:
    """The most that `evse` may be told so that it fits each of `rooms`."""
    wired_kw = _wired_kw(evse)
    whole, first, second, third = shares(evse)
    most = UNLIMITED
    for left_kw, a, b, c in rooms:
        most = min(most, left_kw / whole)
        if a >= wired_kw and b >= wired_kw and c >= wired_kw:
            continue
        for share, left in ((first, a), (second, b), (third, c)):
            if left < wired_kw and share > 0:
                most = min(most, left / share)
    return most


def unevenness(evse: Evse) -> float:
    """How many times as much room the vehicle that stands there takes on its fullest phase as one
    that loads all three alike: 1 to 3."""
    if evse.phases_used is None and evse.phases_shown:
        return evse.spec.phases / evse.phases_shown
    whole, *each = shares(evse)
    return 3 * max(each) / whole


def fuller(evse: Evse) -> float:
    """How many times as much as is booked for it the fullest phase carries of what is drawn, as
    the last two samples showed it: a vehicle on one phase, where all three are booked alike, takes
    a third of what it was told when that phase is full."""
    whole, *each = shares(evse)
    return max(1.0, min(evse.fullest) * whole / max(each)) if evse.spec.phases else 1.0


def drawn_kw(evse: Evse, told_kw: float) -> float:
    """What the vehicle that stands there takes at most when so much is told."""
    return told_kw * shares(evse)[0]


def told_kw(evse: Evse, drawn_kw: float) -> float:
    """What has to be told so that the vehicle that stands there may take so much."""
    return min(drawn_kw / shares(evse)[0], evse.spec.max_kw)


def hoped_kw(evse: Evse, drawn_kw: float) -> float:
    """The same where it is not known on which phases that vehicle is: on as few as it has shown.
    All that it is told is booked for it on every phase."""
    if evse.phases_used is None and evse.phases_shown:
        drawn_kw *= evse.spec.phases / evse.phases_shown
    return told_kw(evse, drawn_kw)


def show(evse: Evse, metered_kw: float, told_kw: float, vehicle_kw: float) -> bool:
    """Notes on how many phases a vehicle takes all that it is told, which says nothing of what it
    might take on others; True where that is news. One of 7.4 kW on a connector of three phases of
    32 A would be told 10.7 A, and take 2.5 kW on its only one for ever."""
    wired, before = evse.spec.phases, evse.phases_shown
    if evse.capabilities.unit is not RateUnit.AMPERES or wired < 2 or told_kw <= 0:
        return False
    part = metered_kw / told_kw * wired
    for count in range(1, wired):
        suffices = vehicle_kw <= count * _wired_kw(evse) * TOLD_ABOUT
        if suffices and LEAST_TAKEN * count <= part <= TOLD_ABOUT * count:
            evse.phases_shown = count
    if evse.phases_shown and part > TOLD_ABOUT * evse.phases_shown:
        evse.phases_shown = 0
    return evse.phases_shown != before


def learn(
    evse: Evse, currents_a: Mapping[str, float], vehicle_kw: float, *, voltage_v: float
) -> bool:
    """Notes which of the station's phases carry a vehicle's current; True where that is news.

    A phase counts at once when it carries something, and no longer only after several samples in
    a row in which others did, and where the vehicle, which takes `vehicle_kw` at most, has no use
    for it: one that is made for three phases and has lost two may have them back at any moment.
    One phase alone tells nothing of a vehicle that is not charging.
    """
    shown_kw = max(evse.phase_shown_kw, max(currents_a.values(), default=0.0) * voltage_v / 1000)
    evse.phase_shown_kw = shown_kw
    before = evse.phases_used
    if before is not None and not _suffice(evse, before, vehicle_kw, voltage_v):
        evse.phases_used = None
    each_a = [currents_a[name] for name in ("L1", "L2", "L3") if name in currents_a]
    if sum(each_a) >= USED_A and len(each_a) >= evse.spec.phases:
        evse.fullest = (evse.fullest[1], min(max(each_a) / sum(each_a), 1.0))
    carrying = frozenset(i for i in (1, 2, 3) if currents_a.get(f"L{i}", 0.0) >= USED_A)
    if max(carrying, default=0) > (evse.spec.phases or 3):
        forget(evse)  # it goes by the site's names, and not by those of its own phases
        return before is not None
    if not carrying or len(currents_a) < evse.spec.phases:
        return evse.phases_used != before
    if before is not None and not carrying <= before:
        evse.phases_used, evse.phase_samples = None, 0
    evse.phase_seen |= carrying
    evse.phase_samples += 1
    if evse.phase_samples >= SAMPLES_TO_LEARN:
        seen = evse.phase_seen
        evse.phases_used = seen if _suffice(evse, seen, vehicle_kw, voltage_v) else None
        evse.phase_seen, evse.phase_samples = frozenset(), 0
    return evse.phases_used != before


def forget(evse: Evse) -> None:
    """Another vehicle may stand there."""
    evse.phases_used, evse.phase_seen, evse.phase_samples = None, frozenset(), 0
    evse.phase_shown_kw, evse.phases_shown = 0.0, 0
    evse.fullest = (0.0, 0.0)


def _suffice(evse: Evse, seen: frozenset[int], vehicle_kw: float, voltage_v: float) -> bool:
    """Whether these phases carry all that a vehicle can take: 11 kW on two may be three of 16 A of
    which one is lost, and 7.4 kW on one two of 16 A, unless that one was seen with more."""
    if len(seen) >= (evse.spec.phases or 3):
        return True
    small_kw = SMALL_A * voltage_v / 1000
    is_large = len(seen) == 1 and evse.phase_shown_kw > small_kw * TOLD_ABOUT
    each_kw = _wired_kw(evse) if is_large else min(_wired_kw(evse), small_kw)
    return vehicle_kw <= len(seen) * each_kw * TOLD_ABOUT


def _wired_kw(evse: Evse) -> float:
    return evse.spec.max_kw / (evse.spec.phases or 3)


def _site_phases(
    wired: int, rotation: tuple[int, ...] | None, seen: frozenset[int] | None
) -> frozenset[int]:
    """The site's phases that may carry current: those used, where it is known which is which."""
    if rotation is None:
        return ALL
    used = seen or frozenset(range(1, (wired or 3) + 1))
    return frozenset(rotation[phase - 1] for phase in used)
