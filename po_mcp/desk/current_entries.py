"""The entries that a write names, as the ERP shows them now: the list that they were found in may be hours old."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from po_mcp.desk.catalog import Catalog, Entry, Kind
from po_mcp.errors import ERPError, PurchaseOrderError, SignInFailed, TooManyRequests, Unreachable

_MAX_READ_ALONE = 8
_ROWS_PER_PAGE = 200
"""About the rows that one request for a list brings: beyond so many entries the list itself is read with fewer."""


@dataclass(frozen=True)
class Current:
    """What is known now of the entries that a write names.

    Args:
        entries: by id, what the ERP showed of them just now.
        is_list_new: the list was read again, so the words must be looked up in it again.
        age: seconds since the list was read, where the ERP gave nothing newer; else None.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    is_list_new: bool = False
    age: float | None = None


async def read_current(catalog: Catalog, kind: Kind, named: Sequence[Entry]) -> Current:
    """Read the named entries, unless their list is fresh; read the list where that is less, or one has changed."""
    if catalog.is_fresh(kind) or not named:
        return Current()
    pages = -(-len(await catalog.entries(kind)) // _ROWS_PER_PAGE)
    try:
        if len(named) <= max(_MAX_READ_ALONE, pages) and (found := await _read_unchanged(catalog, named)) is not None:
            return Current(entries=found)
        await catalog.entries(kind, refresh=True)
    except ERPError:
        # Its age becomes a reason for a person to see the order.
        return Current(age=catalog.age(kind))
    return Current(is_list_new=True)


async def _read_unchanged(catalog: Catalog, named: Sequence[Entry]) -> Mapping[str, Entry] | None:
    """Return the entries by their ids; None where one has changed, is gone or cannot be read alone.

    Raises:
        Unreachable, TooManyRequests, SignInFailed: the ERP cannot be asked now.
    """
    try:
        found = await catalog.read_now(named)
    except (Unreachable, TooManyRequests, SignInFailed):
        # Who does not answer for one entry is not asked for the whole list.
        raise
    except PurchaseOrderError:
        return None
    if not all(now is not None and is_unchanged(before, now) for before, now in zip(named, found, strict=True)):
        return None
    return {now.id: now for now in found if now is not None and now.id is not None}


def is_unchanged(before: Entry, now: Entry) -> bool:
    """Tell whether an entry is what it was, whatever its price."""
    # Another price is taken as it is now, and changes nothing of what the words mean. No words are ids of orders.
    aside = {"price": None, "other_ids": ()}
    return before.model_copy(update=aside) == now.model_copy(update=aside)
