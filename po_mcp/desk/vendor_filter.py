"""Orders of the vendors that a few words mean. Pure; imported where a list names a vendor, which a start does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from po_mcp.desk.catalog import format_entry, words_of
from po_mcp.desk.figures import parse
from po_mcp.desk.matches import Fit, Match, best_matches
from po_mcp.desk.matching import find
from po_mcp.desk.vendor_names import has_same_company
from po_mcp.orders import PurchaseOrder, Vendor
from po_mcp.untrusted import visible
from po_mcp.writes.order_text import count, name


class VendorFilter:
    """The vendors that a few words mean, and whether an order is of one of them."""

    def __init__(self, text: str, known: Sequence[Vendor], orders: Iterable[PurchaseOrder]) -> None:
        others = _vendors_of_orders(known, orders)
        self._text = text
        self._known = _ids_of(known)
        self.matches: list[Match[Vendor]] = best_matches(find(text, [*known, *others], words_of))
        self._ids = _ids_of(match.entry for match in self.matches)
        self._names = {_fold_name(match.entry.name) for match in self.matches}
        # An ERP's orders may show the legal name of a vendor whose usual name its list has.
        self._legal = [other for other in others if other.id is None and self._is_of_match(other, known)]
        self._names |= {_fold_name(other.name) for other in self._legal}

    def _is_of_match(self, other: Vendor, known: Sequence[Vendor]) -> bool:
        return any(other != match.entry and has_same_company(other.name, match.entry, known) for match in self.matches)

    def includes(self, order: PurchaseOrder) -> bool:
        """Return whether the order is of one of these vendors: by its vendor id if it has one, else by the name."""
        # By the id where there is one: two vendors may have the same name.
        if order.vendor_id is not None and self._ids:
            return order.vendor_id in self._ids
        return _fold_name(order.vendor) in self._names

    def pick(self, orders: Iterable[PurchaseOrder]) -> list[PurchaseOrder]:
        """Return the orders that are of one of these vendors."""
        return [order for order in orders if self.includes(order)]

    def describe_none(self, orders: Sequence[PurchaseOrder]) -> str:
        """Return the sentence on vendors of like names where no order is of those that are meant; "" where none is."""
        counted = Counter(order.vendor for order in orders)
        ordered_from = [Vendor(id=None, name=vendor) for vendor in counted if vendor.strip()]
        near: dict[str, int] = {}
        for match in self.matches:
            for other in best_matches(find(match.entry.name, ordered_from, words_of)):
                near[other.entry.name] = counted[other.entry.name]
        if not near:
            return ""
        there = " and ".join(f"{number} of {name(shown)}" for shown, number in list(near.items())[:5])
        are = "is" if list(near.values()) == [1] else "are"
        meant = " or ".join(name(match.entry.name) for match in self.matches[:5])
        return f"No order is of exactly {meant}; there {are} {there}."

    def find_unnamed(self, orders: Iterable[PurchaseOrder]) -> list[PurchaseOrder]:
        """Return the orders that may be of these vendors for all that is known: their vendor has no name here."""
        # Asked for by its id, a vendor needs no name.
        is_id = self._text.strip() in self._ids
        return [order for order in orders if self._has_no_name(order, is_id) and not self.includes(order)]

    def _has_no_name(self, order: PurchaseOrder, is_id: bool) -> bool:
        if not order.vendor.strip():
            return True
        return not is_id and order.vendor == order.vendor_id and order.vendor_id not in self._known

    @property
    def note(self) -> str:
        """The sentence that says which vendors the words were taken for; "" where they name one plainly."""
        names = " and ".join(_tell_apart([match.entry for match in self.matches[:5]]))
        if not self.matches:
            return f"No vendor matches {name(self._text)}. Try search_catalog."
        if self.matches[0].fit >= Fit.SIMILAR:
            similar = "which is spelled similarly" if len(self.matches) == 1 else "which are spelled similarly"
            return f"No vendor is called {name(self._text)}; these are orders of {names}, {similar}."
        if len(self.matches) > 1:
            return f"{name(self._text)} matches several vendors; orders of all of them are included: {names}."
        if self._legal:
            return f"Vendor: {names}, in orders {' and '.join(name(other.name) for other in self._legal)}."
        return "" if self.matches[0].fit in (Fit.EXACT, Fit.WHOLE) else f"Vendor: {names.removesuffix('.')}."


def _tell_apart(vendors: Sequence[Vendor]) -> list[str]:
    """Return each vendor's name, with what else it is called or its id where several have that name."""
    names = Counter(vendor.name for vendor in vendors)
    return [name(vendor.name) if names[vendor.name] == 1 else format_entry(vendor) for vendor in vendors]


def _vendors_of_orders(known: Sequence[Vendor], orders: Iterable[PurchaseOrder]) -> list[Vendor]:
    """Return the vendors of orders that the ERP's list of vendors lacks."""
    # Orders may name a vendor that the ERP lists no more, such as one that is inactive.
    seen = _ids_of(known) | {_fold_name(vendor.name) for vendor in known}
    found: dict[str, Vendor] = {}
    for order in orders:
        if order.vendor_id not in seen and _fold_name(order.vendor) not in seen:
            found.setdefault(order.vendor_id or _fold_name(order.vendor), Vendor(id=order.vendor_id, name=order.vendor))
    return list(found.values())


def _ids_of(vendors: Iterable[Vendor]) -> set[str]:
    """Return every id by which orders may name these vendors."""
    return {one for vendor in vendors for one in (vendor.id, *vendor.other_ids) if one}


def _fold_name(name: str) -> str:
    # A name of signs alone has no words, and would be like every other such name.
    return parse(name).joined or name


def describe_unnamed(orders: Sequence[PurchaseOrder]) -> list[str]:
    """Return a sentence on orders that were left out, since their vendor has no name here; none without such orders."""
    if not orders:
        return []
    ids = ", ".join(sorted({visible(order.vendor.strip(), 40) or "none given" for order in orders})[:5])
    return [f"{count(len(orders), 'order')} of a vendor without a name ({ids}) left out."]
