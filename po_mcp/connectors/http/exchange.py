"""One request to the ERP and its one answer: no retry, no redirect, no opinion about what was answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2

from po_mcp import __version__
from po_mcp.concurrency import give_place_back, let_requests_go
from po_mcp.connectors.http import exact_json, response_body
from po_mcp.connectors.http.cookies import KeptCookies
from po_mcp.connectors.http.error_mapping import Answer
from po_mcp.connectors.http.first_byte import FirstByte
from po_mcp.connectors.http.header_times import parse_clock_skew, parse_retry_after
from po_mcp.connectors.http.pace import Pace
from po_mcp.connectors.http.surplus import is_on_kept_connection, may_have_surplus
from po_mcp.connectors.http.tokens import Token
from po_mcp.connectors.http.transport import OF_ITS_OWN, Connections, trust_for
from po_mcp.erp import BeforeSend
from po_mcp.telemetry import Value, measure

Method = Literal["GET", "POST", "DELETE", "PATCH"]
Params = Mapping[str, str | int]

# httpx2 logs every URL at INFO and httpcore2 every header at DEBUG, the bearer token among them.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

CONNECT_TIMEOUT_S = 10.0
"""Seconds in which a connection must be established."""

_LARGE_BODY_BYTES = 4096
"""Bytes of a body from which on it takes longer to read it than to let others go first."""
_TOO_MANY_REQUESTS = 429
_NOTHING = 204
_NO_CONTENT = httpx2.ByteStream(b"")


@dataclass(frozen=True)
class Received:
    """A complete answer whose body was not read as JSON: of a page of a list that takes a while."""

    status: int
    raw: bytearray
    retry_after: int | None
    location: str | None
    may_be_late: bool = False
    """It may be what an ERP sent late behind the answer to an earlier request on the same connection."""

    def parse(self) -> Answer:
        """Read the body.

        Raises:
            NotExact: the body of a success is not JSON.
        """
        return Answer(self.status, _parse_body(self.status, self.raw), self.retry_after, self.location)

    async def parse_in_turn(self) -> Answer:
        """Read the body once the request is sent for which this answer makes room, since that takes milliseconds.

        Raises:
            NotExact: as in `parse`.
        """
        # Whatever is no success may be repeated, at the time that it names: until then it keeps its place.
        if len(self.raw) >= _LARGE_BODY_BYTES and 200 <= self.status < 300:
            give_place_back()
            await let_requests_go()
        return self.parse()


class Exchange:
    """Sends single requests over one transport, which the first request opens.

    What httpx2's client adds is not wanted here: no redirect, which could carry the token to another host or repeat a
    write, no credentials but the token, and no proxy or netrc file of the environment.

    Args:
        timeout: seconds of silence after which a connection is given up.
        auth_scheme: what stands before the token in the header `Authorization`.
        transport: an httpx2 transport in place of the network.
    """

    def __init__(self, timeout: float, auth_scheme: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._timeout = timeout
        self._auth_scheme = auth_scheme
        self._transport = transport
        self._is_closed = False
        self._cookies = KeptCookies()
        self._constant_headers: dict[tuple[bytes, str | None, bool], httpx2.Headers] = {}
        self.pace = Pace()
        self.clock_skew: float | None = None

    def build(
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
        alone: bool = False,
    ) -> httpx2.Request:
        """Build a request; `silence` limits the seconds between two received bytes, `before_send` makes it a write.

        With `alone` it goes over a new connection, as every write does.
        """
        longest = silence or self._timeout
        timeout = {"connect": min(CONNECT_TIMEOUT_S, longest), "read": longest, "write": longest, "pool": longest}
        extensions: dict[str, Any] = {"timeout": timeout}
        if before_send is not None:
            extensions["trace"] = FirstByte(before_send)
        if alone or before_send is not None:
            extensions[OF_ITS_OWN] = True
        has_content = body is not None or form is not None
        return httpx2.Request(
            method,
            url,
            params=params,
            headers=self._headers(url.netloc, token, has_json=body is not None),
            cookies=self._cookies.jar,
            content=None if body is None else exact_json.dumps(body),
            data=form,
            # Nothing need find out the length of no content; but a POST and a PATCH must say that it is 0.
            stream=None if has_content or method in ("POST", "PATCH") else _NO_CONTENT,
            extensions=extensions,
        )

    def _headers(self, host: bytes, token: Token | None, *, has_json: bool) -> httpx2.Headers:
        """Return the headers that all requests with this token have, written once."""
        key = host, None if token is None else token.text, has_json
        if key not in self._constant_headers:
            self._constant_headers = {key: httpx2.Headers(self._write_headers(host, token, has_json=has_json))}
        return self._constant_headers[key]

    def _write_headers(self, host: bytes, token: Token | None, *, has_json: bool) -> dict[str, str]:
        # gzip only: the decoder with a limit on its output supports no other encoding.
        headers = {
            "Host": host.decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Connection": "keep-alive",
            "User-Agent": f"po-mcp/{__version__}",
        }
        if token is not None:
            headers["Authorization"] = f"{self._auth_scheme} {token.text}"
        if has_json:
            headers["Content-Type"] = "application/json"
        return headers

    async def send(self, request: httpx2.Request) -> Answer:
        """Send one request and read its answer within the size limit."""
        return (await self.receive(request)).parse()

    async def receive(self, request: httpx2.Request) -> Received:
        """Send one request and return its answer as it came, within the size limit."""
        # No path: it holds the numbers of orders.
        facts: dict[str, Value] = {"http.request.method": request.method, "server.address": request.url.host}
        with measure("po_mcp.erp.request", facts) as span:
            received = await self._receive(request)
            span.set_attribute("http.response.status_code", received.status)
        return received

    async def _receive(self, request: httpx2.Request) -> Received:
        response = await self._open_transport(request.url.scheme).handle_async_request(request)
        try:
            response.request = request
            self._cookies.keep(response)
            raw = await response_body.read_body(response, response_body.MAX_BODY_BYTES)
        finally:
            # A repeated 400, or an answer behind an answer, would be taken for that to the next request, a write's too.
            has_surplus, is_kept = may_have_surplus(response), is_on_kept_connection(response)
            if response.status_code == 400 or has_surplus:
                await _close_connection(response)
            await response.aclose()
        now = datetime.now(UTC)
        self.clock_skew = parse_clock_skew(response.headers.get("date"), now)
        asked = parse_retry_after(response.headers.get("retry-after"), now)
        if response.status_code == _TOO_MANY_REQUESTS:
            self.pace.slow_down()
        may_be_late = is_kept and (has_surplus or response.status_code == _NOTHING)
        return Received(response.status_code, raw, asked, response.headers.get("location"), may_be_late)

    async def aclose(self) -> None:
        self._is_closed = True
        if self._transport is not None:
            await self._transport.aclose()

    def _open_transport(self, scheme: str) -> httpx2.AsyncBaseTransport:
        """Return the transport; that to the network is made at the first call, since all go to one address."""
        if self._is_closed:
            raise RuntimeError("a request after the connector was closed")
        if self._transport is None:
            self._transport = Connections(trust_for(scheme))
        return self._transport


def _parse_body(status: int, raw: bytearray) -> Any:
    """Parse a body; None for an empty one, and for an error's body that is not JSON.

    Raises:
        NotExact: the body of a success is not JSON.
    """
    if not raw:
        return None
    try:
        return exact_json.loads(raw)
    except exact_json.NotExact:
        # A gateway's error is a page of HTML: its status counts, and must not be lost over the body.
        if 200 <= status < 300:
            raise
        return None


async def _close_connection(response: httpx2.Response) -> None:
    """Close the connection of an answer, so that no later request uses it.

    Exsited can repeat a 400 to whatever comes next on its connection
    (Exsited's Python package `exsited`, README, "Repeated 400").
    """
    stream = response.extensions.get("network_stream")
    if stream is not None:
        await stream.aclose()
