"""Inventory Pro by CISS, API v1 (https://cissltd.com/docs/api/)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from po_mcp.connectors.declaration import ConnectorSettings, Declaration, OpenTokenStore, Setting

if TYPE_CHECKING:
    from po_mcp.connectors.inventory_pro.client import InventoryPro as InventoryPro


def _connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> InventoryPro:
    from po_mcp.connectors.inventory_pro.client import InventoryPro

    url, client_id, secret = settings.credentials()
    return InventoryPro(
        url,
        client_id,
        secret,
        timeout=settings.timeout,
        company=settings.company,
        zone=settings.zone(),
        vendor_ids=settings.erp_settings["vendor_ids"],
    )


def _parse_vendor_ids(value: object) -> dict[str, int]:
    """Return vendor name to vendorID: the value itself where it is a table, else what the file of that name holds."""
    if isinstance(value, Mapping):
        table: Any = dict(value)
    else:
        path = Path(str(value)).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
            table = json.loads(text) if path.suffix == ".json" else _parse_toml(text)
        except (OSError, ValueError) as exc:
            raise ValueError("must name a readable .toml or .json file of vendor name = vendorID") from exc
    if not isinstance(table, dict) or not all(type(number) is int and number > 0 for number in table.values()):
        raise ValueError('must hold lines such as "Acme Fasteners" = 12, each id a whole number')
    return table


def _parse_toml(text: str) -> dict[str, Any]:
    import tomllib  # read late: most starts have no file

    return tomllib.loads(text)


DECLARATION = Declaration(
    name="inventory-pro",
    title="Inventory Pro",
    connect=_connect,
    rights="the ERP's user needs Create/Modify PO (SecurityID 42)",
    settings=(Setting("vendor_ids", _parse_vendor_ids, default={}),),
)


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: the declaration alone is read at every start."""
    if name != "InventoryPro":
        raise AttributeError(name)
    from po_mcp.connectors.inventory_pro.client import InventoryPro

    return InventoryPro
