"""Every request to an ERP leaves here, in `Wire`, and every foreign error becomes one of ours here.

A read may be repeated once, with a fresh token. A write is sent once: no transport retries, no
redirects, no second try. Whatever is doubtful about a write's answer is `OutcomeUnknown`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import anyio
import httpx2

from po_mcp import __version__
from po_mcp.connectors import bodies, exact_json
from po_mcp.connectors.dialect import Answer, Dialect
from po_mcp.connectors.tokens import Token, Tokens
from po_mcp.errors import (
    BadAnswer,
    ERPError,
    InvalidInput,
    OutcomeUnknown,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)

Method = Literal["GET", "POST", "DELETE", "PATCH"]
T = TypeVar("T")

# httpx2 tells every URL at INFO and httpcore2 every header at DEBUG; ours say what matters, without secrets.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to stand."""

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.InvalidURL,
)
_DEFINITE = frozenset({400, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422})
"""Answers to a write after which it certainly was not carried out. 401, 408, 425 and 429 are not
among them: a gateway may have said them after the ERP had acted."""


def checked_segment(text: str, what: str = "order number") -> str:
    """Return `text` if a path can carry it as exactly one segment; else raise `InvalidInput`."""
    if not _SEGMENT.fullmatch(text):
        raise InvalidInput(
            f"That is no {what}. Nothing was sent.",
            next_step="Write letters, digits, dots, dashes and underscores, at most 64, such as PO-2025-0042.",
        )
    return text


class Wire:
    """The HTTP side of one connection: one client, one token, time-outs, limits, translation.

    Args:
        base_url: scheme, host and base path, without a closing slash.
        dialect: how this ERP says no.
        timeout: seconds that one call may take, from its first byte to its last.
        transport: an httpx2 transport; the sandbox and tests give one.
    """

    def __init__(
        self,
        base_url: str,
        dialect: Dialect,
        *,
        timeout: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = httpx2.URL(base_url.rstrip("/"))
        self._dialect = dialect
        self._timeout = timeout
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None
        self.tokens: Tokens | None = None

    async def read(self, path: str, *segments: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """GET `path` with `segments` appended; a token that ended is renewed and the read repeated, once.

        The first segment is an order's number: without one, a 404 says nothing of an order.
        """
        url = self._url(path, segments)
        token = await self._token(0.0)
        answer = await self._exchange("GET", url, token, params=params)
        if token is not None and self._dialect.ended(answer):
            assert self.tokens is not None
            answer = await self._exchange("GET", url, await self.tokens.replace(token), params=params)
        self._dialect.refuse(answer, permission=self._dialect.permission_to_read, of_order=bool(segments))
        if answer.status != 200:
            raise BadAnswer(f"{self._dialect.name} gave another answer (HTTP {answer.status}) than was asked for.")
        return answer

    async def write(
        self,
        method: Method,
        path: str,
        *segments: str,
        body: Any = None,
        expect: frozenset[int],
        verify: Callable[[Any], T],
        creates: bool = False,
    ) -> T:
        """Send a write, once, and return what `verify` makes of the body that came back.

        `expect` are the statuses of a success; any other 2xx is in doubt. `verify` raises where the body
        is not that of the success that was asked for. `creates`: there is no order yet that a 404 could
        be about.

        Raises:
            Refused, NotPermitted, OrderNotFound: the ERP said no.
            Unreachable, SignInFailed, TooManyRequests: nothing was sent.
            OutcomeUnknown: it was sent, and every other end.
        """
        url = self._url(path, segments)
        token = await self._token(self._timeout)
        try:
            answer = await self._exchange(method, url, token, body=body)
        except BadAnswer as exc:
            raise self._doubt(str(exc.what)) from exc
        return self._verified(answer, expect, verify, of_order=not creates)

    async def sign_in(self, path: str, *, form: Mapping[str, str] | None = None, body: Any = None) -> Answer:
        """Ask for a token. Not a read of an order and not a write: neither repeated nor in doubt."""
        name = self._dialect.name
        try:
            answer = await self._exchange("POST", self._url(path, ()), None, form=form, body=body, is_write=False)
        except BadAnswer as exc:
            raise Unreachable(f"{name} gave no token that can be read. Nothing was sent.") from exc
        if 200 <= answer.status < 300:
            return answer
        if answer.status in (400, 401, 403) or 300 <= answer.status < 400:
            raise SignInFailed(f"{name} does not accept the credentials (HTTP {answer.status}).")
        if answer.status == 429:
            raise TooManyRequests(f"{name} asks for fewer requests. Nothing was sent.")
        raise Unreachable(f"{name} could not sign us in (HTTP {answer.status}). Nothing was sent.")

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def _url(self, path: str, segments: tuple[str, ...]) -> httpx2.URL:
        """Build the URL, and make sure that the segments stayed segments."""
        for segment in segments:
            checked_segment(segment)
        joined = "/".join((self._base.path.rstrip("/") + path, *segments))
        url = self._base.copy_with(path=joined)
        if url.path != joined or url.raw_path.count(b"/") != joined.count("/"):
            raise InvalidInput("This cannot be put into the address of a request. Nothing was sent.")
        return url

    async def _token(self, lasting: float) -> Token | None:
        return None if self.tokens is None else await self.tokens.current(lasting)

    async def _exchange(
        self,
        method: Method,
        url: httpx2.URL,
        token: Token | None,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
        is_write: bool | None = None,
    ) -> Answer:
        """Send one request, once, and read its whole answer within the time-out and the size limit."""
        writes = method != "GET" if is_write is None else is_write
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": f"po-mcp/{__version__}"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = exact_json.dumps(body)
        request = self._http().build_request(method, url, params=params, headers=headers, content=content, data=form)
        try:
            with anyio.fail_after(self._timeout):
                return await self._send(request)
        except _NOT_SENT as exc:
            raise Unreachable(f"{self._dialect.name} cannot be reached. Nothing was sent.") from exc
        except (httpx2.HTTPError, httpx2.StreamError, TimeoutError, OSError) as exc:
            if writes:
                raise self._doubt("the connection failed before the answer was complete.") from exc
            raise Unreachable(f"{self._dialect.name} did not answer in full. Nothing was changed.") from exc

    async def _send(self, request: httpx2.Request) -> Answer:
        response = await self._http().send(request, stream=True)
        try:
            raw = await bodies.read(response)
        except bodies.TooLarge as exc:
            raise BadAnswer(f"{self._dialect.name} sent too large an answer: {exc}.") from exc
        finally:
            if response.status_code == 400:
                await _hang_up(response)
            await response.aclose()
        return Answer(response.status_code, self._json(response.status_code, raw))

    def _json(self, status: int, raw: bytes) -> Any:
        """Read the body; one that is not JSON matters only where an order was expected in it."""
        if not raw:
            return None
        try:
            return exact_json.loads(raw)
        except exact_json.NotExact as exc:
            if 200 <= status < 300:
                raise BadAnswer(f"{self._dialect.name} sent a body that cannot be read: {exc}.") from exc
            return None

    def _http(self) -> httpx2.AsyncClient:
        """Return the client, made at the first call: its TLS context costs what tools/list need not wait for."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self._transport or httpx2.AsyncHTTPTransport(retries=0),
                follow_redirects=False,
                timeout=httpx2.Timeout(self._timeout, connect=min(CONNECT_TIMEOUT, self._timeout)),
                trust_env=False,
            )
        return self._client

    def _verified(self, answer: Answer, expect: frozenset[int], verify: Callable[[Any], T], *, of_order: bool) -> T:
        """Return what `verify` makes of a write's answer; raise where it is a refusal, or in doubt."""
        if answer.status in _DEFINITE and not self._dialect.ended(answer):
            permission = self._dialect.permission_to_write
            self._dialect.refuse(answer, permission=permission, of_order=of_order)
        if answer.status not in expect:
            raise self._doubt(f"HTTP {answer.status} came back.")
        try:
            return verify(answer.body)
        except Exception as exc:  # it is sent: whatever fails now leaves its outcome in doubt
            raise self._doubt("its answer is not that of the success it claims.") from exc

    def _doubt(self, what: str) -> ERPError:
        return OutcomeUnknown(f"The request was sent to {self._dialect.name}, but {what}")


async def _hang_up(response: httpx2.Response) -> None:
    """Close the connection under an answer, so that no later request shares it.

    Exsited can repeat a 400 to whatever comes next on its connection
    (https://pypi.org/project/exsited/, README, "Repeated 400").
    """
    stream = response.extensions.get("network_stream")
    if stream is not None:
        await stream.aclose()
