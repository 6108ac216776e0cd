"""Conversion of Inventory Pro's vendors, items and warehouses to the records of `orders`. No I/O."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from po_mcp.connectors.inventory_pro import schemas
from po_mcp.orders import Item, ItemWithoutId, Vendor, Warehouse


def convert_vendors(rows: Iterable[schemas.Vendor], ids: Mapping[str, int]) -> tuple[Vendor, ...]:
    """Convert vendors; `ids` (name -> vendorID) fills in ids that the rows lack.

    A name of `ids` without a row is a vendor, too: the ERP's user may not see every vendor.
    """
    # People type these names, so blanks and case may differ from the ERP's.
    known = {_comparison_key(name): vendor_id for name, vendor_id in ids.items()}
    listed = tuple(_convert_rows(rows, known))
    seen = {_comparison_key(vendor.name) for vendor in listed}
    unseen = {_comparison_key(name): name for name in ids if _comparison_key(name) not in seen}
    return (*listed, *(Vendor(id=str(known[key]), name=name) for key, name in unseen.items()))


def convert_items(rows: Iterable[schemas.Item]) -> tuple[Item, ...]:
    """Convert items; those without the id that an order's line needs are left out."""
    return tuple(
        Item(
            id=row.short_id,
            name=row.description or row.short_id,
            code=row.part_no,
            unit=row.unit,
            active=not row.discontinued,
        )
        for row in rows
        if row.short_id
    )


def convert_items_without_id(rows: Iterable[schemas.Item]) -> tuple[ItemWithoutId, ...]:
    """Convert the items that `convert_items` leaves out; those without a name and a code are none."""
    return tuple(
        ItemWithoutId(name=name, code=row.part_no, unit=row.unit, active=not row.discontinued)
        for row in rows
        if not row.short_id and (name := row.description or row.part_no)
    )


def convert_warehouses(rows: Iterable[schemas.Location]) -> tuple[Warehouse, ...]:
    """Return the warehouses of the storage places, each once; one is active as long as one of its places is."""
    names: dict[str, str] = {}
    active: set[str] = set()
    for row in rows:
        names[row.warehouse_id] = names.get(row.warehouse_id) or row.warehouse_name or ""
        if row.active is not False:
            active.add(row.warehouse_id)
    return tuple(Warehouse(id=number, name=name or number, active=number in active) for number, name in names.items())


def _convert_rows(rows: Iterable[schemas.Vendor], known: Mapping[str, int]) -> Iterator[Vendor]:
    for row in rows:
        # A vendor without a name is still found by its code.
        name = row.name or row.short_id
        if name is None:
            continue
        vendor_id = row.vendor_id if row.vendor_id is not None else known.get(_comparison_key(name))
        yield Vendor(
            id=None if vendor_id is None else str(vendor_id),
            code=row.short_id,
            name=name,
            active=row.active is not False,
        )


def _comparison_key(name: str) -> str:
    """Return the key for comparing vendors' names, without regard to blanks, letter case and HTML entities."""
    return " ".join(unicodedata.normalize("NFC", html.unescape(name)).split()).casefold()
