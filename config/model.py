"""What every section of the settings has in common."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

# 0 lets the system choose.
Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, Field(min_length=1, max_length=253)]
Password = Annotated[SecretStr, Field(min_length=1)]


class Section(BaseModel):
    """Strict: "31" is no number; unknown keys, NaN and infinities are refused with their path."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a listener on `host`; a name other than localhost may
    resolve to anything, so it counts as outside."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
