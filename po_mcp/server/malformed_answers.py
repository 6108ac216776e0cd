"""Answers to a form that fit no schema, at 2026-07-28: they count as not shown, as in the versions before it.

The SDK would refuse the whole call (-32602), and the model would look for a fault in its arguments.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.types import ElicitResult
from pydantic import ValidationError

from po_mcp.approvals.elicitation import REQUEST_KEY
from po_mcp.server.current_request import Request

_ANSWERS = "inputResponses"
_NOT_SHOWN = {"action": "cancel"}


async def replace_malformed_answers(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Let an answer that cannot be read be one of a person who was shown nothing; an MCP middleware."""
    if ctx.method == "tools/call" and ctx.params is not None and ctx.params.get(_ANSWERS) is not None:
        ctx = replace(ctx, params={**ctx.params, _ANSWERS: _read_answers(ctx.params[_ANSWERS])})
    return await call_next(ctx)


def _read_answers(sent: Any) -> dict[str, Any]:
    """Return the answer to the one question that is asked; without it, the question is asked again.

    Other answers are passed over: https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr.
    """
    if not isinstance(sent, dict):
        return {REQUEST_KEY: _NOT_SHOWN}
    return {name: answer if _is_answer(answer) else _NOT_SHOWN for name, answer in sent.items() if name == REQUEST_KEY}


def _is_answer(sent: Any) -> bool:
    try:
        ElicitResult.model_validate(sent, by_name=False)
    except ValidationError:
        return False
    return True
