"""MCP elicitation: a question to the person behind the client, by its form or a link to the page, in both eras.

At 2026-07-28 a call cannot ask: it ends with the question (`InputRequired`), and the client repeats it with the
answer. At 2025-11-25 the question is sent inside the call. In both, only an answer to exactly the wording that was
asked counts. Opening the page is no answer: a decision on the page stands in the journal.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import anyio
from mcp.server.mcpserver import Context
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp.types import (
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequiredResult,
)
from pydantic import SerializerFunctionWrapHandler, ValidationError, model_serializer

from po_mcp.approvals import caller
from po_mcp.untrusted import visible
from po_mcp.writes.approvers import Person
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.forms import FormAnswer, Question
from po_mcp.writes.operation import Requester

MODERN = "2026-07-28"
_MODES_SINCE = "2025-11-25"
"""The protocol version from which a question has a mode: form or url."""
REQUEST_KEY = "approval"
_CHOICE = "choice"
_ASKED_AT = "asked_at"
_PROCESS_ID = secrets.token_hex(8)
"""Distinguishes this process from others in limits that are counted per client."""
_Params = ElicitRequestFormParams | ElicitRequestURLParams


class InputRequired(Exception):
    """Ends a call with a question; the client repeats the call with the answer."""

    def __init__(self, result: InputRequiredResult) -> None:
        super().__init__()
        self.result = result


class Elicitor:
    """Asks the person behind the client of one call; the `Approver` of the writes.

    The sealed request state has the operation and the digest of the wording that was asked; the SDK binds it to
    the tool, the arguments, the server and a time.
    """

    def __init__(self, ctx: Context[Any, Any]) -> None:
        self._ctx = ctx
        self._protocol = ctx.protocol_version or ""
        # Versions are dates, which are in order as text.
        self._is_modern = self._protocol >= MODERN
        sealed = ctx.request_state
        self._state: dict[str, str] = json.loads(sealed) if sealed else {}
        self._choice_state = {name: value for name, value in self._state.items() if name == "choice"}
        self._deadlines: dict[str, float] = {}
        self._began = time.monotonic()

    @property
    def answered_operation_id(self) -> str | None:
        """The id of the operation that this call has an answer for."""
        return self._state.get("operation")

    @property
    def answered_wording(self) -> str | None:
        """The digest of the wording that this call brings an answer for."""
        return self._state.get("wording")

    @property
    def requester(self) -> Requester:
        """The caller, and the client's name and version as the client gives them."""
        params = self._ctx.session.client_params
        client = f"{params.client_info.name} {params.client_info.version}" if params else "an unnamed assistant"
        protocol = self._protocol or "unknown"
        user, oauth_client = caller.user_name(), visible(caller.oauth_client(), 80)
        # A person who is signed in has one share of what may be asked for, with however many clients.
        session = user if oauth_client else f"{_PROCESS_ID} {visible(client, 80)}"
        name = self.person.name if oauth_client else ""
        return Requester(user, visible(client, 80), protocol, session, oauth_client, name)

    @property
    def channel(self) -> str:
        """How answers arrive, for the audit log: by the client's form, or by its offer to open the page."""
        return "client"

    @property
    def person(self) -> Person:
        """Whose answers these are."""
        return caller.person()

    @property
    def seconds_in_call(self) -> float:
        """How long the call has taken so far."""
        return time.monotonic() - self._began

    async def ask(self, operation_id: str, question: Question, page: ApprovalLink) -> FormAnswer:
        """Ask by the client's form; without a form, or if the page comes first, send the person to the page.

        Raises:
            InputRequired: at 2026-07-28, if this call has no answer to exactly this question.
        """
        params = await self._build_params(operation_id, question, page)
        if params is None:
            return FormAnswer("not_asked")
        if not self._is_modern:
            return await self._ask_in_call(question, params, operation_id)
        state = {
            "operation": operation_id,
            "wording": question.wording_digest,
            "mode": params.mode,
            **self._choice_state,
        }
        result = self._find_answer(state)
        if result is not None:
            return self._read_answer(result, question, params, self._measure_answer_s())
        raise InputRequired(_build_result(params, state))

    async def choose(self, question: Question) -> FormAnswer:
        """Ask a question that approves nothing, by the client's form; `not_asked` if it has none.

        Raises:
            InputRequired: as for `ask`. The choice stays in the sealed state, beside the next question.
        """
        if not _has_form(_find_capability(self._ctx.session)):
            return FormAnswer("not_asked")
        params = ElicitRequestFormParams(message=question.text, requested_schema=question.schema(self._protocol))
        if not self._is_modern:
            return await self._ask_in_call(question, params, _CHOICE)
        state = {"choice": question.wording_digest}
        result = self._find_answer(state)
        if result is None:
            raise InputRequired(_build_result(params, state))
        # A create may ask twice, for a choice and for an approval; the second question carries the choice in its state.
        self._choice_state = {"choice": question.wording_digest}
        return self._read_answer(result, question, params)

    async def _build_params(self, operation_id: str, question: Question, page: ApprovalLink) -> _Params | None:
        way = elicitation_mode(self._ctx.session, page)
        if way == "form":
            return ElicitRequestFormParams(message=question.text, requested_schema=question.schema(self._protocol))
        link = await page.link(operation_id) if way == "page" else None
        if link is None:
            return None
        return ElicitRequestURLParams(message=question.text_beside_link, url=link, elicitation_id=operation_id)

    def _find_answer(self, state: dict[str, str]) -> ElicitResult | None:
        """Return the answer of this call, if it was given to this question in this mode."""
        # The state has the digest of the wording: an answer to an order that has changed is none.
        if {name: value for name, value in self._state.items() if name != _ASKED_AT} != state:
            return None
        response = (self._ctx.input_responses or {}).get(REQUEST_KEY)
        return response if isinstance(response, ElicitResult) else None

    def _measure_answer_s(self) -> float | None:
        """Return how long ago the question of the call before this one was asked."""
        asked_at = self._state.get(_ASKED_AT)
        # Not below zero: the clock may have been set back between the two calls.
        return None if asked_at is None else max(0, time.time_ns() - int(asked_at)) / 1e9

    async def _ask_in_call(self, question: Question, params: _Params, subject: str) -> FormAnswer:
        """Ask within the call. When the time is over, the SDK cancels the client's request.

        Args:
            question: what is asked.
            params: the same as the client takes it.
            subject: the tries of one subject share its time.
        """
        now = anyio.current_time()
        end = self._deadlines.setdefault(subject, now + self._ctx.request_context.lifespan_context.form_timeout_s)
        try:
            with anyio.fail_after(end - now):
                result = await self._elicit(params)
            return self._read_answer(result, question, params, anyio.current_time() - now)
        except TimeoutError:
            return FormAnswer("timed_out")
        # The client declared that it can ask, and failed: the person saw no question. Some hosts answer with an
        # action or content of their own invention.
        except (MCPError, ValidationError):
            return FormAnswer("cancelled")

    async def _elicit(self, params: _Params) -> ElicitResult:
        session: ServerSession = self._ctx.session
        here = self._ctx.request_id
        if isinstance(params, ElicitRequestURLParams):
            name = params.elicitation_id or ""
            return await session.elicit_url(params.message, params.url, name, related_request_id=here)
        if session.protocol_version < _MODES_SINCE:
            request = _form_without_mode()(params=params)
            return await session.send_request(
                request, ElicitResult, metadata=ServerMessageMetadata(related_request_id=here)
            )
        return await session.elicit_form(params.message, params.requested_schema, related_request_id=here)

    def _read_answer(
        self, result: ElicitResult, question: Question, params: _Params, seconds: float | None = None
    ) -> FormAnswer:
        # With the seconds, since some clients decline at once and show nothing.
        if result.action != "accept":
            return FormAnswer("declined" if result.action == "decline" else "cancelled", seconds=seconds)
        if params.mode == "url":  # the page was opened; whatever content the client adds, a yes is given there alone
            return FormAnswer("sent_to_page")
        content = question.read_content(result.content, self._protocol)
        return FormAnswer("accepted", content, seconds)


@cache
def _form_without_mode() -> type[ElicitRequest]:
    """Return the request for a form as versions have it that know no other mode; late, for a quick start."""

    class FormWithoutMode(ElicitRequest):
        @model_serializer(mode="wrap")
        def _leave_mode_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            said: dict[str, Any] = handler(self)
            return {**said, "params": {name: value for name, value in said["params"].items() if name != "mode"}}

    return FormWithoutMode


def _build_result(params: _Params, state: Mapping[str, str]) -> InputRequiredResult:
    return InputRequiredResult(
        input_requests={REQUEST_KEY: ElicitRequest(params=params)},
        request_state=json.dumps({**state, _ASKED_AT: str(time.time_ns())}),
    )


def elicitation_mode(session: ServerSession, page: ApprovalLink) -> Literal["form", "page"] | None:
    """Return how the client can ask for a decision: by its form, by opening the page, or None for neither."""
    elicitation = _find_capability(session)
    if not page.comes_first and _has_form(elicitation):
        return "form"
    return "page" if elicitation is not None and elicitation.url is not None else None


def _find_capability(session: ServerSession) -> ElicitationCapability | None:
    """Return the elicitation capability that this request declares, if its session can carry a question."""
    capabilities = session.client_capabilities
    # Before 2026-07-28 a question is a request of the server's, which not every session can carry.
    can_ask = session.protocol_version >= MODERN or session.can_send_request
    return capabilities.elicitation if capabilities and can_ask else None


def _has_form(elicitation: ElicitationCapability | None) -> bool:
    """Return whether the client has forms; an empty capability means forms."""
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)
