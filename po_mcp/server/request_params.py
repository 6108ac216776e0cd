"""Parameters of requests as clients send them, before the SDK validates them.

The SDK refuses a whole call (-32602) for an answer to a form that fits no schema, and for a progress token of null; the
model would look for a fault in its arguments. The first counts as not shown, as in versions before 2026-07-28, and the
second as left out. Arguments that are no object are refused by the tool, in words that a model reads; clients in
languages without an empty object send an empty list for it. What else cannot be read is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, ElicitResult, InputResponse
from pydantic import TypeAdapter, ValidationError

from po_mcp.approvals.elicitation import REQUEST_KEY
from po_mcp.server.current_request import Request

_ANSWERS, _TOKEN = "inputResponses", "progressToken"
_ARGUMENTS = "arguments"
_NO_OBJECT = 'arguments: must be a JSON object, such as {"number": "PO-2025-0042"}. Nothing was sent.'
_SDK_TEXT = "Invalid request parameters"
_NOT_INITIALIZED = "This connection is not initialized. Send initialize first, then notifications/initialized."
_NOT_SHOWN = {"action": "cancel"}


async def read_params(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Hand parameters on that the SDK can read; an MCP middleware.

    Raises:
        MCPError: they cannot be read; the text says which, and what they must be.
    """
    try:
        read = None if ctx.params is None else _read(ctx.method, ctx.params)
        return await call_next(ctx if read is ctx.params else replace(ctx, params=read))
    except ValidationError as exc:
        from po_mcp.server.argument_errors import describe_params  # late, for a quick start

        raise MCPError(INVALID_PARAMS, f"The params of {ctx.method} are not valid: {describe_params(exc)}.") from exc
    except MCPError as exc:
        if exc.error.message == _SDK_TEXT:  # the SDK's words for a request before the handshake
            raise MCPError(INVALID_PARAMS, _NOT_INITIALIZED) from exc
        raise


def refuse_arguments(params: Mapping[str, Any] | None) -> None:
    """Refuse a call of a tool whose arguments are no object.

    Raises:
        ToolError: with how to write them.
    """
    sent = (params or {}).get(_ARGUMENTS)
    if sent is not None and sent != [] and not isinstance(sent, dict):
        raise ToolError(_NO_OBJECT)


def _read(method: str, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the params as the SDK can read them: the same ones where nothing stands in its way."""
    read: dict[str, Any] = {}
    arguments, meta = sent.get(_ARGUMENTS, {}), sent.get("_meta")
    if method == "tools/call" and sent.get(_ANSWERS) is not None:
        read[_ANSWERS] = _read_answers(sent[_ANSWERS])
    if not isinstance(arguments, dict) and method in ("tools/call", "prompts/get"):
        # Only tools take the place of an error: a prompt's arguments that are no object are refused by the SDK.
        read |= {_ARGUMENTS: {}} if method == "tools/call" or not arguments else {}
    if method == "prompts/get" and isinstance(sent.get(_ARGUMENTS), dict):
        # Strict hosts send null for what is left out.
        read[_ARGUMENTS] = {name: value for name, value in arguments.items() if value is not None}
    if isinstance(meta, dict) and meta.get(_TOKEN, "") is None:
        read["_meta"] = {name: value for name, value in meta.items() if name != _TOKEN}
    return {**sent, **read} if read else sent


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
