"""Wrong logins cost: who guesses is soon no longer listened to, and whom he guesses at goes on.

A bucket for each name that is tried and one for each address that tries. Where a name has come in
from an address before, those two share a bucket of their own, so that a stranger's tries keep no
station from its own place.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

# A technician who mistypes gets in; a million tries take four months.
BURST: Final = 10.0
PER_S: Final = 0.1
# Of names and addresses; the one that was quiet for longest is forgotten first.
MOST: Final = 10_000
TELL_EVERY_S: Final = 60.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float

    def level(self, now_s: float) -> float:
        return min(BURST, self.tokens + (now_s - self.at_s) * PER_S)


class Guesses:
    """Times are monotonic seconds. Bounded, whatever is tried."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._at_home: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._told_s: float | None = None
        self._untold = 0

    def wait_s(self, name: str, address: str, now_s: float) -> float:
        """Seconds until a login as `name` from `address` is looked at again; 0: now."""
        lowest = min(
            bucket.level(now_s) if (bucket := self._buckets.get(key)) is not None else BURST
            for key in self._keys(name, address)
        )
        return 0.0 if lowest >= 1.0 else (1.0 - lowest) / PER_S

    def wrong(self, name: str, address: str, now_s: float) -> None:
        self._untold += 1
        for key in self._keys(name, address):
            bucket = self._buckets.pop(key, None) or _Bucket(BURST, now_s)
            self._buckets[key] = _Bucket(max(0.0, bucket.level(now_s) - 1.0), now_s)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)

    def right(self, name: str, address: str) -> None:
        """This is where `name` belongs."""
        pair = (name, _network(address))
        self._at_home.pop(pair, None)
        self._at_home[pair] = None
        while len(self._at_home) > MOST:
            self._at_home.popitem(last=False)

    def to_tell(self, name: str, address: str, now_s: float) -> str | None:
        """A sentence for the operator, about once a minute while somebody is being refused."""
        if self._told_s is not None and now_s - self._told_s < TELL_EVERY_S:
            return None
        self._told_s = now_s
        count, self._untold = self._untold, 0
        return (
            f"{count} wrong logins, the last one as {name[:48]} from {address}; who guesses is no "
            "longer listened to"
        )

    def _keys(self, name: str, address: str) -> list[tuple[str, str]]:
        network = _network(address)
        if (name, network) in self._at_home:
            return [(name, network)]
        return [(name, ""), ("", network)]


def _network(address: str) -> str:
    """Of IPv6 the half that a network has for itself: its addresses cost nothing."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if ip.version == 4:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False))
