"""Failures: sign-ins, rights, answers that are lost or come from somebody else. A doubt is never called a refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.erp import send_at_once
from po_mcp.errors import (
    BadAnswer,
    NotPermitted,
    OutcomeUnknown,
    Refused,
    SignInEnded,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)
from po_mcp.orders import OrderQuery
from po_mcp.writes.observation import find_order
from tests.connectors.calls import retry_at_once
from tests.tryton.book import PURCHASE
from tests.tryton.conftest import Book, Connect
from tests.tryton.harness import once
from tests.tryton.interceptor import Interceptor
from tests.tryton.rpc import Rpc, RpcError
from tests.tryton.server import Server

pytestmark = pytest.mark.tryton

NEW, DRAFT = "PM-2026-0042", "PM-2026-0001"
PREFERENCES = {"id": 1, "method": "model.res.user.get_preferences", "params": [True, {}]}
LOGIN = "common.db.login"
Write = Callable[..., Awaitable[object]]
WRITES: dict[str, Write] = {
    "create": lambda erp, book, before_send=send_at_once: erp.create_order(book.draft(NEW), before_send),
    "cancel": lambda erp, book, before_send=send_at_once: erp.cancel_order(DRAFT, before_send),
    "delete": lambda erp, book, before_send=send_at_once: erp.delete_order(DRAFT, before_send),
}
EVERY_WRITE = pytest.mark.parametrize("kind", WRITES)


def is_done(book: Book, kind: str) -> bool:
    """Tell whether a write was carried out, read past the connector."""
    if kind == "create":
        return book.users.buyer.search(PURCHASE, ["reference", "=", NEW]) != []
    rows = book.users.buyer.search_read(PURCHASE, ["state"], ["id", "=", book.orders["draft"]])
    return rows == [] if kind == "delete" else rows[0]["state"] == "cancelled"


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_wrong_password_is_reported_and_not_tried_again_within_a_minute(connect: Connect) -> None:
    """Tryton counts wrong passwords and locks the user out, from its own client too."""
    clock, interceptor = Clock(), Interceptor()
    erp = connect(secret="wrong", transport=interceptor, clock=clock)

    for _ in range(3):
        with pytest.raises(SignInFailed, match="PO_MCP_CLIENT_SECRET") as failed:
            await erp.get_order(DRAFT)
        assert "wrong" not in str(failed.value)
    assert interceptor.methods == [LOGIN]
    clock.now = 61.0
    with pytest.raises(SignInFailed):
        await erp.get_order(DRAFT)

    assert interceptor.methods == [LOGIN, LOGIN]


async def test_a_locked_user_is_reported_and_not_signed_in_again(connect: Connect, book: Book) -> None:
    """After five wrong passwords Tryton answers 429, to the right one too; the waits before it are Tryton's own."""
    for _ in range(6):
        with pytest.raises(RpcError, match=r"401|429"):
            Rpc(book.url, "keeper", "wrong")
    interceptor = Interceptor()
    erp = connect("keeper", transport=interceptor)

    for error in (TooManyRequests, SignInFailed):
        with pytest.raises(error, match="Nothing was sent"):
            await erp.get_order(DRAFT)

    assert interceptor.methods == [LOGIN]


async def test_a_user_without_rights_gets_the_name_of_the_missing_one(connect: Connect, book: Book) -> None:
    erp = connect("nobody")

    for call in (erp.probe(), erp.get_order(DRAFT), erp.scan_orders(OrderQuery())):
        with pytest.raises(NotPermitted, match="group Purchase"):
            await call


async def test_a_company_that_the_user_lost_is_reported_and_no_order_as_gone(erp: Tryton, book: Book) -> None:
    """Tryton then shows no order, and no error."""
    admin, company = book.users.admin, book.facts.company
    (user,) = admin.search("res.user", ["login", "=", "buyer"])
    await erp.probe()
    admin.write("res.user", user, companies=[["remove", [company]]], company=None)
    try:
        for call in (erp.probe(), erp.scan_orders(OrderQuery()), find_order(erp, DRAFT)):
            with pytest.raises(NotPermitted, match="lost the company"):
                await call
    finally:  # not by the book alone, since Tryton keeps a user's companies in memory
        admin.write("res.user", user, companies=[["add", [company]]], company=company)


async def test_a_user_without_a_company_is_refused_with_the_reason(connect: Connect) -> None:
    with pytest.raises(NotPermitted, match="has no company"):
        await connect("homeless").probe()


async def test_a_database_that_is_not_there_is_unreachable(connect: Connect, book: Book) -> None:
    erp = connect(url=book.url.rpartition("/")[0] + "/nowhere")

    with pytest.raises(Unreachable, match="PO_MCP_BASE_URL"):
        await erp.probe()


async def test_an_address_without_a_database_is_refused_before_anything_is_sent(connect: Connect, book: Book) -> None:
    """Tryton itself answers such a sign-in with an error that gives no reason."""
    interceptor = Interceptor()

    for address in (book.url.rpartition("/")[0], f"{book.url.rpartition('/')[0]}/rpc/"):
        with pytest.raises(Unreachable, match="add the database's name to PO_MCP_BASE_URL"):
            await connect(url=address, transport=interceptor).probe()

    assert interceptor.methods == []


async def test_a_server_older_than_8_0_is_refused_with_the_reason(connect: Connect, book: Book) -> None:
    """Seen with trytond 7.8: another address takes the calls, and this one answers 405."""
    interceptor = Interceptor(after=lambda method, result: httpx2.Response(405) if method == LOGIN else None)

    with pytest.raises(Unreachable, match=r"older than 8\.0, which is not supported"):
        await connect(transport=interceptor).probe()


async def test_a_session_that_ended_is_renewed_for_a_read(erp: Tryton, book: Book, server: Server) -> None:
    await erp.probe()
    server.reset()

    assert (await erp.get_order(DRAFT)).number == DRAFT


@EVERY_WRITE
async def test_a_session_that_ends_right_before_a_write_keeps_it_from_being_done(
    erp: Tryton, book: Book, server: Server, kind: str
) -> None:
    end_sessions = once(server.reset)

    with pytest.raises(SignInEnded):
        await WRITES[kind](erp, book, end_sessions)

    assert not is_done(book, kind)
    await WRITES[kind](erp, book, end_sessions)
    assert is_done(book, kind)


@EVERY_WRITE
async def test_a_write_whose_answer_is_lost_is_unknown_and_sent_once(connect: Connect, book: Book, kind: str) -> None:
    def lose(method: str, result: Any) -> None:
        if method == f"model.{PURCHASE}.{kind}":
            raise httpx2.ReadError("connection reset")

    interceptor = Interceptor(after=lose)

    with pytest.raises(OutcomeUnknown):
        await WRITES[kind](connect(transport=interceptor), book)

    assert interceptor.methods.count(f"model.{PURCHASE}.{kind}") == 1
    assert is_done(book, kind)


@EVERY_WRITE
async def test_a_write_that_cannot_be_sent_is_reported_as_not_sent(connect: Connect, book: Book, kind: str) -> None:
    def refuse(body: dict[str, Any]) -> dict[str, Any]:
        if body["method"] == f"model.{PURCHASE}.{kind}":
            raise httpx2.ConnectError("refused")
        return body

    with pytest.raises(Unreachable) as failed:
        await WRITES[kind](connect(transport=Interceptor(before=refuse)), book)

    assert failed.value.effect == "nothing_sent"
    assert not is_done(book, kind)


STRANGE = {
    "a page of a gateway": httpx2.Response(403, html="<html>no</html>"),
    "a failing gateway": httpx2.Response(502, html="<html>bad</html>"),
    "a crash of Tryton's": httpx2.Response(200, json={"id": 0, "error": ["'nosuch'", ""]}),
    "an error of no shape": httpx2.Response(200, json={"id": 0, "error": "UserError"}),
    "another call's answer": httpx2.Response(200, json={"id": 0, "result": [1]}),
    "nothing": httpx2.Response(200, content=b""),
    "no JSON": httpx2.Response(200, content=b"ok"),
}


@EVERY_WRITE
@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
async def test_a_strange_answer_to_a_write_leaves_its_outcome_unknown(
    connect: Connect, book: Book, kind: str, answer: httpx2.Response
) -> None:
    def instead(method: str, result: Any) -> httpx2.Response | None:
        if method != f"model.{PURCHASE}.{kind}":
            return None
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    with pytest.raises(OutcomeUnknown):
        await WRITES[kind](connect(transport=Interceptor(after=instead)), book)

    assert is_done(book, kind)


REFUSALS: dict[str, tuple[list[Any], str]] = {
    "an error for the user": (["UserError", ["You shall not", "", None]], "its own client shows"),
    "a warning": (["UserWarning", ["name", "Are you sure?", ""]], "must confirm"),
    "a change": (["ConcurrencyException", "Records were modified"], "changed"),
}


@EVERY_WRITE
@pytest.mark.parametrize(("error", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_is_recognised_by_its_shape_and_reported_in_our_words(
    connect: Connect, book: Book, kind: str, error: list[Any], words: str
) -> None:
    def refuse_write(body: dict[str, Any]) -> dict[str, Any]:
        is_write = body["method"] == f"model.{PURCHASE}.{kind}"
        return {**body, "method": "common.server.version", "params": []} if is_write else body

    def instead(method: str, result: Any) -> httpx2.Response | None:
        is_write = method == f"model.{PURCHASE}.{kind}"
        return httpx2.Response(200, json={"id": 0, "error": error}) if is_write else None

    with pytest.raises(Refused, match=words) as failed:
        await WRITES[kind](connect(transport=Interceptor(before=refuse_write, after=instead)), book)

    assert failed.value.effect == "nothing_changed"
    for source in ("shall not", "Are you sure", "Records were"):
        assert source not in str(failed.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_read_that_failed_for_a_moment_is_tried_again(connect: Connect, book: Book, status: int) -> None:
    failures = iter([httpx2.Response(status)])

    def fail_once(method: str, result: Any) -> httpx2.Response | None:
        return next(failures, None) if method == f"model.{PURCHASE}.search_read" else None

    erp = connect(transport=Interceptor(after=fail_once), retrier=retry_at_once())

    assert (await erp.get_order(DRAFT)).number == DRAFT


@pytest.mark.parametrize(
    "answer",
    [
        {"id": 0, "error": ["'nosuch'", ""]},
        {"id": 0, "result": []},
        {"result": []},
        {"id": None},
        [],
        "text",
        None,
    ],
)
async def test_a_strange_answer_to_a_read_is_not_trusted(connect: Connect, book: Book, answer: Any) -> None:
    def instead(method: str, result: Any) -> httpx2.Response | None:
        is_read = method == f"model.{PURCHASE}.search_read"
        return httpx2.Response(200, json=answer) if is_read else None

    with pytest.raises(BadAnswer):
        await connect(transport=Interceptor(after=instead)).get_order(DRAFT)


async def test_signing_out_ends_the_session(connect: Connect, book: Book) -> None:
    interceptor = Interceptor()
    erp = connect(transport=interceptor)
    await erp.probe()

    await erp.aclose()

    assert interceptor.methods[-1] == "common.db.logout"
    token = interceptor.tokens[-1]
    answer = httpx2.post(f"{book.url}/rpc/", json=PREFERENCES, headers={"Authorization": token}, timeout=60)
    assert answer.status_code == httpx2.codes.UNAUTHORIZED


async def test_the_context_of_calls_holds_the_company_and_stamps_alone(connect: Connect, book: Book) -> None:
    contexts: list[dict[str, Any]] = []

    def look(body: dict[str, Any]) -> dict[str, Any]:
        if body["method"].startswith("model."):
            contexts.append(body["params"][-1])
        return body

    erp = connect(transport=Interceptor(before=look))
    await erp.create_order(book.draft(NEW, note="_check_access: false"))
    await erp.cancel_order(NEW)

    assert {key for context in contexts for key in context} == {"company", "_timestamp"}
    assert {context.get("company", book.facts.company) for context in contexts} == {book.facts.company}


async def test_no_text_of_the_connector_holds_a_secret(connect: Connect, book: Book) -> None:
    erp = connect()

    assert "buyer-secret-1" not in repr(erp) + repr(erp.connection)
    assert "buyer" not in erp.connection.key
