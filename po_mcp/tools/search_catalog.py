"""The tool `search_catalog`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.amounts import plain
from po_mcp.desk.catalog import Candidate, Candidates, Kind
from po_mcp.desk.context import Desk
from po_mcp.orders import Word
from po_mcp.tools._params import desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import join_cells, tool_result
from po_mcp.untrusted import imitating_scripts
from po_mcp.writes.order_text import count, in_currency


class SearchResult(Candidates):
    """Candidates, with what stands beside them in the text."""

    notice: str | None = None
    note: str | None = None


async def search_catalog(
    ctx: Context[Desk, Any],
    kind: Kind,
    text: Annotated[Word | None, Field(description="Id, code or name; leave out to list all")] = None,
    refresh: Annotated[bool | None, Field(strict=True, description="true: reload the list from the ERP")] = None,
) -> Annotated[CallToolResult, SearchResult]:
    """Look up vendors, items or warehouses."""
    desk = desk_of(ctx)
    desk.require("catalog")
    found = await desk.catalog.search(kind, text, refresh=bool(refresh))
    summary = _summary(found, text)
    # Hosts that hand over the structured content alone would have an empty list without a word.
    note = " ".join([*([] if found.candidates else [summary]), *found.gaps])
    rows = "\n".join([desk.add_notice(summary), *_age(found), *found.gaps, *_table_rows(found)])
    return tool_result(rows, found, notice=desk.erp.notice, note=note)


def _age(found: Candidates) -> list[str]:
    return [] if found.age is None else [f"The list was read {found.age} ago; refresh=true reads it again."]


def _summary(found: Candidates, text: str | None) -> str:
    if not found.known:
        return f"The ERP lists no {found.kind}s."
    if not found.candidates:
        return f"No {found.kind} matches ({found.known} exist). Try other words, or leave text out to list all."
    shown = len(found.candidates)
    some = f", {shown} shown" if shown < found.matched else ""
    if text is None:
        return f"{count(found.known, found.kind)}{some}:"
    match = "matches" if found.matched == found.known == 1 else "match"
    return f"{found.matched:,} of {count(found.known, found.kind)} {match}{some}:"


def _table_rows(found: Candidates) -> list[str]:
    return ["id|name|code|why, unit, price", *map(_table_row, found.candidates)] if found.candidates else []


def _table_row(one: Candidate) -> str:
    price = "" if one.price is None else in_currency(plain(one.price), one.currency)
    more = [one.why if one.why != "listed" else "", one.unit or "", price]
    if one.active is False:
        more.append("inactive")
    # Here, too: the id that is taken from this row is exact, and nobody is asked about its name again.
    if scripts := imitating_scripts(one.name):
        more.append(f"CAUTION: the name mixes {' and '.join(scripts)} letters")
    return join_cells(one.id or "no id", one.name, one.code or "-", ", ".join(filter(None, more)) or "-")


TOOL = RegisteredTool(
    search_catalog,
    title="Search catalog",
    capability="catalog",
    description=(
        "Look up vendors, items or warehouses by id, code or name; typos and word order do not matter. "
        "Read-only. Use it to answer what exists or what a name could mean. Not needed before "
        "create_purchase_order, which takes the same words. Returns the best matches with ids; if none fits, "
        "ask the user."
    ),
    returns=(
        "Best matches first. known: entries of this kind; matched: those that fit; "
        "id: what create_purchase_order takes; why: how the words match; age: of the list, where it is not fresh."
    ),
    read_only=True,
    idempotent=True,
)
