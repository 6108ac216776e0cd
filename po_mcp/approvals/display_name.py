"""What people read of somebody who has signed in: text from outside, made safe to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from po_mcp.untrusted import visible

_MAX_CHARS = 80


def display_name(claims: Mapping[str, Any], subject: str) -> str:
    """Return what the issuer calls somebody, else their subject."""
    given = [claims.get(claim) for claim in ("name", "preferred_username")]
    name = next((one for one in given if isinstance(one, str) and one.strip()), subject)
    return visible(name.strip(), _MAX_CHARS)
