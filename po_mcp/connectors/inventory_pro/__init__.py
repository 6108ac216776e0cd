"""Inventory Pro by CISS, API v1 (https://cissltd.com/docs/api/)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from po_mcp.config_values import bare
from po_mcp.connectors.declaration import ConnectorSettings, Declaration, OpenTokenStore, Setting

if TYPE_CHECKING:
    from po_mcp.connectors.inventory_pro.client import InventoryPro as InventoryPro


def _connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> InventoryPro:
    from po_mcp.connectors.http.transport import build_transport
    from po_mcp.connectors.inventory_pro.client import InventoryPro

    url, client_id, secret = settings.credentials()
    return InventoryPro(
        url,
        client_id,
        secret,
        timeout=settings.timeout,
        transport=build_transport(settings, url),
        company=settings.company,
        zone=settings.zone(),
        vendor_ids=settings.erp_settings["vendor_ids"],
    )


def _parse_vendor_ids(value: object) -> dict[str, int]:
    """Return vendor name to vendorID: the value itself where it is a table, else what the file of that name holds."""
    if isinstance(value, Mapping):
        table: Any = dict(value)
    else:
        import tomllib  # read late: it is one setting that few make

        path = Path(os.path.expanduser(str(bare(value))))
        try:
            # Editors on Windows may begin a file with a byte order mark.
            text = path.read_text(encoding="utf-8-sig")
            table = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        except (OSError, ValueError, RecursionError) as exc:
            raise ValueError("must name a readable .toml or .json file") from exc
    if not isinstance(table, dict) or not all(type(vendor_id) is int and vendor_id > 0 for vendor_id in table.values()):
        raise ValueError('must name a file with lines such as "Acme Fasteners" = 12')
    return table


DECLARATION = Declaration(
    name="inventory-pro",
    title="Inventory Pro",
    connect=_connect,
    rights="needs Create/Modify PO (SecurityID 42)",
    settings=(Setting("vendor_ids", _parse_vendor_ids, default={}, is_file=True),),
)


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: the declaration alone is read at every start."""
    if name != "InventoryPro":
        raise AttributeError(name)
    from po_mcp.connectors.inventory_pro.client import InventoryPro

    return InventoryPro
