"""Late news: a write that was reported as refused and took effect after all, added to the next tool result."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anyio
from mcp.types import CallToolResult, TextContent

from po_mcp.desk.context import Desk
from po_mcp.errors import PurchaseOrderError
from po_mcp.writes import order_text
from po_mcp.writes.kinds import kind_of
from po_mcp.writes.operation import Requester

logger = logging.getLogger(__name__)

LATE_NEWS_TIMEOUT_S = 10.0
"""How long a result waits for reads of the watched orders."""


async def add_late_news(result: Any, desk: Desk, reader: Requester) -> Any:
    """Return a tool's result with the reader's refused writes that took effect after all.

    Errors of the reads are logged.
    """
    # A question has no place for news. It is taken once, so it waits for the next result.
    if not isinstance(result, CallToolResult):
        return result
    news = []
    with anyio.move_on_after(LATE_NEWS_TIMEOUT_S):
        try:
            news = await desk.reconciler.find_late_news(reader)
        except PurchaseOrderError as exc:
            logger.warning("could not check for late effects: %s", exc.message)
    said = "".join(block.text for block in result.content if isinstance(block, TextContent))
    # What this very result says to be done is not said twice. That it names the operation is not enough: it may say
    # that it was refused.
    told = {one for one in _list_done(result.structured_content or {}) if one in said}
    texts = [
        f"Late: order {order_text.number(one.operation.number)} "
        f"was reported as not {kind_of(one.operation.kind).words.done}, and it was. "
        f"{desk.words.outcome(one).message} Tell the user. operation_id: {one.operation.id}"
        for one in news
        if one.operation.id not in told
    ]
    if not texts:
        return result
    content = [*result.content, TextContent(type="text", text="\n".join(texts))]
    structured = None if result.structured_content is None else {**result.structured_content, "late_news": texts}
    return result.model_copy(update={"content": content, "structured_content": structured})


def _list_done(structured: Mapping[str, Any]) -> set[str]:
    """Return the ids of the operations that a result says to be done."""
    outcomes = [structured, *structured.get("operations", ())]
    return {one["operation_id"] for one in outcomes if one.get("status") == "done" and one.get("operation_id")}
