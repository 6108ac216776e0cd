"""The version of Exsited's API for each call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from po_mcp.errors import ConfigurationError

Call = Literal[
    "list", "get", "create", "cancel", "delete", "accounts", "items", "warehouses", "purchase_invoices", "item_receipts"
]

API_VERSIONS: Mapping[str, str] = {
    "list": "v3",
    "get": "v3",
    "create": "v3",
    "cancel": "v3",
    "delete": "v3",
    "accounts": "v3",
    "items": "v3",
    # The vendor's Python client reads these under v2 (`exsited` 1.0.40).
    "warehouses": "v2",
    "purchase_invoices": "v2",
    "item_receipts": "v2",
}
"""The versions that the vendor documents or its clients use; an installation may differ."""

_VERSION = re.compile(r"v[0-9]{1,2}", re.ASCII)


def merge_versions(changes: Mapping[str, str]) -> Mapping[str, str]:
    """Return the version of every call, with the changes of one installation.

    Raises:
        ConfigurationError: a change names no call, or gives no version.
    """
    for call, version in changes.items():
        if call not in API_VERSIONS:
            raise ConfigurationError(f"PO_MCP_API_VERSIONS: no call named {call}. Calls: {', '.join(API_VERSIONS)}")
        if not _VERSION.fullmatch(version):
            raise ConfigurationError(f"PO_MCP_API_VERSIONS: {call} needs a version such as v3")
    return {**API_VERSIONS, **changes}


class Paths:
    """The path of each call of one installation.

    Args:
        changes: calls that it serves under another version, such as `{"create": "v2"}`.

    Raises:
        ConfigurationError: as `merge_versions`.
    """

    def __init__(self, changes: Mapping[str, str]) -> None:
        self._versions = merge_versions(changes)
        self.accounts = self.build("accounts", "/accounts")
        self.items = self.build("items", "/items")
        self.warehouses = self.build("warehouses", "/settings/warehouses")

    def build(self, call: Call, noun: str = "/purchase-orders") -> str:
        """Return the path of a call for a noun of the API."""
        return f"/api/{self._versions[call]}{noun}"
