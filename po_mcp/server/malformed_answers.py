"""Answers to a form that fit no schema, at 2026-07-28: they count as not shown, as in the versions before it.

The SDK would refuse the whole call (-32602), and the model would look for a fault in its arguments.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.types import ElicitResult, InputResponse
from pydantic import TypeAdapter, ValidationError

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
    """Return the answers that can be read; the one to our question, if it cannot, as one of nobody.

    Without an answer to our question, it is asked again. What else cannot be read is passed over:
    https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr#error-handling.
    """
    if not isinstance(sent, dict):
        return {REQUEST_KEY: _NOT_SHOWN}
    answers = {name: answer for name, answer in sent.items() if name != REQUEST_KEY and _fits(answer, InputResponse)}
    if REQUEST_KEY in sent:
        answers[REQUEST_KEY] = sent[REQUEST_KEY] if _fits(sent[REQUEST_KEY], ElicitResult) else _NOT_SHOWN
    return answers


def _fits(sent: Any, kind: Any) -> bool:
    try:
        _adapter(kind).validate_python(sent, by_name=False)
    except ValidationError:
        return False
    return True


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)  # late, for a quick start
