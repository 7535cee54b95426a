"""Telling systemd how we are: the protocol of sd_notify(3), by the standard library."""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Mapping


class Notifier:
    """One datagram for each message; without an address every method does nothing.

    `ready` raises OSError where systemd cannot be reached: a start that it does not hear of is
    none. The others return False then, and wait for nothing: a systemd that hangs or has gone
    restarts nobody, so there is no reason to end what controls the chargers.
    """

    def __init__(self, environment: Mapping[str, str], pid: int | None = None) -> None:
        """`environment`: NOTIFY_SOCKET, and WATCHDOG_USEC with WATCHDOG_PID (sd_watchdog_enabled).

        `pid` is our own where it is not given.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with @ for the zero byte that its name begins with.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._sender: socket.socket | None = None
        own_pid = str(os.getpid() if pid is None else pid)
        ours = environment.get("WATCHDOG_PID", own_pid) == own_pid
        timeout_us = int(environment.get("WATCHDOG_USEC", "0")) if ours and address else 0
        # The time between two `watchdog()` that keeps systemd from killing us; None: not watched.
        self.watchdog_s = timeout_us / 1e6 if timeout_us > 0 else None

    def ready(self, status: str = "") -> None:
        # A full queue must not stop the daemon for longer than systemd takes to read it.
        self._send("READY=1", *_status(status), wait_s=1.0)

    def starting(self, seconds: float) -> bool:
        """The start goes on for at least so long: it is not to be taken for one that hangs."""
        return self._tried(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def reloading(self) -> bool:
        """Type=notify-reload wants it at the start of a reload, and `reloaded` at its end."""
        # systemd compares it with its own CLOCK_MONOTONIC, which is Python's clock on Linux.
        return self._tried("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> bool:
        return self._tried("READY=1")

    def stopping(self, status: str = "") -> bool:
        return self._tried("STOPPING=1", *_status(status))

    def watchdog(self) -> bool:
        return self._tried("WATCHDOG=1")

    def status(self, text: str) -> bool:
        return self._tried(*_status(text))

    def _tried(self, *lines: str) -> bool:
        try:
            self._send(*lines)
        except OSError:
            return False
        return True

    def _send(self, *lines: str, wait_s: float = 0.0) -> None:
        if not self._address:
            return
        if self._sender is None:
            # Kept open: when descriptors run out the watchdog must still be fed.
            self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            weakref.finalize(self, self._sender.close)
        self._sender.settimeout(wait_s)
        # Not connected: systemd makes its socket anew when it executes itself anew.
        self._sender.sendto("\n".join(lines).encode(), self._address)


def _status(text: str) -> tuple[str, ...]:
    """A newline would begin another field."""
    return ("STATUS=" + " ".join(text.split()),) if text else ()
