"""The page's own files, read once; nothing is ever fetched from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    body: bytes
    media_type: str
    etag: str


def load_assets() -> dict[str, Asset]:
    """Every file of the page by its name; a name that is not in here does not exist."""
    assets = {}
    for file in files(__package__).joinpath("assets").iterdir():
        body = file.read_bytes()
        assets[file.name] = Asset(
            body=body,
            media_type=_TYPES[file.name.rpartition(".")[2]],
            etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
        )
    return assets
