"""Inventory Pro's vendors, items and warehouses in our words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from po_mcp.connectors.inventory_pro import wire
from po_mcp.orders import Item, Vendor, Warehouse


def vendors(rows: Iterable[wire.Vendor], ids: Mapping[str, int]) -> tuple[Vendor, ...]:
    """Read vendors, their ids filled in from `ids` (name -> vendorID) where the rows carry none.

    A name of `ids` that no row has is a vendor all the same: the ERP's user may not see every one.
    """
    known = {name.casefold(): vendor_id for name, vendor_id in ids.items()}
    listed = tuple(_vendors(rows, known))
    seen = {vendor.name.casefold() for vendor in listed}
    added = (Vendor(id=str(ids[name]), name=name) for name in ids if name.casefold() not in seen)
    return (*listed, *added)


def items(rows: Iterable[wire.Item]) -> tuple[Item, ...]:
    """Read items; those that are discontinued, or without the id that an order's line takes, are left out."""
    return tuple(
        Item(
            id=row.short_id,
            name=row.description or row.short_id,
            code=None if row.part_no is None else str(row.part_no),
            unit=row.unit or None,
        )
        for row in rows
        if row.short_id and not row.discontinued
    )


def warehouses(rows: Iterable[wire.Location]) -> tuple[Warehouse, ...]:
    """Read the warehouses that the storage places lie in, each once."""
    names: dict[int, str] = {}
    for row in rows:
        names[row.warehouse_id] = names.get(row.warehouse_id) or row.warehouse_name or ""
    return tuple(Warehouse(id=str(number), name=name or str(number)) for number, name in names.items())


def _vendors(rows: Iterable[wire.Vendor], known: Mapping[str, int]) -> Iterator[Vendor]:
    for row in rows:
        name = row.name or row.short_id
        if name is None:
            continue
        vendor_id = row.vendor_id if row.vendor_id is not None else known.get(name.casefold())
        yield Vendor(
            id=None if vendor_id is None else str(vendor_id),
            code=row.short_id,
            name=name,
            active=row.active is not False,
        )
