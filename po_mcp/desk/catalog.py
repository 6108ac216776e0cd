"""What the ERP knows by name, for hints: which item or warehouse a wrong one was near to."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from po_mcp.desk import Desk
from po_mcp.errors import ERPError
from po_mcp.orders import DraftLine, Item, OrderDraft, Warehouse
from po_mcp.untrusted import quoted

_NEAR = 3
_MOST_HINTS = 3


def nearest(text: str, names: Mapping[str, str]) -> list[str]:
    """Return the ids of what `text` may have meant: `names` is lower-case name or code -> id."""
    wanted = text.strip().casefold()
    close = difflib.get_close_matches(wanted, names, n=_NEAR, cutoff=0.6)
    within = [name for name in names if wanted and wanted in name]
    return list(dict.fromkeys(names[name] for name in [*close, *within]))[:_NEAR]


async def hints(desk: Desk, draft: OrderDraft, *, missing_too: bool = False) -> str:
    """Say which items and warehouses of a refused order the ERP does not know, and what is near; "" where none.

    Two lists are read, and only now: an order that is right does not wait for them. `missing_too`: a
    line without a warehouse is one whose warehouse is not known.
    """
    if "catalog" not in desk.erp.operations:
        return ""
    try:
        items, warehouses = await desk.erp.items(), await desk.erp.warehouses()
    except ERPError:
        return ""
    told = [hint for place, line in enumerate(draft.lines, 1) for hint in _of_item(place, line, items)]
    for place, line in enumerate(draft.lines, 1):
        if line.warehouse is not None or missing_too:
            told += _of_warehouse(place, line.warehouse or "", warehouses)
    return " ".join(told[:_MOST_HINTS])


def _of_item(place: int, line: DraftLine, items: Sequence[Item]) -> list[str]:
    if not items or line.item in {item.id for item in items}:
        return []
    near = nearest(line.item, _names(items))
    meant = _one_of({item.id: item.name for item in items}, near) if near else "look the item up in the ERP"
    return [f"Line {place}: there is no item {quoted(line.item)}; {meant}."]


def _of_warehouse(place: int, text: str, warehouses: Sequence[Warehouse]) -> list[str]:
    known = {warehouse.id: warehouse.name for warehouse in warehouses}
    if not known or text in known:
        return []
    return [f"Line {place}: there is no warehouse {quoted(text)}; {_one_of(known, list(known)[:10])}."]


def _names(items: Sequence[Item]) -> dict[str, str]:
    return {name.casefold(): item.id for item in items for name in (item.id, item.code, item.name) if name}


def _one_of(names: Mapping[str, str], ids: Sequence[str]) -> str:
    return f"there is {', '.join(f'{key} ({quoted(names[key])})' for key in ids)}"
