"""What else surely names the vendor and the items of a new order, when the ERP shows that order.

Some ERPs take an order by one id and show it by another, such as a UUID, or by the name. Read back after a lost answer
such an order would look like another's. Only what names nothing else in the ERP's whole list counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from po_mcp.desk.catalog import Kind, words_of
from po_mcp.desk.context import Desk
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.errors import ERPError
from po_mcp.orders import Item, Vendor, count_left_out, list_without_id
from po_mcp.writes.content import fold


@dataclass(frozen=True)
class OtherIds:
    """Of the vendor, and of the items by their ids."""

    vendor: tuple[str, ...] = ()
    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


async def find_other_ids(desk: Desk, found: ResolvedOrder) -> OtherIds:
    """Return what else names the vendor and the items of an order, and nothing else."""
    vendors = await _find_sole(desk, "vendor", [found.vendor])
    items = await _find_sole(desk, "item", list(found.items.values()))
    return OtherIds(vendors.get(found.vendor.id or "", ()), items)


async def _find_sole(desk: Desk, kind: Kind, chosen: Sequence[Vendor | Item]) -> Mapping[str, tuple[str, ...]]:
    # An ERP that tells one id alone shows its orders by that.
    several = {one.id: one for one in chosen if one.id and one.other_ids}
    if not several:
        return {}
    try:
        known, index = await desk.catalog.entries(kind), await desk.catalog.index(kind)
    except ERPError:
        return {}
    counted = Counter(other for entry in known for other in entry.other_ids)
    # A row that cannot be read, or has no id, may have any name.
    hidden = {fold(one.name) for one in list_without_id(known)}
    tells_names = not count_left_out(known)

    def is_sole(what: str, word: str, identifier: str) -> bool:
        called = {entry.id for entry in index.find_called(word)}
        if what == "other":
            return counted[word] <= 1 and called <= {identifier}
        return tells_names and fold(word) not in hidden and called == {identifier}

    return {
        identifier: tuple(word for what, word in _words(entry) if is_sole(what, word, identifier))
        for identifier, entry in several.items()
    }


def _words(entry: Vendor | Item) -> list[tuple[str, str]]:
    others = [("other", one) for one in entry.other_ids]
    return [*others, *((what, word) for what, word in words_of(entry) if word and what != "id")]
