"""The person behind the client, asked by the client's own form, in both protocol eras.

At 2026-07-28 a call cannot ask: it ends with the question (`Asking`), and the client repeats it with
the answer. At 2025-11-25 the question is sent inside the call. Either way only an answer to exactly
the wording that was asked counts.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from po_mcp.untrusted import visible
from po_mcp.writes.approval import Answer, Question

MODERN = "2026-07-28"
_KEY = "approval"


class Asking(Exception):
    """Carries a question out of the call that asks it; the client repeats the call with the answer."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__()
        self.result = result


class Person:
    """Whoever sits behind this call's client.

    The sealed request state holds the operation and the pin of the wording that was asked; the SDK
    binds it to this tool, these arguments, this server and a time.
    """

    def __init__(self, ctx: Context[Any, Any]) -> None:
        self._ctx = ctx
        self._is_modern = (ctx.protocol_version or "") >= MODERN
        self._state: dict[str, str] = json.loads(ctx.request_state) if ctx.request_state else {}

    @property
    def carried(self) -> str | None:
        """The id of the operation that this call brings an answer for."""
        return self._state.get("operation")

    @property
    def who(self) -> dict[str, str]:
        """The client's name and version as it gives them, and the protocol that it speaks."""
        params = self._ctx.session.client_params
        client = f"{params.client_info.name} {params.client_info.version}" if params else "not told"
        return {"client": visible(client, 80), "protocol": self._ctx.protocol_version or "not told"}

    @property
    def channel(self) -> str:
        """The client's own form."""
        return "form"

    async def ask(self, operation_id: str, question: Question) -> Answer:
        """Put the question by form.

        Raises:
            Asking: at 2026-07-28, where this call brings no answer to exactly this question.
        """
        if not self._can_be_asked():
            return Answer("not_asked")
        params = ElicitRequestFormParams(message=question.text, requested_schema=question.schema())
        if not self._is_modern:
            return await self._ask_within(params)
        result = self._brought(operation_id, question)
        if result is not None:
            return _answer(result)
        state = json.dumps({"operation": operation_id, "pin": question.pin})
        raise Asking(
            InputRequiredResult(input_requests={_KEY: ElicitRequest(params=params)}, request_state=state),
        )

    def _can_be_asked(self) -> bool:
        """Read what this very request declares: an empty elicitation capability means forms."""
        capabilities = self._ctx.client_capabilities
        elicitation = capabilities.elicitation if capabilities else None
        if elicitation is None or (elicitation.form is None and elicitation.url is not None):
            return False
        return self._is_modern or self._ctx.session.can_send_request

    def _brought(self, operation_id: str, question: Question) -> ElicitResult | None:
        """Return the answer that this call brings, if it is one to this question of this operation."""
        if self._state != {"operation": operation_id, "pin": question.pin}:
            return None
        response = (self._ctx.input_responses or {}).get(_KEY)
        return response if isinstance(response, ElicitResult) else None

    async def _ask_within(self, params: ElicitRequestFormParams) -> Answer:
        session = self._ctx.session
        try:
            result = await session.elicit_form(
                params.message, params.requested_schema, related_request_id=self._ctx.request_id
            )
        except MCPError:  # the client declared that it can ask, and failed to: nobody said yes
            return Answer("declined")
        return _answer(result)


def _answer(result: ElicitResult) -> Answer:
    return Answer("accepted", result.content) if result.action == "accept" else Answer("declined")
