"""When the site's meter cannot be trusted, and what counts then."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.events import SiteMetered
from daemon.core.instant import Now
from daemon.core.site_meter import LEAPS
from daemon.core.station import FRESH_SAMPLES

# A reading that stays the same to the last digit while chargers change by this much stands still.
FROZEN_KW = 2.0
# Three leaps of half of the limit in this time are no meter's.
LEAPS_S = 30.0
# What a meter showed before it went blind counts so long: a load that nobody declared may still be
# there. With us dead chargers have their fallbacks after a lease, whatever it was; so they have
# here when somebody has had the time to look.
LAST_S = 900.0


def watch(depot: Depot, now: Now) -> Iterator[Effect]:
    """Tells once when the meter cannot be trusted, and once when it can again. Blind, the site
    falls to what is declared, and nothing is raised above its fallback; what the meter showed last
    counts for a while yet."""
    meter = depot.meter
    if not depot.site.metered:
        return
    if meter.since_s is None:
        meter.since_s = now.monotonic_s
    why = _blindness(depot, now)
    if why == meter.blind:
        if meter.last_until_s is not None and now.monotonic_s >= meter.last_until_s:
            yield from _give_up(depot, now)
        return
    was, meter.blind = meter.blind, why
    depot.dirty = True
    depot.trigger.ask("site meter", now.monotonic_s)
    if why is None:
        meter.last_until_s = None
        yield from alert(depot, now, "meter_back", "the site's meter is back", severity="info")
        return
    if was is None:
        meter.last_until_s = now.monotonic_s + LAST_S
    text = f"the site's meter {why}: the declared base load counts, and nothing is raised"
    if meter.stage:
        what = ("", "all chargers fall back", "all chargers are stopped")[meter.stage]
        text += (
            f"; it showed an overload, and {what} until it is back, or for {LAST_S / 60:g} min: "
            "switch off what drew too much"
        )
    yield from alert(depot, now, "meter_blind", text, severity="critical")


def _give_up(depot: Depot, now: Now) -> Iterator[Effect]:
    """Nobody knows any more whether what the meter showed is still so. The site is as it would be
    with us dead: fallbacks beside the highest declared base load, which arming has room for."""
    meter = depot.meter
    depot.dirty = True
    meter.give_up()
    text = f"the site's meter is blind since {LAST_S / 60:g} min: what it showed counts no more"
    if meter.stage:
        meter.stage = 1
        text += ", and chargers have their fallbacks though it showed an overload last"
    yield from alert(depot, now, "meter_blind", text, severity="critical")


def due_s(depot: Depot) -> float | None:
    meter = depot.meter
    if meter.blind is not None:
        return meter.last_until_s
    if not depot.site.metered or meter.heard_s is None:
        return None
    return meter.heard_s + depot.site.meter_stale_s


def _blindness(depot: Depot, now: Now) -> str | None:
    meter = depot.meter
    heard_s = meter.heard_s if meter.heard_s is not None else meter.since_s
    if heard_s is not None and now.monotonic_s >= heard_s + depot.site.meter_stale_s:
        return f"has said nothing for {depot.site.meter_stale_s:g} s"
    if meter.stands_still:
        return "shows the same while chargers change"
    recent = [s for s in meter.leaps if s > now.monotonic_s - LEAPS_S]
    return "leaps to and fro" if len(recent) >= LEAPS else None


def watch_standstill(depot: Depot, event: SiteMetered, now: Now) -> None:
    meter = depot.meter
    charging_kw = sum(evse.power_kw for _, evse in depot.evses())
    if (event.import_kw, event.phases_a) != (meter.import_kw, meter.phases_a):
        meter.same_s, meter.same_kw, meter.stands_still = now.monotonic_s, charging_kw, False
    elif now.monotonic_s < meter.same_s + FRESH_SAMPLES * depot.site.sample_s:
        meter.same_kw = charging_kw  # chargers tell late what the meter has shown already
    else:
        meter.stands_still |= abs(charging_kw - meter.same_kw) > FROZEN_KW


def watch_leaps(depot: Depot, event: SiteMetered, now: Now) -> None:
    meter = depot.meter
    leap_kw = 0.0 if meter.import_kw is None else abs(event.import_kw - meter.import_kw)
    if leap_kw > depot.site.import_limit_kw / 2:
        meter.leaps.append(now.monotonic_s)
