"""Requests over HTTP as MCP gets them."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from po_mcp.transports.http_app import Address, HttpApp


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_blanks_around_a_header_are_no_part_of_it(path: str) -> None:
    reached: list[Scope] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    headers = [(b"host", b" LOCALHOST:1"), (b"mcp-name", b"get_purchase_order \t")]
    request = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    await HttpApp(application, application, Address("127.0.0.1", 1), {})(request, receive, send)

    assert [scope["headers"] for scope in reached] == [
        [(b"host", b"localhost:1"), (b"mcp-name", b"get_purchase_order")]
    ]
    assert [scope["path"] for scope in reached] == ["/mcp"]
