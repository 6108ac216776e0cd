"""The ASGI application of `po-mcp serve`: it routes requests to MCP or the approval page, and drains at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import anyio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.approvals.page_server import CREDENTIALS_PATH

MCP_PATH = "/mcp"
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a client on this machine connects to
_PAGE_PATHS = ("/approve/", "/static/", "/auth/")
_PAGE_ADDRESSES = ("/", "/approve")

_SHUTTING_DOWN = PlainTextResponse(
    "po-mcp is shutting down. Writes in progress are recorded; check them with get_operation after the restart.",
    503,
)
_ONLY_GET = PlainTextResponse("Only GET.", 405, {"allow": "GET, HEAD"})
_SENT_ONCE = (b"host", b"origin", b"authorization", b"mcp-session-id", b"mcp-protocol-version")
"""Headers of which one is read: a balancer, or a guard before this server, may read the other one."""
_SENT_TWICE = PlainTextResponse(
    f"Send each of these headers once at most: {', '.join(name.decode() for name in _SENT_ONCE)}.", 400
)
_WEBSITE_REFUSED = PlainTextResponse("Web pages cannot connect to this MCP server.", 403)


@dataclass(frozen=True)
class Address:
    """The address that the server listens on, and the one at which clients reach it, if a balancer stands between."""

    host: str
    port: int
    public_url: str | None = None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The accepted Host headers; clients leave port 80 out."""
        return tuple(origin.partition("://")[2] for origin in self.origins)

    @property
    def origins(self) -> tuple[str, ...]:
        """The accepted origins; links begin with the first."""
        own = tuple(f"http://{host}" for host in self._own_hosts)
        return own if self.public_url is None else (self.public_url, *own)

    @property
    def _own_hosts(self) -> tuple[str, ...]:
        port = "" if self.port == 80 else f":{self.port}"
        host = _LOOPBACK.get(self.host, self.host)
        return f"[{host}]{port}" if ":" in host else f"{host}{port}", f"localhost{port}"


class HttpApp:
    """Routes each request to MCP or to the page, and drains the requests in flight when the server ends.

    uvicorn would cancel them as asyncio tasks, which a shield of anyio does not stop: a write in flight would be
    cut off before its outcome is recorded.

    Args:
        mcp: the application at /mcp; it checks Host and Origin itself.
        page: the approval page behind its security checks.
        address: named in the answer to other paths.
        public: what anybody may read, by its path: for these neither Host nor Origin matters.
    """

    def __init__(self, mcp: ASGIApp, page: ASGIApp, address: Address, public: Mapping[str, ASGIApp]) -> None:
        self._mcp = mcp
        self._public = public
        self._page = page
        self._address = address
        self._in_flight: dict[anyio.CancelScope, anyio.Event] = {}
        self._streams: set[anyio.CancelScope] = set()
        self._is_ending = False
        self._is_closed = False

    @property
    def is_ending(self) -> bool:
        """Whether this server is about to end."""
        return self._is_ending or self._is_closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_answered = False

        async def send_answer(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            if self._is_ending and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        request_scope = anyio.CancelScope()
        done = self._in_flight[request_scope] = anyio.Event()
        if scope["method"] == "GET":
            self._streams.add(request_scope)
        try:
            with request_scope:
                await self._choose_app(scope)(_normalize(scope), receive, send_answer)
            # An answer that has begun cannot be replaced; its connection is closed instead.
            if request_scope.cancelled_caught and not is_answered:
                await _SHUTTING_DOWN(scope, receive, send)
        finally:
            del self._in_flight[request_scope]
            self._streams.discard(request_scope)
            done.set()

    def announce_end(self) -> None:
        """Answer on, and let every answer end its connection: the next request then goes to another server."""
        self._is_ending = True

    async def drain(self, longest: float) -> None:
        """Wait for the answers that are under way, at most so many seconds; a stream of news has no end of its own."""
        with anyio.move_on_after(longest):
            while awaited := [done for one, done in self._in_flight.items() if one not in self._streams]:
                await awaited[0].wait()

    async def close(self) -> None:
        """Refuse new requests, cancel those in flight, and return when all have ended; writes are recorded first."""
        self._is_closed = True
        for request_scope in self._in_flight:
            request_scope.cancel()
        # A copy: each takes itself out when it ends.
        for done in [*self._in_flight.values()]:
            await done.wait()

    def _choose_app(self, scope: Scope) -> ASGIApp:
        public = self._public.get(scope["path"])
        if public is not None:
            return public if scope["method"] in ("GET", "HEAD") else _ONLY_GET
        if self._is_closed:
            return _SHUTTING_DOWN
        if _is_mcp(scope):
            if _has_twice(scope, _SENT_ONCE):
                return _SENT_TWICE
            return _WEBSITE_REFUSED if _is_from_website(scope) else self._mcp
        path, method = scope["path"], scope["method"]
        if path == CREDENTIALS_PATH or path.startswith(_PAGE_PATHS) or (path in _PAGE_ADDRESSES and method != "POST"):
            return self._page
        return self._not_found(scope)

    def _not_found(self, scope: Scope) -> ASGIApp:
        """Return an answer that names the MCP endpoint: a client that probes for it goes on at 404, and not at 403."""
        # Under a foreign name the page refuses it, and without the address: a website may have had a browser come here.
        if _header(_normalize(scope), b"host") not in {host.encode() for host in self._address.hosts}:
            return self._page
        return PlainTextResponse(f"Not found. MCP is at {self._address.origins[0]}{MCP_PATH}.", 404)


def _is_mcp(scope: Scope) -> bool:
    return scope["path"] in (MCP_PATH, f"{MCP_PATH}/")


def _normalize(scope: Scope) -> Scope:
    """Return the request with /mcp for /mcp/, Host and media type in lower case, and no blanks around a header.

    Both are case-insensitive (RFC 9110, 4.2.3 and 8.3.1); blanks are no part of a value (5.5), and httptools leaves
    those behind it. A redirect to /mcp would not do: clients lose the body or the session header on it.

    Several lines of Accept are one list (RFC 9110, 5.3): the SDK reads the first alone.

    Last-Event-ID is left out: no stream is kept here, so that it begins again; the SDK then answers nothing at all.
    """
    path = {"path": MCP_PATH, "raw_path": MCP_PATH.encode()} if _is_mcp(scope) else {}
    headers = [
        (name, _normalize_header(name, value.strip(b" \t")))
        for name, value in scope["headers"]
        if name not in (b"last-event-id", b"accept")
    ]
    accepted = [value for name, value in scope["headers"] if name == b"accept"]
    headers += [(b"accept", b", ".join(accepted))] if accepted else []
    return {**scope, **path, "headers": headers}


def _normalize_header(name: bytes, value: bytes) -> bytes:
    if name == b"host":
        return value.lower()
    if name == b"content-type":
        media_type, semicolon, parameters = value.partition(b";")
        return media_type.lower() + semicolon + parameters
    return value


def _header(scope: Scope, name: bytes) -> bytes | None:
    found = [value for key, value in scope["headers"] if key == name]
    # Several headers of one name can be read differently by a proxy and by this server.
    return found[0] if len(found) == 1 else None


def _has_twice(scope: Scope, names: Collection[bytes]) -> bool:
    sent = [name for name, _ in scope["headers"] if name in names]
    return len(sent) != len(set(sent))


def _is_from_website(scope: Scope) -> bool:
    """Return whether a browser marks the request as sent by another site: an <img> or a form has no Origin."""
    return any(name == b"sec-fetch-site" and site in (b"cross-site", b"same-site") for name, site in scope["headers"])
