"""The HTTP client of all connectors: every request is sent here, and every foreign error is translated here.

A read is retried after transient failures, and once with a new token. A write is sent once: no transport retries,
no redirects, no second try. A write counts as refused only where the ERP says so in its own error envelope; every
other answer that is no success is `OutcomeUnknown`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio
import httpx2

from po_mcp.concurrency import need_place
from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.error_mapping import TRANSIENT_STATUSES, Answer, ErrorMapping
from po_mcp.connectors.http.exchange import Exchange, Method, Params
from po_mcp.connectors.http.failures import (
    FOREIGN,
    NOT_SENT,
    failed_write_error,
    no_answer_error,
    unknown_outcome_error,
)
from po_mcp.connectors.http.first_byte import FirstByte
from po_mcp.connectors.http.pace import Pace
from po_mcp.connectors.http.retry import AttemptResult, OnFailure, Retrier
from po_mcp.connectors.http.signing_in import require_signed_in
from po_mcp.connectors.http.tokens import Token, Tokens
from po_mcp.connectors.http.urls import build_url
from po_mcp.erp import BeforeSend, send_at_once
from po_mcp.errors import (
    BadAnswer,
    ERPError,
    OtherNumber,
    PurchaseOrderError,
    SignInEnded,
    TooManyRequests,
    ahead_of_a_write,
)
from po_mcp.untrusted import visible

T = TypeVar("T")
_Call = Callable[[OnFailure], Awaitable[AttemptResult]]


class ErpHttpClient:
    """An HTTP client for one ERP connection, with its token, time-outs, limits and error translation.

    Args:
        base_url: scheme, host and base path, without a closing slash.
        mapping: how this ERP reports errors.
        timeout: seconds for one call: a read with all its tries, waits and a sign-in; a write; the sign-in
            before a write.
        transport: an httpx2 transport in place of the network.
        retrier: retries reads and sign-ins.
    """

    def __init__(
        self,
        base_url: str,
        mapping: ErrorMapping,
        *,
        timeout: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        retrier: Retrier | None = None,
    ) -> None:
        self._base = httpx2.URL(base_url.rstrip("/"))
        self._mapping = mapping
        self._timeout = timeout
        self._retrier = retrier or Retrier()
        self._exchange = Exchange(timeout, mapping.auth_scheme, transport)
        self.tokens: Tokens | None = None
        self.limit = CallLimit()
        self.breaker = ErpBreaker(mapping.name)

    def share(self, limit: CallLimit, breaker: ErpBreaker | None) -> None:
        """Hold a place of this limit for every request from now on; with a breaker, find the ERP down together."""
        self.limit = limit
        self.breaker = breaker or self.breaker

    @property
    def pace(self) -> Pace:
        """How many requests of one list may be under way."""
        return self._exchange.pace

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock is ahead of this machine's; None before its first answer."""
        return self._exchange.clock_skew

    async def read(
        self, path: str, *segments: str, params: Params | None = None, permission: str | None = None
    ) -> Answer:
        """GET `path` with `segments` appended. An expired token is renewed and the read repeated, once.

        Args:
            path: the path below the base URL.
            segments: path segments, percent-encoded here. The first is an order's number; without one, a 404 is
                not about an order.
            params: the query.
            permission: the next step after a 403; by default that for reading orders.

        Raises:
            ERPError: no trustworthy answer came; nothing was changed.
        """
        url = build_url(self._base, path, segments)
        result = await self._run_unless_down(
            lambda note: self._read_with_retries(lambda token: self._get(url, token, params), note)
        )
        return self._require_success(result, permission, number=segments[0] if segments else None)

    async def call(self, path: str, body: Any, *, permission: str | None = None) -> Answer:
        """POST a call that only reads, as JSON-RPC has it in place of GET; retried and repeated like `read`.

        Args:
            path: the path below the base URL.
            body: the JSON body.
            permission: the next step after a 403; by default that for reading orders.

        Raises:
            ERPError: no trustworthy answer came; nothing was changed.
        """
        url = build_url(self._base, path, ())
        result = await self._run_unless_down(
            lambda note: self._read_with_retries(lambda token: self._post(url, token, body), note)
        )
        return self._require_success(result, permission)

    async def read_list(self, path: str, params: Params, *, permission: str | None = None) -> Any:
        """GET a page of a list and return its JSON, None for an empty list.

        Raises:
            ERPError: no trustworthy answer came; nothing was changed.
        """
        # Servers of other vendors answer 204 (BigCommerce) or, in their error envelope, 404 where a list is empty.
        url = build_url(self._base, path, ())
        result = await self._run_unless_down(
            lambda note: self._read_with_retries(lambda token: self._get(url, token, params), note)
        )
        answer, explanation = self._require_answer(result)
        # A 404 without the envelope may be a gateway's: taken for an empty list, it would hide every order.
        is_empty = answer.status == 404 and self._mapping.is_envelope(answer.body)
        if is_empty or (answer.status == 204 and answer.body is None):
            return None
        self._raise_for_read_status(answer, permission=permission, number=None, explanation=explanation)
        if answer.body is None:
            raise BadAnswer(f"{self._mapping.name} sent nothing where a list was asked for.")
        return answer.body

    async def write(
        self,
        method: Method,
        path: str,
        *segments: str,
        body: Any = None,
        expect: frozenset[int],
        verify: Callable[[Answer], T],
        number: str | None = None,
        before_send: BeforeSend = send_at_once,
    ) -> T:
        """Send a write once and return the result of `verify` for its answer.

        Args:
            method: the HTTP method.
            path: the path below the base URL.
            segments: path segments, percent-encoded here.
            body: the JSON body.
            expect: the statuses of a success; any other 2xx is an unknown outcome.
            verify: converts the answer; raises where it does not confirm the requested change.
            number: that of the order which is written to, which a 404 says does not exist; None for a new order.
            before_send: called after the sign-in, and again right before the first byte of the request; its
                exception is raised, and nothing is sent.

        Raises:
            Refused, NotPermitted, OrderNotFound, TooManyRequests: the ERP refused ("nothing_changed").
            Unreachable, SignInFailed, TooManyRequests: nothing was sent ("nothing_sent").
            OutcomeUnknown: the request was sent, and its outcome is not known.
        """
        url = build_url(self._base, path, segments)
        # The token must outlive the write: an expiry on the way would leave its outcome unknown.
        with ahead_of_a_write():
            token = None if self.tokens is None else await self.tokens.current(self._timeout)
        # Outside of the time-out: one that ends while the write waits for its place would leave it in doubt.
        async with self.limit.take(self._timeout, is_write=True):
            # Called here and again at the first byte: all that comes before can take the whole time-out.
            before_send()
            answer = await self._send_once(self._exchange.build(method, url, token, body=body, before_send=before_send))
        # A write is not repeated with a new token: a 401 does not prove that the write was not executed.
        if token is not None and self._mapping.is_token_expired_at_write(answer):
            await self._raise_if_signed_out(token)
        return self._verify(answer, expect, verify, number=number)

    async def sign_in(
        self, path: str, *, form: Mapping[str, str] | None = None, body: Any = None, once: bool = False
    ) -> Answer:
        """Request a token. Signing in changes no order, so it is retried like a read.

        Args:
            path: the path below the base URL.
            form: the form of the request.
            body: the JSON body.
            once: do not retry, for an ERP that counts refused sign-ins and locks the user out.

        Raises:
            SignInFailed: the ERP does not accept the credentials.
            Unreachable, TooManyRequests: no token could be fetched.
        """
        url = build_url(self._base, path, ())

        async def ask() -> Answer:
            return await self._ask("POST", url, None, form=form, body=body)

        async def ask_once(on_failure: OnFailure) -> AttemptResult:
            return AttemptResult(await ask())

        result = await self._run_in_time(ask_once if once else lambda note: self._retrier(ask, note))
        # A sign-in is a part of a call that passed the breaker, so it is counted and never stopped.
        self.breaker.note(result)
        return require_signed_in(self._mapping, self._base.host, result)

    async def aclose(self) -> None:
        await self._exchange.aclose()
        await self.limit.aclose()

    def _raise_for_read_status(
        self, answer: Answer, *, permission: str | None, number: str | None, explanation: str
    ) -> None:
        """Raise the error for an answer to a read whose status is not 200."""
        permission = permission or self._mapping.permission_to_read
        self._mapping.raise_for_read(answer, permission=permission, number=number, explanation=explanation)
        if answer.status != 200:
            raise BadAnswer(f"{self._mapping.name} gave an unexpected answer (HTTP {answer.status}).")

    async def _run_unless_down(self, call: _Call) -> AttemptResult:
        """Run a call that reads, unless the ERP is down."""
        with self.breaker.watch() as note:
            result = await self._run_in_time(call)
            note(result)
        return result

    async def _run_in_time(self, call: _Call) -> AttemptResult:
        """Run a call that changes nothing, all its tries within the time-out."""
        failed: list[AttemptResult] = []
        try:
            # Over the whole call: httpx2's time-outs count silence, and a server that drips bytes is never silent.
            with anyio.fail_after(self._timeout):
                return await call(failed.append)
        except FOREIGN as exc:
            # The try that is cut off would hide that no earlier one reached the ERP.
            if isinstance(exc, TimeoutError) and failed and isinstance(failed[-1].outcome, NOT_SENT):
                return failed[-1]
            return AttemptResult(exc)

    async def _read_with_retries(
        self, send: Callable[[Token | None], Awaitable[Answer]], on_failure: OnFailure
    ) -> AttemptResult:
        """Send a read with retries; the one renewal of the token does not count as a try."""
        token = None if self.tokens is None else await self.tokens.current()
        renewed = token is None

        async def get() -> Answer:
            nonlocal token, renewed
            answer = await send(token)
            # Once: an ERP that refuses a new token refuses every one, and each sign-in may end another's token.
            if renewed or not self._mapping.is_token_expired(answer):
                return answer
            assert self.tokens is not None
            assert token is not None
            token, renewed = await self.tokens.replace(token), True
            return await send(token)

        return await self._retrier(get, on_failure)

    async def _get(self, url: httpx2.URL, token: Token | None, params: Params | None) -> Answer:
        return await self._ask("GET", url, token, params=params)

    async def _post(self, url: httpx2.URL, token: Token | None, body: Any) -> Answer:
        return await self._ask("POST", url, token, body=body)

    async def _ask(
        self,
        method: Method,
        url: httpx2.URL,
        token: Token | None,
        *,
        params: Params | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Send a request that changes nothing; one whose answer may be that to an earlier one, once more."""
        # A connection that is silent for half of the time-out is given up, which leaves time for another try.
        silence = self._timeout / 2

        def build(*, alone: bool) -> httpx2.Request:
            what = {"params": params, "form": form, "body": body, "silence": silence}
            return self._exchange.build(method, url, token, **what, alone=alone)

        await need_place()
        async with self.limit.take(silence):
            received = await self._exchange.receive(build(alone=False))
            # Not a sign-in: some ERPs count those that they refuse, and lock the user out.
            if received.may_be_late and token is not None:
                received = await self._exchange.receive(build(alone=True))
        return await received.parse_in_turn()

    def _require_success(self, result: AttemptResult, permission: str | None, *, number: str | None = None) -> Answer:
        """Return the answer to a read; raise where there is none, or where it is no success."""
        answer, explanation = self._require_answer(result)
        self._raise_for_read_status(answer, permission=permission, number=number, explanation=explanation)
        return answer

    async def _send_once(self, request: httpx2.Request) -> Answer:
        """Send a write once."""
        try:
            with anyio.fail_after(self._timeout):
                return await self._exchange.send(request)
        # What stopped it at its first byte has said so.
        except PurchaseOrderError:
            raise
        except Exception as exc:  # any exception: where no byte was sent, nothing is in doubt
            first_byte: FirstByte | None = request.extensions.get("trace")
            if (error := failed_write_error(self._mapping.name, self._base.host, exc, first_byte)) is None:
                raise
            raise error from exc

    async def _raise_if_signed_out(self, token: Token) -> None:
        """Raise `SignInEnded` where a read with the same token is refused as well.

        Raises:
            OutcomeUnknown: the read failed.
        """
        # A gateway can answer a write that was carried out with a 401. Only a token that a read cannot use either
        # shows that the ERP did not accept the write.
        url = httpx2.URL(str(self._base).rstrip("/") + self._mapping.cheap_read_path)
        body = self._mapping.cheap_read_body
        try:
            with anyio.fail_after(self._timeout):
                answer = await (self._get(url, token, None) if body is None else self._post(url, token, body))
        # No place for the read says nothing of the write, which was sent.
        except (*FOREIGN, TooManyRequests) as exc:
            raise self._unknown_outcome("it says that the sign-in ended, and a read to check that failed") from exc
        # An ERP that fails says nothing of the token, so the write stays in doubt.
        if answer.status in TRANSIENT_STATUSES or answer.status >= 500:
            raise self._unknown_outcome("it says that the sign-in ended, and a read to check that failed")
        if self._mapping.is_token_expired(answer) or self._mapping.is_token_expired_at_write(answer):
            raise await self._renew_after_refusal(token)

    async def _renew_after_refusal(self, token: Token) -> SignInEnded:
        """Sign in again and return the error to raise."""
        what = f"{self._mapping.name} rejected the sign-in."
        assert self.tokens is not None
        try:
            await self.tokens.replace(token)
        except PurchaseOrderError as exc:
            return SignInEnded(
                what, effect="nothing_changed", detail="Signing in again failed.", next_step=exc.next_step
            )
        return SignInEnded(what, effect="nothing_changed")

    def _require_answer(self, result: AttemptResult) -> tuple[Answer, str]:
        """Return the answer and the explanation of its tries; raise where there is no answer."""
        if isinstance(result.outcome, Exception):
            raise self._no_answer(result.outcome, result.explanation) from result.outcome
        return result.outcome, result.explanation

    def _verify(
        self, answer: Answer, expect: frozenset[int], verify: Callable[[Answer], T], *, number: str | None
    ) -> T:
        """Return the result of `verify` for a write's answer; raise for a refusal or an unknown outcome."""
        refusal = self._mapping.find_write_refusal(answer, number=number)
        if refusal is not None:
            raise refusal
        # Also an undocumented 2xx, such as a 202, may mean that the write is executed later or never.
        odd_status = "" if answer.status in expect else f"it answered HTTP {answer.status}"
        if odd_status and not 200 <= answer.status < 300:
            raise self._unknown_outcome(odd_status)
        try:
            verified = verify(answer)
        except OtherNumber as exc:
            # The only trace of an order that the ERP numbered itself, whatever its status is.
            reason = f"it answered with order {visible(exc.number, 80)}: look there"
            raise self._unknown_outcome(reason, exc.number) from exc
        except Exception as exc:  # any exception: the write was sent, so a failure to read its answer proves nothing
            raise self._unknown_outcome(odd_status or "its answer does not match the request") from exc
        if odd_status:
            raise self._unknown_outcome(odd_status)
        return verified

    def _no_answer(self, error: Exception, explanation: str = "") -> ERPError:
        return no_answer_error(self._mapping.name, self._base.host, error, explanation)

    def _unknown_outcome(self, reason: str, answered_number: str | None = None) -> ERPError:
        return unknown_outcome_error(self._mapping.name, reason, answered_number)
