"""The tool `search_catalog`."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from po_mcp.desk import Desk
from po_mcp.desk.catalog import Candidate, Candidates, Kind
from po_mcp.orders import Word, plain
from po_mcp.tools._shared import desk_of, result


async def search_catalog(
    ctx: Context[Desk, Any],
    kind: Kind,
    text: Annotated[Word | None, Field(description="Id, code, name or part of it; leave it out to list all")] = None,
    refresh: Annotated[bool | None, Field(strict=True, description="true: read the ERP's list anew")] = None,
) -> Annotated[CallToolResult, Candidates]:
    """Look up vendors, items or warehouses by id, code or name, with small typos and in any word order.

    Use it to tell the user what there is, or to find out what their words mean; creating an order
    needs no search, it takes the same words. Changes nothing. Returns candidates, the best first,
    with their ids and why they were found; where none fits, ask the user instead of guessing.
    """
    desk = desk_of(ctx)
    desk.need("catalog")
    found = await desk.catalog.search(kind, text, anew=bool(refresh))
    return result("\n".join([desk.say(_summary(found, text)), *_rows(found)]), found)


def _summary(found: Candidates, text: str | None) -> str:
    if not found.candidates:
        return f"No {found.kind} of {found.known} fits. Leave text out to list them, or ask the user."
    shown = len(found.candidates)
    some = f", {shown} shown" if shown < found.matched else ""
    if text is None:
        return f"{found.known} {found.kind}s{some}:"
    return f"{found.matched} of {found.known} {found.kind}s may be meant{some}:"


def _rows(found: Candidates) -> list[str]:
    return ["id | name | code | why", *map(_row, found.candidates)] if found.candidates else []


def _row(one: Candidate) -> str:
    more = [one.why if one.why != "listed" else "", one.unit or "", plain(one.price) if one.price is not None else ""]
    if one.active is False:
        more.append("not active")
    return " | ".join([one.id or "no id told", one.name, one.code or "-", ", ".join(filter(None, more)) or "-"])
