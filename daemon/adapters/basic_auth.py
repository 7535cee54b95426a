"""HTTP Basic credentials (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def admits(authorization: str | None, user: str, password: str) -> bool:
    """Whether an `Authorization` header is this user with this password. Both halves are compared
    at once, as a user may hold the colon that parts them, and the time it takes tells nothing
    about either."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    wanted = f"{user}:{password}".encode()
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(wanted).digest())
