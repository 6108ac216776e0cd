"""Completion: numbers of open orders for the resource, vendors and items for the prompts.

The desk's part is imported at the first completion: the start of the server does not wait for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
from mcp.server import MCPServer
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from po_mcp.desk.context import Desk
from po_mcp.errors import PurchaseOrderError
from po_mcp.server import current_request
from po_mcp.server.resources import ORDER_URI

if TYPE_CHECKING:
    from po_mcp.desk.completion import Suggestion

MAX_VALUES = 100
COMPLETION_TIMEOUT_S = 3.0
"""How long the ERP may take; a person who types waits no longer."""
CACHE_TTL_S = 10.0
"""How long values are cached: the next letters that are typed send no request."""

_Read = Callable[[Desk], "Awaitable[tuple[Suggestion, ...]]"]


class Completions:
    """Completes arguments with values from the ERP; returns none if the ERP fails or is slow."""

    def serve(self, server: MCPServer[Desk]) -> None:
        """Answer completion/complete."""
        server.completion()(self.complete)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    async def complete(
        self,
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        """Return up to 100 values that fit, their total number, and whether there are more."""
        from po_mcp.desk import completion

        read = _find_reader(ref, argument.name)
        candidates = () if read is None else await self._read_candidates(read)
        found = completion.filter_suggestions(candidates, argument.value)
        return Completion(values=found[:MAX_VALUES], total=len(found), has_more=len(found) > MAX_VALUES)

    async def _read_candidates(self, read: _Read) -> tuple[Suggestion, ...]:
        desk = current_request.get_request().lifespan_context
        # The caller's own, and held before the ERP is asked: what is read goes to nobody else.
        kept = desk.suggestions
        expires_at, cached = kept.get(read, (0.0, ()))
        if anyio.current_time() < expires_at:
            return cached
        # Errors are not reported: a client shows them nowhere while a person types.
        with anyio.move_on_after(COMPLETION_TIMEOUT_S):
            try:
                found = await read(desk)
            except PurchaseOrderError:
                return ()
            # Only what was read: an error that is cached would hide an ERP that is back.
            kept[read] = (anyio.current_time() + CACHE_TTL_S, found)
            return found
        return ()


def _find_reader(ref: PromptReference | ResourceTemplateReference, name: str) -> _Read | None:
    from po_mcp.desk import completion

    if isinstance(ref, PromptReference):
        return {"vendor": completion.list_vendors, "item": completion.list_items}.get(name)
    return completion.list_order_numbers if (ref.uri, name) == (ORDER_URI, "number") else None
