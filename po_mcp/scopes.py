"""What a person's access token allows: its scopes (RFC 6749, 3.3)."""

from __future__ import annotations

from typing import Literal

Scope = Literal["po:read", "po:write", "po:approve"]

READ: Scope = "po:read"
"""To read orders, the catalog, and what became of one's own writes."""
WRITE: Scope = "po:write"
"""To ask for writes."""
APPROVE: Scope = "po:approve"
"""To decide by the form of one's own client on what one asked for."""
