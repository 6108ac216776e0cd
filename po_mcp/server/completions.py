"""Completion: numbers of open orders for the resource, vendors and items for the prompts.

What it reads by is imported when somebody types: the start does not wait for it.
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
from po_mcp.server.resources import ORDER

if TYPE_CHECKING:
    from po_mcp.desk.completion import Candidate

_MOST = 100
_LONGEST = 3.0
"""Seconds that the ERP may take; whoever types does not wait longer."""
_FRESH = 10.0
"""Seconds in which the next letters that are typed do not ask the ERP again."""

_Read = Callable[[Desk], "Awaitable[tuple[Candidate, ...]]"]


class Completions:
    """Completes an argument from what the ERP knows; where the ERP fails, or is slow, there is nothing to offer."""

    def __init__(self) -> None:
        self._kept: dict[_Read, tuple[float, tuple[Candidate, ...]]] = {}

    def serve(self, server: MCPServer[Desk]) -> None:
        """Answer completion/complete."""
        server.completion()(self.complete)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    async def complete(
        self,
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        """Return up to 100 values that fit, how many there are in all, and whether that is more."""
        from po_mcp.desk import completion

        read = _source(ref, argument.name)
        candidates = () if read is None else await self._candidates(read)
        found = completion.matching(candidates, argument.value)
        return Completion(values=found[:_MOST], total=len(found), has_more=len(found) > _MOST)

    async def _candidates(self, read: _Read) -> tuple[Candidate, ...]:
        until, kept = self._kept.get(read, (0.0, ()))
        if anyio.current_time() < until:
            return kept
        with anyio.move_on_after(_LONGEST):
            try:
                found = await read(current_request.under_way().lifespan_context)
            except PurchaseOrderError:
                return ()
            self._kept[read] = (anyio.current_time() + _FRESH, found)
            return found
        return ()


def _source(ref: PromptReference | ResourceTemplateReference, name: str) -> _Read | None:
    from po_mcp.desk import completion

    if isinstance(ref, PromptReference):
        return {"vendor": completion.vendors, "item": completion.items}.get(name)
    return completion.order_numbers if (ref.uri, name) == (ORDER, "number") else None
