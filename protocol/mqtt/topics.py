"""The topics of a site: what is heard, what is told. All lie below `depotd/{site}/`.

A topic without the prefix is called a path here (`state/plan`); `absolute` makes it a topic.
"""

from __future__ import annotations

from typing import Final

VEHICLES: Final = "fleet/vehicles"
ROUTES: Final = "fleet/routes"
SITE: Final = "site"
METER: Final = "site/meter"
COMMANDS: Final = "commands"

SERIES_KEYS: Final = frozenset({"import_limit_kw", "base_load_kw", "pv_kw", "import_price_per_kwh"})
COMMAND_NAMES: Final = frozenset(
    {
        "set_limit",
        "clear_limit",
        "replan",
        "pin_route",
        "unpin_route",
        "charge_now",
        "pause",
        "resume",
        "reset_station",
    }
)

DAEMON: Final = "state/daemon"
PLAN: Final = "state/plan"
ALERTS: Final = "alerts"

MAX_TOPIC_BYTES: Final = 65_535
"""MQTT 3.1.1 and 5, 1.5.3 and 1.5.4: text is preceded by its length in two bytes."""


def vehicle(vehicle_id: str) -> str:
    return f"{VEHICLES}/{vehicle_id}"


def route(route_id: str) -> str:
    return f"{ROUTES}/{route_id}"


def site_series(key: str) -> str:
    return f"{SITE}/{key}"


def command(name: str) -> str:
    return f"{COMMANDS}/{name}"


def reply(command_id: str) -> str:
    return f"replies/{command_id}"


def station_state(station_id: str) -> str:
    return f"state/stations/{station_id}"


def vehicle_state(vehicle_id: str) -> str:
    return f"state/vehicles/{vehicle_id}"


def fleet_filters(site: str) -> tuple[str, ...]:
    """Filters of what is retained: vehicles, routes and the site's series."""
    return tuple(f"{prefix(site)}{path}/+" for path in (VEHICLES, ROUTES, SITE))


def command_filter(site: str) -> str:
    return f"{prefix(site)}{COMMANDS}/+"


def prefix(site: str) -> str:
    """`depotd/{site}/`. Raises ValueError for a site that cannot be one level of a topic."""
    if not site or "/" in site or _carried(site) != site:
        raise ValueError(f"site id {site!r}: wants text without blanks, '/', '+' and '#'")
    return f"depotd/{site}/"


def absolute(site: str, path: str) -> str:
    """The topic of a path.

    Ids stand in it as they are, save the characters that a topic cannot carry everywhere: '+' and
    '#' are wildcards (MQTT 4.7.1) and the embedded broker ends the connection over a blank, so
    these, and control characters, are percent-encoded.
    """
    return prefix(site) + _carried(path)


def path_of(site: str, topic: str) -> str | None:
    """What follows the site's prefix, None for a topic of somebody else."""
    start = prefix(site)
    return topic.removeprefix(start) if topic.startswith(start) else None


def is_command(site: str, topic: str) -> bool:
    return topic.startswith(f"{prefix(site)}{COMMANDS}/")


def is_meter(site: str, topic: str) -> bool:
    return path_of(site, topic) == METER


def is_publishable(topic: str) -> bool:
    """Whether MQTT lets a client publish on a topic that somebody else chose (4.7, 1.5.4)."""
    if not topic or any(c in "+#" or not c.isprintable() for c in topic):
        return False
    return len(topic.encode()) <= MAX_TOPIC_BYTES


def _carried(text: str) -> str:
    return "".join(
        "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass"))
        if c in "+#" or c.isspace() or not c.isprintable()
        else c
        for c in text
    )
