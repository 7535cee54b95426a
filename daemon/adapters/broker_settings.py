"""What the embedded broker is told: `nats-server`'s settings for MQTT and nothing else."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
"""A plan of a large depot is about 1 MB; a client that sends more than this is disconnected."""
MAX_STORE_BYTES: Final = 1024**3


def write_settings(
    file: Path, *, host: str, port: int, user: str | None, password: str | None
) -> None:
    """Makes `file` anew, for its owner only; the broker keeps its own files beside it."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        settings = _settings(file.parent, host, port, user, password)
        json.dump(settings, stream, ensure_ascii=False, indent=1)


def _settings(
    folder: Path, host: str, port: int, user: str | None, password: str | None
) -> dict[str, object]:
    """The server cannot be told not to listen for NATS clients: so on loopback, any port, and for a
    user who may use MQTT only."""
    only = {
        "user": user or "fleet",
        "password": password or secrets.token_urlsafe(),
        "allowed_connection_types": ["MQTT"],
    }
    mqtt: dict[str, object] = {
        "host": host,
        "port": port,
        # Unacknowledged messages come again this long after our return, not after 30 s.
        "ack_wait": "2s",
        "max_ack_pending": 100,
    }
    if user is None:
        mqtt["no_auth_user"] = only["user"]
    return {
        "server_name": "depotd",
        "host": "127.0.0.1",
        "port": -1,
        "logtime": False,
        "max_payload": MAX_PAYLOAD_BYTES,
        "authorization": {"users": [only]},
        "jetstream": {
            "store_dir": str(folder),
            "max_file_store": MAX_STORE_BYTES,
            # Each message is on the disk when it is acknowledged: 0.4 ms instead of 0.3 ms.
            "sync_interval": "always",
        },
        "mqtt": mqtt,
    }
