"""The request that is being answered, and for whom, in context variables.

The SDK passes no context to resources without parameters, nor to completion.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from po_mcp.approvals import caller
from po_mcp.desk.context import Desk
from po_mcp.erp import ServesPeople, acting_for

Request = ServerRequestContext[Desk, Any]
_request: ContextVar[Request] = ContextVar("call")


async def track_request(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Keep the request for as long as it is answered; an MCP middleware."""
    token = _request.set(ctx)
    try:
        return await call_next(ctx)
    finally:
        _request.reset(token)


def act_for_caller(erp: ServesPeople) -> Callable[[Request, CallNext], Awaitable[HandlerResult]]:
    """Return an MCP middleware that says for whom the ERP is asked: the caller of the request that is answered."""

    async def act(ctx: Request, call_next: CallNext) -> HandlerResult:
        # Nobody, where nobody signed in: nothing is asked then, with anybody's credentials.
        actor = await erp.identify(caller.user_name()) if caller.is_signed_in() else None
        with acting_for(actor):
            return await call_next(ctx)

    return act


def get_request() -> Request:
    """Return the request that is being answered; the desk is its `lifespan_context`."""
    return _request.get()
