"""The request that is being answered, in a context variable.

The SDK passes no context to resources without parameters, nor to completion.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from po_mcp.desk.context import Desk

Request = ServerRequestContext[Desk, Any]
_request: ContextVar[Request] = ContextVar("call")


async def track_request(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Keep the request for as long as it is answered; an MCP middleware."""
    token = _request.set(ctx)
    try:
        return await call_next(ctx)
    finally:
        _request.reset(token)


def get_request() -> Request:
    """Return the request that is being answered; the desk is its `lifespan_context`."""
    return _request.get()
