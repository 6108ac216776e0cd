"""A server that answers with scripted bytes and records every request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest

from po_mcp.connectors.http import client, exact_json

After = Literal["keep", "close", "reset", "hang", "silence"]


class Deadlines:
    """Takes the place of `anyio` in the HTTP client: its deadlines pass when a test says so, however slow the machine.

    `timeouts` are the seconds of each deadline that was set.
    """

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self._scopes: list[anyio.CancelScope] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(anyio, name)

    @contextmanager
    def fail_after(self, seconds: float) -> Iterator[None]:
        with anyio.fail_after(seconds) as scope:
            self.timeouts.append(seconds)
            if scope is None:  # a test took the deadline away
                yield
                return
            self._scopes.append(scope)
            try:
                yield
            finally:
                self._scopes.remove(scope)

    def expire(self) -> None:
        """Let the outermost deadline pass now."""
        for scope in self._scopes[:1]:
            scope.deadline = anyio.current_time()


@contextmanager
def control_deadlines() -> Iterator[Deadlines]:
    """Put the deadlines of every HTTP client under the control of the test."""
    deadlines = Deadlines()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "anyio", deadlines)
        yield deadlines


@dataclass(frozen=True)
class Reply:
    """Bytes to write, and what to do with the connection then.

    `hang` lets the deadline of the client pass; `silence` waits for a time-out of the client itself.
    """

    raw: bytes = b""
    after: After = "keep"


def reply(status: int, body: object = None, *headers: str, raw: bytes | None = None) -> Reply:
    """Build a whole answer; `raw` takes the place of the JSON of `body`."""
    content = raw if raw is not None else b"" if body is None else exact_json.dumps(body)
    head = [f"HTTP/1.1 {status} Scripted", *headers]
    if status != 204:
        head.append(f"Content-Length: {len(content)}")
    return Reply("\r\n".join([*head, "", ""]).encode() + content)


@dataclass
class RawPeer:
    """A server with scripted replies, the last of which is repeated.

    `requests` holds whole requests, with head and body, without those for a token. `begun` counts incomplete requests.
    With `gives_tokens`, requests for a token are answered and counted in `tokens`; without, they are like any other.
    `respond` takes the place of `replies`: it may wait for other requests.
    """

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    tokens: int = 0
    connections: int = 0
    begun: int = 0
    replies: list[Reply] = field(default_factory=list)
    respond: Callable[[bytes], Awaitable[Reply]] | None = None
    gives_tokens: bool = True
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def lines(self) -> list[str]:
        """The first line of each request."""
        return [request.split(b"\r\n", 1)[0].decode() for request in self.requests]

    def body(self, place: int = -1) -> object:
        """The JSON of a request."""
        return exact_json.loads(self.requests[place].split(b"\r\n\r\n", 1)[1])

    def _next(self, request: bytes) -> Reply:
        path = request.split(b" ", 2)[1]
        if self.gives_tokens and path.endswith((b"/Token", b"/oauth2/token")):
            self.tokens += 1
            return reply(200, {"access_token": f"token-{self.tokens}", "expires_in": 3600})
        self.requests.append(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await self._request(reader)) is not None:
                answer = self._next(request) if self.respond is None else await self.respond(request)
                writer.write(answer.raw)
                await writer.drain()
                if answer.after == "hang":
                    self.deadlines.expire()
                if answer.after in ("hang", "silence"):
                    await self.closing.wait()
                if answer.after == "reset":
                    writer.transport.abort()
                if answer.after != "keep":
                    break
        except ConnectionError:  # the client hung up on an answer that is too long
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bytes | None:
        head = b""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
        except asyncio.IncompleteReadError as exc:
            self.begun += bool(head or exc.partial)
            return None
        except ConnectionError:
            return None


@asynccontextmanager
async def raw_peer(*replies: Reply) -> AsyncIterator[RawPeer]:
    """Serve `replies`, one per request that is not for a token; the last one is repeated."""
    with control_deadlines() as deadlines:
        peer = RawPeer(replies=list(replies), deadlines=deadlines)
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield peer
        finally:
            peer.closing.set()
            server.close()
            await server.wait_closed()
