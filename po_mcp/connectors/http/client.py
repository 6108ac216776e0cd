"""Every request to an ERP leaves here, in `Wire`, and every foreign error becomes one of ours here.

A read that failed for a moment is tried again, and repeated once with a fresh token. A write is sent
once: no transport retries, no redirects, no second try. It was refused where the ERP says so in its own
envelope; whatever else is no success is `OutcomeUnknown`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import anyio
import httpx2

from po_mcp import __version__
from po_mcp.connectors.http import exact_json, response_body
from po_mcp.connectors.http.error_mapping import PASSING_STATUSES, Answer, Dialect
from po_mcp.connectors.http.header_times import retry_after, skew
from po_mcp.connectors.http.retry import Retrying, Tried
from po_mcp.connectors.http.tokens import Token, Tokens
from po_mcp.connectors.http.urls import address
from po_mcp.erp import BeforeSend, send_at_once
from po_mcp.errors import (
    BadAnswer,
    ERPError,
    OutcomeUnknown,
    PurchaseOrderError,
    SignInEnded,
    SignInFailed,
    Unreachable,
)

Method = Literal["GET", "POST", "DELETE", "PATCH"]
Params = Mapping[str, str | int]
T = TypeVar("T")

# httpx2 tells every URL at INFO and httpcore2 every header at DEBUG; ours say what matters, without secrets.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to stand."""

_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)
_UNREADABLE = (response_body.TooLarge, exact_json.NotExact)
_BROKEN = (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError)
_FOREIGN = (*_NOT_SENT, *_UNREADABLE, *_BROKEN)


class Wire:
    """The HTTP side of one connection: one client, one token, time-outs, limits, translation.

    Args:
        base_url: scheme, host and base path, without a closing slash.
        dialect: how this ERP says no.
        timeout: seconds that one call may take, from its first byte to its last: a read with all its
            tries and waits, and the sign-in that it may need; a write; the sign-in before a write.
        transport: an httpx2 transport; the sandbox and tests give one.
        retrying: how reads are tried again; tests give one that does not wait.
    """

    def __init__(
        self,
        base_url: str,
        dialect: Dialect,
        *,
        timeout: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        retrying: Retrying | None = None,
    ) -> None:
        self._base = httpx2.URL(base_url.rstrip("/"))
        self._dialect = dialect
        self._timeout = timeout
        self._transport = transport
        self._retrying = retrying or Retrying()
        self._client: httpx2.AsyncClient | None = None
        self.tokens: Tokens | None = None
        self.clock_skew: float | None = None

    async def read(
        self, path: str, *segments: str, params: Params | None = None, permission: str | None = None
    ) -> Answer:
        """GET `path` with `segments` appended; a token that ended is renewed and the read repeated, once.

        The first segment is an order's number: without one, a 404 says nothing of an order.
        `permission` is the next step after a 403, where it is another than to read orders.
        """
        url = address(self._base, path, segments)
        tried = await self._in_time(lambda: self._tried(lambda token: self._get(url, token, params)))
        return self._told(tried, permission, of_order=bool(segments))

    async def call(self, path: str, body: Any, *, permission: str | None = None) -> Answer:
        """POST a call that only reads, tried and repeated like `read`: what JSON-RPC has in place of GET."""
        url = address(self._base, path, ())
        tried = await self._in_time(lambda: self._tried(lambda token: self._post(url, token, body)))
        return self._told(tried, permission, of_order=False)

    async def read_list(self, path: str, params: Params, *, permission: str | None = None) -> Any:
        """GET a page of a list, and return its JSON; None where the ERP says so that there is nothing.

        Some servers answer 204 or, in their envelope, 404 where a list is empty.
        """
        url = address(self._base, path, ())
        tried = await self._in_time(lambda: self._tried(lambda token: self._get(url, token, params)))
        answer, told = self._answered(tried)
        is_empty = answer.status == 404 and self._dialect.is_envelope(answer.body)
        if is_empty or (answer.status == 204 and answer.body is None):
            return None
        self._refuse(answer, permission=permission, of_order=False, told=told)
        if answer.body is None:
            raise BadAnswer(f"{self._dialect.name} sent nothing where a list was asked for.")
        return answer.body

    async def write(
        self,
        method: Method,
        path: str,
        *segments: str,
        body: Any = None,
        expect: frozenset[int],
        verify: Callable[[Answer], T],
        creates: bool = False,
        before_send: BeforeSend = send_at_once,
    ) -> T:
        """Send a write, once, and return what `verify` makes of the answer that came back.

        `expect` are the statuses of a success; any other 2xx is in doubt. `verify` raises where the answer
        is not that of the success that was asked for. `creates`: there is no order yet that a 404 could
        be about. `before_send` is called once the token is there, and again right before the first byte leaves
        the socket: what it raises is raised, and nothing is sent.

        Raises:
            Refused, NotPermitted, OrderNotFound, TooManyRequests: the ERP said no ("nothing_changed").
            Unreachable, SignInFailed, TooManyRequests: nothing was sent ("nothing_sent").
            OutcomeUnknown: it was sent, and every other end.
        """
        url = address(self._base, path, segments)
        token = None if self.tokens is None else await self.tokens.current(self._timeout)
        before_send()
        answer = await self._once(self._request(method, url, token, body=body, before_send=before_send))
        if token is not None and self._dialect.ended_at_a_write(answer):
            await self._refuse_if_signed_out(token)
        return self._verified(answer, expect, verify, of_order=not creates)

    async def sign_in(
        self, path: str, *, form: Mapping[str, str] | None = None, body: Any = None, once: bool = False
    ) -> Answer:
        """Ask for a token. It changes no order, so it is tried again like a read.

        `once`: it is not, for an ERP that counts what it refused and locks the user out.
        """
        url = address(self._base, path, ())

        async def ask() -> Answer:
            return await self._send(self._request("POST", url, None, form=form, body=body, silence=self._timeout / 2))

        async def ask_once() -> Tried:
            return Tried(await ask())

        name = self._dialect.name
        tried = await self._in_time(ask_once if once else lambda: self._retrying(ask))
        if isinstance(tried.outcome, _UNREADABLE):
            raise Unreachable(f"{name} gave no token that can be read. Nothing was sent.") from tried.outcome
        answer, told = self._answered(tried)
        status = answer.status
        if 200 <= status < 300:
            return answer
        if status in (400, 401, 403) or 300 <= status < 400:
            raise SignInFailed(f"{name} does not accept the credentials (HTTP {status}). Nothing was sent.")
        if status in PASSING_STATUSES:
            raise self._dialect.failed(answer, told)
        raise Unreachable(f"{name} could not sign us in (HTTP {status}). Nothing was sent.")

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def _refuse(self, answer: Answer, *, permission: str | None, of_order: bool, told: str) -> None:
        """Raise our error for an answer to a read that is not the one that was asked for."""
        permission = permission or self._dialect.permission_to_read
        self._dialect.refuse(answer, permission=permission, of_order=of_order, told=told)
        if answer.status != 200:
            raise BadAnswer(f"{self._dialect.name} gave another answer (HTTP {answer.status}) than was asked for.")

    async def _in_time(self, call: Callable[[], Awaitable[Tried]]) -> Tried:
        """Make a call that changes nothing, all its tries within the time-out."""
        try:
            with anyio.fail_after(self._timeout):
                return await call()
        except _FOREIGN as exc:
            return Tried(exc)

    async def _tried(self, send: Callable[[Token | None], Awaitable[Answer]]) -> Tried:
        """Read until it is answered; the one renewal of the token is not counted as a try."""
        token = None if self.tokens is None else await self.tokens.current()
        renewed = token is None

        async def get() -> Answer:
            nonlocal token, renewed
            answer = await send(token)
            if renewed or not self._dialect.ended(answer):
                return answer
            assert self.tokens is not None
            assert token is not None
            token, renewed = await self.tokens.replace(token), True
            return await send(token)

        return await self._retrying(get)

    async def _get(self, url: httpx2.URL, token: Token | None, params: Params | None) -> Answer:
        # A connection that is silent for half of the time is given up, so that there is time for another.
        return await self._send(self._request("GET", url, token, params=params, silence=self._timeout / 2))

    async def _post(self, url: httpx2.URL, token: Token | None, body: Any) -> Answer:
        return await self._send(self._request("POST", url, token, body=body, silence=self._timeout / 2))

    def _told(self, tried: Tried, permission: str | None, *, of_order: bool) -> Answer:
        """Return the answer to a read; raise where it is none, or not a success."""
        answer, told = self._answered(tried)
        self._refuse(answer, permission=permission, of_order=of_order, told=told)
        return answer

    async def _once(self, request: httpx2.Request) -> Answer:
        """Send a write. There is no second time."""
        try:
            with anyio.fail_after(self._timeout):
                return await self._send(request)
        except _NOT_SENT as exc:
            raise self._unanswered(exc) from exc
        except _UNREADABLE as exc:
            raise self._doubt("its answer cannot be read.") from exc
        except _BROKEN as exc:
            raise self._doubt("the connection failed before the answer was complete.") from exc

    async def _refuse_if_signed_out(self, token: Token) -> None:
        """Raise `SignInEnded` where a read with the same token is refused, too: then the write was not accepted.

        Raises:
            OutcomeUnknown: the read failed.
        """
        url = httpx2.URL(str(self._base).rstrip("/") + self._dialect.cheap_read)
        body = self._dialect.cheap_call
        try:
            with anyio.fail_after(self._timeout):
                answer = await (self._get(url, token, None) if body is None else self._post(url, token, body))
        except _FOREIGN as exc:
            raise self._doubt("it says that the sign-in ended, and a read that would show it failed.") from exc
        if answer.status in PASSING_STATUSES or answer.status >= 500:
            raise self._doubt("it says that the sign-in ended, and a read that would show it failed.")
        if self._dialect.ended(answer) or self._dialect.ended_at_a_write(answer):
            raise await self._sign_in_ended(token)

    async def _sign_in_ended(self, token: Token) -> SignInEnded:
        """Sign in again, and return the error that says so."""
        what = f"{self._dialect.name} no longer accepted our sign-in. Nothing was changed."
        assert self.tokens is not None
        try:
            await self.tokens.replace(token)
        except PurchaseOrderError as exc:
            return SignInEnded(f"{what} Signing in again failed.", next_step=exc.next_step)
        return SignInEnded(what)

    async def _send(self, request: httpx2.Request) -> Answer:
        """Send one request and read its whole answer within the size limit."""
        response = await self._http().send(request, stream=True)
        try:
            raw = await response_body.read(response, response_body.LARGEST)
        finally:
            if response.status_code == 400:
                await _hang_up(response)
            await response.aclose()
        now = datetime.now(UTC)
        self.clock_skew = skew(response.headers.get("date"), now)
        asked = retry_after(response.headers.get("retry-after"), now)
        location = response.headers.get("location")
        return Answer(response.status_code, _json(response.status_code, raw), asked, location)

    def _request(
        self,
        method: Method,
        url: httpx2.URL,
        token: Token | None,
        *,
        params: Params | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
        silence: float | None = None,
        before_send: BeforeSend | None = None,
    ) -> httpx2.Request:
        """Build a request; `silence` is how many seconds nothing may arrive."""
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": f"po-mcp/{__version__}"}
        if token is not None:
            headers["Authorization"] = f"{self._dialect.scheme} {token.text}"
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = exact_json.dumps(body)
        longest = silence or self._timeout
        timeout = httpx2.Timeout(longest, connect=min(CONNECT_TIMEOUT, longest))
        extensions = None if before_send is None else {"trace": _before_first_byte(before_send)}
        return self._http().build_request(
            method,
            url,
            params=params,
            headers=headers,
            content=content,
            data=form,
            timeout=timeout,
            extensions=extensions,
        )

    def _http(self) -> httpx2.AsyncClient:
        """Return the client, made at the first call: its TLS context costs what tools/list need not wait for."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self._transport or httpx2.AsyncHTTPTransport(retries=0),
                follow_redirects=False,
                trust_env=False,
            )
        return self._client

    def _answered(self, tried: Tried) -> tuple[Answer, str]:
        """Return the answer and what is told of the tries; raise where there is no answer."""
        if isinstance(tried.outcome, Exception):
            raise self._unanswered(tried.outcome, tried.told) from tried.outcome
        return tried.outcome, tried.told

    def _verified(self, answer: Answer, expect: frozenset[int], verify: Callable[[Answer], T], *, of_order: bool) -> T:
        """Return what `verify` makes of a write's answer; raise where it is a refusal, or in doubt."""
        refusal = self._dialect.refusal_of_a_write(answer, of_order=of_order)
        if refusal is not None:
            raise refusal
        if answer.status not in expect:
            raise self._doubt(f"HTTP {answer.status} came back.")
        try:
            return verify(answer)
        except Exception as exc:  # it is sent: whatever fails now leaves its outcome in doubt
            raise self._doubt("its answer is not that of the success it claims.") from exc

    def _unanswered(self, error: Exception, told: str = "") -> ERPError:
        """Return our error for a request that changed nothing and got no answer that can be read."""
        name = self._dialect.name
        if isinstance(error, _UNREADABLE):
            return BadAnswer(f"{name} sent a body that cannot be read: {error}. Nothing was changed. {told}".strip())
        if isinstance(error, _NOT_SENT):
            return Unreachable(f"{name} cannot be reached. Nothing was sent. {told}".strip())
        return Unreachable(f"{name} did not answer in full. Nothing was changed. {told}".strip())

    def _doubt(self, what: str) -> ERPError:
        return OutcomeUnknown(
            f"The request was sent to {self._dialect.name}, but {what}",
            next_step="Do not send it again: read the order to see what came of it, and tell the user.",
        )


def _before_first_byte(before_send: BeforeSend) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """Return a trace for the transport that calls `before_send` right before a request's first byte is written.

    httpcore2 awaits its trace at each step, and gives the request up where that raises
    (https://github.com/pydantic/httpcore2, _trace.py).
    """

    async def trace(step: str, info: Mapping[str, Any]) -> None:
        if step.endswith(".send_request_headers.started"):
            before_send()

    return trace


def _json(status: int, raw: bytearray) -> Any:
    """Read a body; one that is not JSON matters only where an order was expected in it: `NotExact`."""
    if not raw:
        return None
    try:
        return exact_json.loads(raw)
    except exact_json.NotExact:
        if 200 <= status < 300:
            raise
        return None


async def _hang_up(response: httpx2.Response) -> None:
    """Close the connection under an answer, so that no later request shares it.

    Exsited can repeat a 400 to whatever comes next on its connection
    (https://pypi.org/project/exsited/, README, "Repeated 400").
    """
    stream = response.extensions.get("network_stream")
    if stream is not None:
        await stream.aclose()
