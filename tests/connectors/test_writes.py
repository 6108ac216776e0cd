"""A write over a real socket: sent once, and true about what came of it."""

from __future__ import annotations

import logging
import socket

import pytest

from po_mcp.errors import (
    OutcomeUnknown,
    PurchaseOrderError,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)
from tests.connectors.calls import (
    INJECTED,
    NUMBER,
    SECRET,
    Write,
    every_write,
    failing,
    html,
)
from tests.connectors.raw_peer import Reply, raw_peer, reply

ELSEWHERE = "Location: http://127.0.0.1:9/stolen"

DOUBTS = {
    "reset": Reply(after="reset"),
    "closed without an answer": Reply(after="close"),
    "no answer": Reply(after="hang"),
    "half a head": Reply(b"HTTP/1.1 200 O", after="close"),
    "half a body": Reply(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"poNo":', after="close"),
    "a body that does not end": Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", after="hang"),
    "not HTTP": Reply(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", after="close"),
    "200 with nothing": reply(200),
    "200 with HTML": html(200),
    "200 with another document": reply(200, {"message": INJECTED}),
    "200 with a list": reply(200, []),
    "200 of another order": reply(200, {"poNo": "PO-1", "status": "Closed"}),
    "200 with an error": reply(200, {"object": "error", "status": 500, "code": "internal_error"}),
    "202": reply(202, {"poNo": NUMBER, "status": "Open"}),
    "a broken gzip": reply(200, None, "Content-Encoding: gzip", raw=b"not gzip"),
    **{str(status): html(status) for status in (400, 402, 403, 404, 405, 408, 409, 410, 413, 422, 423, 425, 429, 451)},
    **{str(status): html(status) for status in (460, 499, 500, 501, 502, 503, 504, 520, 524)},
    "409 with nothing": reply(409),
    "409 with another document": reply(409, {"message": INJECTED}),
    "400 of a framework": reply(400, {"title": "One or more errors occurred.", "status": 400, "errors": {"a": ["b"]}}),
    "403 of a gateway": reply(403, {"statusCode": 403, "message": "Access denied."}),
    **{str(status): reply(status, None, ELSEWHERE) for status in (301, 302, 303, 307, 308)},
}


@every_write
@pytest.mark.parametrize("answer", DOUBTS.values(), ids=DOUBTS)
async def test_a_doubtful_answer_makes_the_outcome_unknown_after_a_single_send(write: Write, answer: Reply) -> None:
    async with failing(write, answer, error=OutcomeUnknown) as peer:
        assert len(peer.requests) == 1


@every_write
async def test_a_closed_port_receives_no_write(write: Write) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    erp = write[0](f"http://127.0.0.1:{port}")

    with pytest.raises(Unreachable, match="Nothing was sent"):
        await write[1](erp)

    await erp.aclose()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (html(302), SignInFailed),
        (html(400), SignInFailed),
        (html(401), SignInFailed),
        (reply(200, {"object": "error", "status": 401}), SignInFailed),
        (reply(200, {"access_token": "two\r\nlines"}), SignInFailed),
        (html(200), Unreachable),
        (html(404), Unreachable),
        (html(500), Unreachable),
        (html(429), TooManyRequests),
        (Reply(after="reset"), Unreachable),
    ],
)
@every_write
async def test_without_a_token_no_write_is_sent(write: Write, answer: Reply, error: type[PurchaseOrderError]) -> None:
    async with raw_peer(answer) as peer:
        peer.gives_tokens = False
        erp = write[0](peer.url)
        with pytest.raises(error):
            await write[1](erp)
        await erp.aclose()
    assert all(line.casefold().endswith("/token http/1.1") for line in peer.lines)


@pytest.mark.parametrize(
    ("status", "names_address"), [(301, True), (302, True), (308, True), (400, False), (401, False)]
)
@every_write
async def test_a_sign_in_that_is_redirected_names_the_address_too(
    write: Write, status: int, names_address: bool
) -> None:
    """Wrong credentials are answered so by Exsited, and any by a server that has moved."""
    async with raw_peer(html(status)) as peer:
        peer.gives_tokens = False
        erp = write[0](peer.url)
        with pytest.raises(SignInFailed) as failed:
            await write[1](erp)
        await erp.aclose()

    assert ("PO_MCP_BASE_URL" in failed.value.next_step) is names_address
    assert "PO_MCP_CLIENT_SECRET" in failed.value.next_step


@every_write
async def test_no_secret_is_logged_at_any_level(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async with failing(write, html(500), error=OutcomeUnknown):
        pass

    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert SECRET not in logged
    assert "token-1" not in logged
    assert INJECTED not in logged
