"""Who may come in: stations and id tokens, also those that no setting names."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.budget import SITE, booking
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.rooms import budget_of
from daemon.core.site import StationSpec
from daemon.core.station import Evse, Station, new_evse, new_station, unnamed


def admit_station(depot: Depot, station_id: str, now: Now) -> Iterator[Effect]:
    """An accepted station that no setting names gets the default fallback if there is room for it,
    else 0 A and an alert."""
    fallback_kw = 0.0 if depot.unarmed else depot.site.default_fallback_kw
    room_kw = _room_kw(depot, now)
    if fallback_kw > room_kw:
        yield from alert(
            depot,
            now,
            "no_room_for_station",
            f"station {station_id} is not in the settings and gets 0 kW: its fallback of "
            f"{fallback_kw:g} kW does not fit in the {room_kw:g} kW left below the {SITE} limit",
            station=station_id,
        )
        fallback_kw = 0.0
    spec = StationSpec(id=station_id, fallback_kw=fallback_kw, declared=False)
    depot.stations[station_id] = new_station(spec, depot.site.skew_s)


def tell_who_has_no_room(depot: Depot, now: Now) -> Iterator[Effect]:
    """After a start: these settings may leave less room than those that a stranger came under."""
    for station in depot.stations.values():
        if not station.spec.declared and station.spec.fallback_kw < depot.site.default_fallback_kw:
            text = f"station {station.id} is not in the settings, which leave its fallback no room"
            yield from alert(depot, now, "no_room_for_station", text, station=station.id)


def _room_kw(depot: Depot, now: Now) -> float:
    """What all that is booked leaves below the site's limit, soon and later, to one that loads all
    phases alike."""
    room = budget_of(depot, now)
    for station, evse in depot.evses():
        room.take(evse, booking(station, evse, now.monotonic_s, depot.site.slack_s))
    lows = [min(whole, 3 * min(each)) for whole, *each in (room.soon[SITE], room.later[SITE])]
    return max(0.0, min(lows))


def admit_evse(station: Station, evse_id: int) -> Evse:
    """The EVSE of that number; one that the station speaks of for the first time is added. What a
    station was admitted with, or the settings say of one whose connectors they do not name, goes to
    its first EVSE; there is no room known for another."""
    evse = station.evses.get(evse_id)
    if evse is None:
        first = not station.spec.evses and not station.evses
        fallback_kw = station.spec.fallback_kw if first else 0.0
        share = StationSpec(id=station.id, fallback_kw=fallback_kw)
        evse = new_evse(share, unnamed(station.spec, evse_id), station.capabilities)
        station.evses[evse_id] = evse
    return evse


def token_accepted(depot: Depot, id_token: str) -> bool:
    return depot.site.accept_unknown_tokens or depot.vehicle_of_token(id_token) is not None
