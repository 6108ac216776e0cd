"""The call under way, for what the SDK does not hand it to: resources without parameters, and completion."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from po_mcp.desk.context import Desk

Call = ServerRequestContext[Desk, Any]
_call: ContextVar[Call] = ContextVar("call")


async def remember(ctx: Call, call_next: CallNext) -> HandlerResult:
    """Serve as the middleware that keeps the call for as long as it is answered."""
    token = _call.set(ctx)
    try:
        return await call_next(ctx)
    finally:
        _call.reset(token)


def under_way() -> Call:
    """Return the call that is being answered: its session, and the desk as its `lifespan_context`."""
    return _call.get()
