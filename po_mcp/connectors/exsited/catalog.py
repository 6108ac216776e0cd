"""Exsited's suppliers, items and warehouses in our words. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from po_mcp.connectors.exsited import schemas
from po_mcp.connectors.exsited.translate import status_of
from po_mcp.orders import Item, Vendor, Warehouse

_SUPPLIERS = ("supplier", "customer_and_supplier")


def convert_vendors(accounts: Iterable[schemas.Account]) -> tuple[Vendor, ...]:
    """Read the suppliers out of the accounts; one without a type may be a supplier."""
    return tuple(
        Vendor(
            id=account.id,
            name=account.display_name or account.name or account.id,
            currency=account.currency,
            active=_is_active(account.status),
        )
        for account in accounts
        if account.type is None or account.type.casefold() in _SUPPLIERS
    )


def convert_items(rows: Iterable[schemas.Item]) -> tuple[Item, ...]:
    """Read items.

    None has a price: no page says which one, for buying or for selling, a row would tell.
    """
    return tuple(
        Item(
            id=row.id,
            name=row.name or row.display_name or row.id,
            code=row.display_name if row.name else None,
            unit=row.uom,
            active=_is_active(row.status),
        )
        for row in rows
    )


def convert_warehouses(rows: Iterable[schemas.Warehouse]) -> tuple[Warehouse, ...]:
    """Read warehouses, each once. Its name is its id: an order's line names it so."""
    return tuple(Warehouse(id=name, name=name) for name in dict.fromkeys(row.name for row in rows))


def _is_active(status: str | None) -> bool:
    return status is None or status_of(status) == "open"
