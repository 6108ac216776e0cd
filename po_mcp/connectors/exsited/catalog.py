"""Conversion of Exsited's suppliers, items and warehouses to the records of `orders`. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from po_mcp.connectors.exsited import schemas
from po_mcp.connectors.exsited.translate import status_of
from po_mcp.orders import Item, ItemWithoutId, Vendor, Warehouse

_SUPPLIERS = ("supplier", "customer_and_supplier")


def convert_vendors(accounts: Sequence[schemas.Account]) -> tuple[Vendor, ...]:
    """Convert the accounts that are suppliers, those without an id, too; an account without a type may be one."""
    # A uuid that several accounts have names none of them.
    known = Counter(word for account in accounts for word in {account.id, account.uuid} if word)
    return tuple(
        Vendor(
            id=account.id,
            name=name,
            # Either is what its people call it (https://developer.exsited.com, Account).
            other_name=account.name if account.display_name and account.name != account.display_name else None,
            currency=account.currency,
            active=_is_active(account.status),
            other_ids=tuple(one for one in _other_ids(account) if known[one] == 1),
        )
        for account in accounts
        if _is_supplier(account) and (name := account.display_name or account.name or account.id)
    )


def count_nameless(accounts: Iterable[schemas.Account]) -> int:
    """Count the suppliers without a name and an id, of which nothing can be shown."""
    return sum(
        _is_supplier(account) and not (account.display_name or account.name or account.id) for account in accounts
    )


def convert_items(rows: Iterable[schemas.Item]) -> tuple[Item, ...]:
    """Convert items, without prices; those without the id that an order's line needs are left out."""
    # No page documents whether a row's price is for buying or for selling.
    return tuple(
        Item(
            id=row.id,
            name=row.name or row.display_name or row.id,
            code=row.display_name if row.name else None,
            unit=row.uom,
            active=_is_active(row.status),
            other_ids=_other_ids(row),
        )
        for row in rows
        if row.id
    )


def convert_items_without_id(rows: Iterable[schemas.Item]) -> tuple[ItemWithoutId, ...]:
    """Convert the items that `convert_items` leaves out; those without a name are none."""
    return tuple(
        ItemWithoutId(
            name=name,
            code=row.display_name if row.name else None,
            unit=row.uom,
            active=_is_active(row.status),
        )
        for row in rows
        if not row.id and (name := row.name or row.display_name)
    )


def convert_warehouses(rows: Iterable[schemas.Warehouse]) -> tuple[Warehouse, ...]:
    """Convert warehouses, each once. The id is the name, by which an order's line refers to a warehouse."""
    return tuple(Warehouse(id=name, name=name) for name in dict.fromkeys(row.name for row in rows))


def _other_ids(row: schemas.Account | schemas.Item) -> tuple[str, ...]:
    return (row.uuid,) if row.uuid and row.uuid != row.id else ()


def _is_supplier(account: schemas.Account) -> bool:
    return account.type is None or account.type.casefold() in _SUPPLIERS


def _is_active(status: str | None) -> bool:
    return status is None or status_of(status) == "open"
