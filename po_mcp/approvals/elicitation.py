"""The person behind the client, asked by the client's own form or sent to the page, in both protocol eras.

At 2026-07-28 a call cannot ask: it ends with the question (`Asking`), and the client repeats it with
the answer. At 2025-11-25 the question is sent inside the call. Either way only an answer to exactly
the wording that was asked counts. That the page was opened is no answer: what was decided there stands
in the journal.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.types import (
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
)

from po_mcp.untrusted import visible
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.forms import FormAnswer, Question
from po_mcp.writes.operation import Requester

MODERN = "2026-07-28"
_KEY = "approval"
_PROCESS = secrets.token_hex(8)
"""Tells this process from every other, for what is counted per client."""
_Params = ElicitRequestFormParams | ElicitRequestURLParams


class Asking(Exception):
    """Carries a question out of the call that asks it; the client repeats the call with the answer."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__()
        self.result = result


class Person:
    """Whoever sits behind this call's client.

    The sealed request state holds the operation and the digest of the wording that was asked; the SDK
    binds it to this tool, these arguments, this server and a time.
    """

    def __init__(self, ctx: Context[Any, Any]) -> None:
        self._ctx = ctx
        self._is_modern = (ctx.protocol_version or "") >= MODERN
        self._state: dict[str, str] = json.loads(ctx.request_state) if ctx.request_state else {}
        self._chosen = {name: value for name, value in self._state.items() if name == "choice"}

    @property
    def answered_operation_id(self) -> str | None:
        """The id of the operation that this call brings an answer for."""
        return self._state.get("operation")

    @property
    def answered_wording(self) -> str | None:
        """The digest of the wording that this call brings an answer for."""
        return self._state.get("wording")

    @property
    def requester(self) -> Requester:
        """The user of this process, and the client's name and version as it gives them."""
        params = self._ctx.session.client_params
        client = f"{params.client_info.name} {params.client_info.version}" if params else "not told"
        protocol = self._ctx.protocol_version or "not told"
        return Requester(_user(), visible(client, 80), protocol, f"{_PROCESS} {visible(client, 80)}")

    @property
    def channel(self) -> str:
        """The client: its own form, or its offer to open the page."""
        return "client"

    async def ask(self, operation_id: str, question: Question, page: ApprovalLink) -> FormAnswer:
        """Put the question by the client's form; where it has none, or the page comes first, send the person there.

        Raises:
            Asking: at 2026-07-28, where this call brings no answer to exactly this question.
        """
        params = await self._params(operation_id, question, page)
        if params is None:
            return FormAnswer("not_asked")
        if not self._is_modern:
            return await self._ask_within(params)
        state = {"operation": operation_id, "wording": question.wording_digest, "mode": params.mode, **self._chosen}
        result = self._brought(state)
        if result is not None:
            return _answer(result, params)
        raise Asking(_asking(params, state))

    async def choose(self, question: Question) -> FormAnswer:
        """Put a question that approves nothing, by the client's form; `not_asked` where it has none.

        Raises:
            Asking: as above. The choice goes on in the sealed state, beside what is asked next.
        """
        if not _has_form(_declared(self._ctx.session)):
            return FormAnswer("not_asked")
        params = ElicitRequestFormParams(
            message=question.text, requested_schema=question.schema(self._ctx.protocol_version or "")
        )
        if not self._is_modern:
            return await self._ask_within(params)
        state = {"choice": question.wording_digest}
        result = self._brought(state)
        if result is None:
            raise Asking(_asking(params, state))
        self._chosen = {"choice": question.wording_digest}
        return _answer(result, params)

    async def _params(self, operation_id: str, question: Question, page: ApprovalLink) -> _Params | None:
        way = way_to_ask(self._ctx.session, page)
        if way == "form":
            return ElicitRequestFormParams(
                message=question.text, requested_schema=question.schema(self._ctx.protocol_version or "")
            )
        link = await page.link(operation_id) if way == "page" else None
        if link is None:
            return None
        return ElicitRequestURLParams(message=question.text_beside_link, url=link, elicitation_id=operation_id)

    def _brought(self, state: dict[str, str]) -> ElicitResult | None:
        """Return the answer that this call brings, if it is one to this question, asked in this way."""
        if self._state != state:
            return None
        response = (self._ctx.input_responses or {}).get(_KEY)
        return response if isinstance(response, ElicitResult) else None

    async def _ask_within(self, params: _Params) -> FormAnswer:
        session, here = self._ctx.session, self._ctx.request_id
        try:
            if isinstance(params, ElicitRequestURLParams):
                name = params.elicitation_id or ""
                result = await session.elicit_url(params.message, params.url, name, related_request_id=here)
            else:
                result = await session.elicit_form(params.message, params.requested_schema, related_request_id=here)
        except MCPError:  # the client declared that it can ask, and failed to: nobody saw it
            return FormAnswer("cancelled")
        return _answer(result, params)


@cache
def _user() -> str:
    """Return the operating system's user, in whose name this process asks; "" where it has no name."""
    import getpass  # late: the first tools/list needs no name

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def _asking(params: _Params, state: Mapping[str, str]) -> InputRequiredResult:
    return InputRequiredResult(input_requests={_KEY: ElicitRequest(params=params)}, request_state=json.dumps(state))


def way_to_ask(session: ServerSession, page: ApprovalLink) -> Literal["form", "page"] | None:
    """Return how a client can put a question to its user: by its form, by opening the page, or not at all."""
    elicitation = _declared(session)
    if not page.comes_first and _has_form(elicitation):
        return "form"
    return "page" if elicitation is not None and elicitation.url is not None else None


def _declared(session: ServerSession) -> ElicitationCapability | None:
    """Return what this very request declares of questions, where the session can carry one."""
    capabilities = session.client_capabilities
    can_ask = session.protocol_version >= MODERN or session.can_send_request
    return capabilities.elicitation if capabilities and can_ask else None


def _has_form(elicitation: ElicitationCapability | None) -> bool:
    """Tell whether forms are declared: an empty capability means them."""
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _answer(result: ElicitResult, params: _Params) -> FormAnswer:
    if result.action != "accept":
        return FormAnswer("declined" if result.action == "decline" else "cancelled")
    if params.mode == "url":  # it was opened; whatever else the client says, a yes is given on the page
        return FormAnswer("sent_to_page")
    return FormAnswer("accepted", result.content)
