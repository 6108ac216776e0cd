"""The call under way, for what the SDK does not hand it to: resources without parameters, and completion."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from po_mcp.desk.context import Desk

Request = ServerRequestContext[Desk, Any]
_request: ContextVar[Request] = ContextVar("call")


async def track_request(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Serve as the middleware that keeps the call for as long as it is answered."""
    token = _request.set(ctx)
    try:
        return await call_next(ctx)
    finally:
        _request.reset(token)


def get_request() -> Request:
    """Return the call that is being answered: its session, and the desk as its `lifespan_context`."""
    return _request.get()
