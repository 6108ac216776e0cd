"""Parameters of requests as clients send them, before the SDK validates them.

The SDK refuses a whole call (-32602) for an answer to a form that fits no schema, and for a progress token of null; the
model would look for a fault in its arguments. The first counts as not shown, as in versions before 2026-07-28, and the
second as left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.types import ElicitResult, InputResponse
from pydantic import TypeAdapter, ValidationError

from po_mcp.approvals.elicitation import REQUEST_KEY
from po_mcp.server.current_request import Request

_ANSWERS, _TOKEN = "inputResponses", "progressToken"
_NOT_SHOWN = {"action": "cancel"}


async def read_params(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Hand parameters on that the SDK can read; an MCP middleware."""
    return await call_next(ctx if ctx.params is None else replace(ctx, params=_read(ctx.method, ctx.params)))


def _read(method: str, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    read = dict(sent)
    if method == "tools/call" and sent.get(_ANSWERS) is not None:
        read[_ANSWERS] = _read_answers(sent[_ANSWERS])
    meta = sent.get("_meta")
    if isinstance(meta, dict) and meta.get(_TOKEN, "") is None:
        read["_meta"] = {name: value for name, value in meta.items() if name != _TOKEN}
    return read


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
