"""Bodies over HTTP before MCP reads them."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from po_mcp.transports.http_bodies import ReadableBodies


async def test_half_a_request_whose_client_left_reaches_no_application() -> None:
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"jsonrpc": "2.0",', "more_body": True},
        {"type": "http.disconnect"},
    ]
    reached: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await ReadableBodies(application, lambda tool: True, 1_000)({"type": "http", "method": "POST"}, receive, send)

    assert (reached, arriving) == ([], [])
