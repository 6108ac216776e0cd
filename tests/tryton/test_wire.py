"""What the connector sends, and what it makes of scripted answers, over a real socket and without a Tryton."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton, reading
from po_mcp.errors import (
    BadAnswer,
    Conflict,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    Refused,
    SignInEnded,
    SignInFailed,
    Stale,
    TooManyRequests,
    Unreachable,
)
from po_mcp.orders import DraftLine, OrderDraft, OrderQuery, Vendor
from tests.connectors.calls import retry_at_once
from tests.connectors.raw_peer import RawPeer, Reply, raw_peer, reply

SECRET = "hush-hush-secret"
SESSION = [2, "session-key", None]
NAME = "PM-2026-0001"
MAY_ALL = {"purchase.purchase": {"read": 1, "write": 1, "create": 1, "delete": 1}}
STALE = ["ConcurrencyException", "Records were modified in the meanwhile"]


@cache
def read_draft() -> dict[str, Any]:
    """Return a draft as a real server answered it."""
    orders = json.loads((Path(__file__).parent / "recorded" / "orders.json").read_text(), parse_float=str)
    found: dict[str, Any] = orders["draft"]
    for line in found["lines."]:
        line["quantity"] = int(line["quantity"].partition(".")[0])
    return found


def build_answers(*results: Any) -> list[Reply]:
    """Return the replies to a sign-in, to the first call, which asks for the company, and to the calls after it."""
    reported = [SESSION, {"company": 1}, *results]
    return [
        each if isinstance(each, Reply) else reply(200, {"id": place, "result": each})
        for place, each in enumerate(reported)
    ]


def reply_error(place: int, *parts: Any) -> Reply:
    """Return the reply with an error to the call of an id."""
    return reply(200, {"id": place, "error": list(parts)})


@asynccontextmanager
async def connect(*replies: Reply) -> AsyncIterator[tuple[Tryton, RawPeer]]:
    """Connect to a peer that gives these replies in turn, and then 500."""
    async with raw_peer(*replies, reply(500)) as peer:
        erp = Tryton(f"{peer.url}/po", "buyer", SECRET, timeout=5, retrier=retry_at_once())
        try:
            yield erp, peer
        finally:
            await erp.aclose()


def read_calls(peer: RawPeer) -> list[tuple[str, list[Any]]]:
    """Return the methods that were called, with their parameters."""
    bodies: list[Any] = [peer.body(place) for place in range(len(peer.requests))]
    return [(body["method"], body["params"]) for body in bodies]


def token_of(request: bytes) -> str | None:
    """Return the value of a request's Authorization header, if it has one."""
    for line in request.split(b"\r\n"):
        if line.lower().startswith(b"authorization: "):
            return line.split(b": ", 1)[1].decode()
    return None


async def test_a_read_is_a_call_with_the_session_and_the_company() -> None:
    async with connect(*build_answers([read_draft()])) as (erp, peer):
        order = await erp.get_order(NAME)

        login, company, search = read_calls(peer)
        assert order.number == NAME
        assert login == ("common.db.login", ["buyer", {"password": SECRET}, "en"])
        assert company == ("model.res.user.get_preferences", [False, {}])
        assert search[0] == "model.purchase.purchase.search_read"
        domain = [["company", "=", 1], ["OR", ["number", "=", NAME], ["reference", "=", NAME]]]
        assert (search[1][0], search[1][-1]) == (domain, {"company": 1})
        assert set(peer.lines) == {"POST /po/rpc/ HTTP/1.1"}
        session = f"Session {base64.b64encode(b'buyer:2:session-key').decode()}"
        assert [token_of(request) for request in peer.requests] == [None, session, session]


async def test_an_order_is_found_by_the_reference_of_its_draft() -> None:
    reference = "3f2a91c0"
    copied, made = ({**read_draft(), "id": place, "description": f"po-mcp {reference}"} for place in (9, 7))
    async with connect(*build_answers([copied, {**made, "reference": "OFFICE-7"}])) as (erp, peer):
        order = await erp.get_order_of_reference(reference)

        assert (order.number, order.reference) == ("OFFICE-7", reference)
        assert read_calls(peer)[2][1][0] == [["company", "=", 1], ["description", "ilike", f"%po-mcp {reference}%"]]


async def test_a_reference_that_no_order_has_finds_none() -> None:
    async with connect(*build_answers([], [])) as (erp, _):  # nor has one of another company
        with pytest.raises(OrderNotFound):
            await erp.get_order_of_reference("3f2a91c0")


@pytest.mark.parametrize(
    "ask", [lambda erp: erp.get_order_of_reference("3f2a91c0"), lambda erp: erp.get_order_of_id("7", NAME)]
)
async def test_an_order_of_another_company_is_not_said_to_be_gone(ask: Callable[[Tryton], Awaitable[object]]) -> None:
    async with connect(*build_answers([], [7])) as (erp, _):
        with pytest.raises(Conflict, match="in another company"):
            await ask(erp)


async def test_a_read_that_failed_for_a_moment_is_tried_again() -> None:
    async with connect(*build_answers(reply(503), reply(200, {"id": 2, "result": [read_draft()]}))) as (erp, _):
        assert (await erp.get_order(NAME)).number == NAME


async def test_a_sign_in_that_is_locked_is_asked_for_once() -> None:
    async with connect(reply(429)) as (erp, peer):
        with pytest.raises(TooManyRequests, match="locked"):
            await erp.probe()
        with pytest.raises(SignInFailed, match="less than a minute ago"):
            await erp.probe()

        assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "answer", [reply(401), reply_error(0, "LoginException", ["password", "Password", "password"])], ids=["401", "200"]
)
async def test_a_sign_in_that_is_refused_is_asked_for_once(answer: Reply) -> None:
    async with connect(answer) as (erp, peer):
        for _ in range(2):
            with pytest.raises(SignInFailed) as failed:
                await erp.probe()
            assert SECRET not in str(failed.value)

        assert len(peer.requests) == 1


async def test_a_session_that_ended_is_renewed_and_the_read_repeated() -> None:
    again = reply(200, {"id": 0, "result": [2, "other-key", None]})
    async with connect(*build_answers(reply(401), again, reply(200, {"id": 2, "result": [read_draft()]}))) as (
        erp,
        peer,
    ):
        assert (await erp.get_order(NAME)).number == NAME

        assert [method for method, _ in read_calls(peer)].count("common.db.login") == 2
        assert token_of(peer.requests[-1]) == f"Session {base64.b64encode(b'buyer:2:other-key').decode()}"


async def test_a_cancel_carries_the_stamps_that_were_read_and_is_read_back() -> None:
    done = {**read_draft(), "state": "cancelled"}
    async with connect(*build_answers([read_draft()], [read_draft()], None, [done])) as (erp, peer):
        version = (await erp.snapshot(NAME, "cancel")).version
        assert version is not None
        await erp.cancel_order(NAME, version=version)

        method, params = read_calls(peer)[-2]
        assert (method, params[0]) == ("model.purchase.purchase.cancel", [1])
        assert params[1] == {"company": 1, "_timestamp": json.loads(version)}
        assert set(json.loads(version)) == {"purchase.purchase,1", "purchase.line,1", "purchase.line,2"}


async def test_an_order_of_another_version_is_stale_and_nothing_is_sent() -> None:
    changed = {**read_draft(), "_timestamp": "1.5"}
    async with connect(*build_answers(MAY_ALL, [read_draft()], [changed])) as (erp, peer):
        version = (await erp.snapshot(NAME, "delete")).version
        with pytest.raises(Stale) as failed:
            await erp.delete_order(NAME, version=version)

        assert failed.value.effect == "nothing_sent"
        assert {method for method, _ in read_calls(peer)[3:]} == {"model.purchase.purchase.search_read"}


async def test_an_order_that_tryton_calls_modified_is_stale() -> None:
    async with connect(*build_answers([read_draft()], reply_error(3, *STALE))) as (erp, peer):
        with pytest.raises(Stale) as failed:
            await erp.delete_order(NAME)

        assert failed.value.effect == "nothing_changed"
        assert "meanwhile" not in str(failed.value)
        assert read_calls(peer)[-1][0] == "model.purchase.purchase.delete"


async def test_a_refusal_that_nothing_explains_is_reported_in_our_words() -> None:
    refusal = reply_error(3, "UserError", ["You shall not", "", None])
    async with connect(*build_answers([read_draft()], refusal, MAY_ALL, [read_draft()])) as (erp, _):
        with pytest.raises(Refused, match="by a rule of its own") as failed:
            await erp.cancel_order(NAME)

        assert not isinstance(failed.value, Conflict)
        assert "shall" not in str(failed.value)


async def test_a_refusal_is_explained_by_the_state_that_the_order_has_now() -> None:
    refusal = reply_error(3, "UserError", ["You shall not", "", None])
    rights = {"purchase.purchase": {"read": True, "write": True}}
    confirmed = {**read_draft(), "state": "confirmed"}
    async with connect(*build_answers([read_draft()], refusal, rights, [confirmed])) as (erp, _):
        with pytest.raises(Conflict, match="its state is confirmed"):
            await erp.cancel_order(NAME)


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param(["no rights"], id="the rights of the user are missing"),
        pytest.param([MAY_ALL, reply(500)], id="the order cannot be read"),
        pytest.param([MAY_ALL, [], [], reply(500)], id="the order is not shown, nor the companies"),
    ],
)
async def test_a_refusal_stands_where_its_reason_cannot_be_read(looks: list[Any]) -> None:
    refusal = reply_error(3, "UserError", ["You shall not", "", None])
    async with connect(*build_answers([read_draft()], refusal, *looks)) as (erp, _):
        with pytest.raises(Refused, match="by a rule of its own") as failed:
            await erp.cancel_order(NAME)

        assert failed.value.effect == "nothing_changed"


async def test_a_write_that_takes_too_long_to_prepare_is_not_sent() -> None:
    async with connect() as (erp, peer):
        started = PagedTryton(at_once=2)  # a page is never answered

        async def respond(request: bytes) -> Reply:
            if b"search_read" in request:
                await started._enough.wait()
            return await started.respond(request)

        peer.respond = respond
        erp._rpc.timeout = 0.5  # of all that is read together; that of each call is longer
        with pytest.raises(Unreachable, match="did not answer in time") as failed:
            await erp.cancel_order(NAME)
        methods = [method for method, _ in read_calls(peer)]
        started._enough.set()

    assert failed.value.effect == "nothing_sent"
    assert "model.purchase.purchase.cancel" not in methods


@pytest.mark.parametrize(
    ("companies", "shown", "error"),
    [
        ([1, 2], "one", "sees one of them at a time"),
        ([2], "all", "lost the company"),
        ([1, 2], "all", None),
        ([1], "one", None),
        (None, None, None),
    ],
)
async def test_a_probe_says_why_a_user_is_shown_no_orders(
    companies: list[int] | None, shown: str | None, error: str | None
) -> None:
    preferences = {"company": 1, "companies": companies, "company_filter": shown}
    async with connect(*build_answers(preferences, [])) as (erp, peer):
        if error is None:
            await erp.probe()
            assert read_calls(peer)[-1][0] == "model.purchase.purchase.search"
        else:
            with pytest.raises(NotPermitted, match=error):
                await erp.probe()


@pytest.mark.parametrize(
    ("reported", "rights"),
    [
        ({"read": 1, "write": 1, "create": 1, "delete": 1}, {"create", "cancel", "delete"}),
        ({"read": True, "write": True, "create": False, "delete": False}, {"cancel"}),
        ({"read": True, "write": False, "create": True, "delete": False}, {"create"}),
        ({"read": True, "write": False, "create": False, "delete": True}, {"delete"}),
    ],
)
async def test_the_writes_that_the_users_groups_allow_are_read(reported: dict[str, Any], rights: set[str]) -> None:
    replies = [{"id": 0, "result": SESSION}, {"id": 1, "result": {"purchase.purchase": reported}}]
    async with connect(*(reply(200, one) for one in replies)) as (erp, _):
        assert await erp.read_rights() == rights


async def test_a_success_that_the_order_does_not_show_is_unknown() -> None:
    async with connect(*build_answers([read_draft()], None, [read_draft()])) as (erp, peer):
        with pytest.raises(OutcomeUnknown, match="another state"):
            await erp.cancel_order(NAME)

        assert [method for method, _ in read_calls(peer)].count("model.purchase.purchase.cancel") == 1


async def test_a_session_that_ends_at_a_write_means_not_applied_where_a_read_is_refused_too() -> None:
    again = reply(200, {"id": 0, "result": [2, "other-key", None]})
    async with connect(*build_answers([read_draft()], reply(401), reply(401), again)) as (erp, peer):
        with pytest.raises(SignInEnded):
            await erp.cancel_order(NAME)

        assert [method for method, _ in read_calls(peer)[-3:]] == [
            "model.purchase.purchase.cancel",
            "model.res.user.get_preferences",
            "common.db.login",
        ]


async def test_a_session_that_ends_at_a_write_leaves_it_unknown_where_a_read_is_answered() -> None:
    async with connect(*build_answers([read_draft()], reply(401), reply(200, {"id": 0, "result": {"company": 1}}))) as (
        erp,
        _,
    ):
        with pytest.raises(OutcomeUnknown):
            await erp.cancel_order(NAME)


ROW = {"id": 1, "state": "draft", "reference": "PM-1"}


async def test_a_row_that_cannot_be_read_is_left_out_and_counted() -> None:
    odd = {"id": 2, "state": ["?"]}
    async with connect(*build_answers([ROW, odd, {**ROW, "id": 3, "reference": "PM-3"}])) as (erp, _):
        found = await erp.scan_orders(OrderQuery())

    assert [order.number for order in found.orders] == ["PM-1", "PM-3"]
    assert found.unreadable_numbers == ("(2)",)
    assert (found.read, found.unreadable, found.complete, found.is_cut) == (2, 1, False, False)


@pytest.mark.parametrize(
    "page", [[{**ROW, "id": 2}, ROW], [ROW, ROW], [{"state": "draft"}], {"id": 1}, None, [None]], ids=str
)
async def test_a_page_that_is_not_the_one_asked_for_is_not_trusted(page: Any) -> None:
    async with connect(*build_answers(page)) as (erp, _):
        with pytest.raises(BadAnswer):
            await erp.scan_orders(OrderQuery())


@dataclass
class PagedTryton:
    """A server of `count` records. A page is answered once `at_once` pages are asked for.

    `gone` are deleted after their ids were given; `asked` are the ids of each page but the first; `most` is the highest
    number of pages that were under way.
    """

    count: int = 1000
    gone: frozenset[int] = frozenset()
    at_once: int = 1
    asked: list[list[int]] = field(default_factory=list)
    most: int = 0
    change_page: Callable[[list[dict[str, Any]]], Any] = list
    change_ids: Callable[[list[int]], Any] = list
    _under_way: int = 0
    _enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, request: bytes) -> Reply:
        body = json.loads(request.split(b"\r\n\r\n", 1)[1])
        return reply(200, {"id": body["id"], "result": await self._answer(body["method"], body["params"])})

    async def _answer(self, method: str, params: list[Any]) -> Any:
        if method == "common.db.login":
            return SESSION
        if not method.endswith((".search", ".search_read")):
            return {"company": 1}
        if method.startswith("model.company.company."):
            return [{"id": 1, "party": 1, "currency.": {"id": 1, "code": "EUR"}}]
        operator, value = params[0][-1][1:]
        if method.endswith(".search"):
            return self.change_ids([one for one in range(1, self.count + 1) if one > value])
        if operator != "in":
            return [self._row(one) for one in range(1, min(self.count, params[2]) + 1)]
        self.asked.append(value)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        if self._under_way >= self.at_once:
            self._enough.set()
        await self._enough.wait()
        self._under_way -= 1
        return self.change_page([self._row(one) for one in value if one not in self.gone])

    def _row(self, identifier: int) -> dict[str, Any]:
        return {**ROW, "id": identifier, "reference": f"PM-{identifier}", "name": f"Part {identifier}"}


@asynccontextmanager
async def connect_to_pages(server: PagedTryton) -> AsyncIterator[Tryton]:
    async with connect() as (erp, peer):
        peer.respond = server.respond
        yield erp


async def test_four_pages_of_a_list_are_read_at_a_time_and_stay_in_order() -> None:
    server = PagedTryton(at_once=4)
    reported: list[tuple[int, int | None]] = []

    async def tell(read: int, of: int | None) -> None:
        reported.append((read, of))

    async with connect_to_pages(server) as erp:
        found = await erp.scan_orders(OrderQuery(), tell)

    assert [order.number for order in found.orders] == [f"PM-{one}" for one in range(1, 1001)]
    assert (found.total, found.complete, found.is_cut) == (1000, True, False)
    assert server.most == 4
    assert sorted(len(ids) for ids in server.asked) == [200] * 4
    assert reported == [(read, 1000) for read in range(200, 1001, 200)]


async def test_four_pages_of_a_catalog_are_read_at_a_time_and_stay_in_order() -> None:
    server = PagedTryton(count=2050, at_once=4)
    async with connect_to_pages(server) as erp:
        items = await erp.items()

    assert [item.id for item in items] == [str(one) for one in range(1, 2051)]
    assert server.most == 4


async def test_a_catalog_that_is_too_long_to_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_PAGES", 4)
    async with connect_to_pages(server := PagedTryton(count=1_001)) as erp:
        with pytest.raises(BadAnswer, match="too long to read"):
            await erp.warehouses()

    assert server.asked == []


async def test_a_record_deleted_while_a_list_is_read_hides_no_other() -> None:
    gone = frozenset({201, 350, 999, 1000})
    async with connect_to_pages(PagedTryton(gone=gone)) as erp:
        found = await erp.scan_orders(OrderQuery())

    assert [order.number for order in found.orders] == [f"PM-{one}" for one in range(1, 1001) if one not in gone]


@pytest.mark.parametrize(("most", "read"), [(1, 200), (200, 200), (201, 400), (999, 1000), (5000, 1000)])
async def test_no_more_pages_are_read_than_are_wanted(most: int, read: int) -> None:
    server = PagedTryton()
    async with connect_to_pages(server) as erp:
        found = await erp.scan_orders(OrderQuery(max_orders=most))

    assert (found.read, found.total, found.is_cut) == (read, 1000, read < 1000)
    assert len(server.asked) == read // 200 - 1


@pytest.mark.parametrize(
    "change",
    [
        lambda page: [*page, page[-1]],
        lambda page: page[::-1],
        lambda page: [{**page[0], "id": 7}, *page[1:]],
        lambda page: [*page[:-1], {**page[-1], "id": page[-1]["id"] + 1}],
        lambda page: [*page, {**page[-1], "id": page[-1]["id"] + 200}],
        lambda page: None,
    ],
    ids=["twice", "backwards", "before", "behind", "more", "nothing"],
)
async def test_a_later_page_of_other_records_than_were_asked_for_is_not_trusted(change: Callable[[Any], Any]) -> None:
    async with connect_to_pages(PagedTryton(change_page=change)) as erp:
        with pytest.raises(BadAnswer):
            await erp.scan_orders(OrderQuery())
        with pytest.raises(BadAnswer):
            await erp.items()


@pytest.mark.parametrize(
    "change", [lambda ids: ids[::-1], lambda ids: [*ids, ids[-1]], lambda ids: [7, *ids], lambda ids: ["201"], len]
)
async def test_ids_that_are_not_those_behind_the_first_page_are_not_trusted(change: Callable[[Any], Any]) -> None:
    async with connect_to_pages(PagedTryton(change_ids=change)) as erp:
        with pytest.raises(BadAnswer):
            await erp.scan_orders(OrderQuery())


async def test_a_page_that_fails_ends_the_others() -> None:
    def fail(page: list[dict[str, Any]]) -> Any:
        return page if page[0]["id"] != 401 else "no page"

    async with connect_to_pages(server := PagedTryton(count=3000, change_page=fail)) as erp:
        with pytest.raises(BadAnswer):
            await erp.items()

    assert len(server.asked) < 3000 // len(server.asked[0]) - 1


async def test_an_order_of_another_status_than_was_asked_for_is_left_out() -> None:
    async with connect(*build_answers([{**ROW, "state": "done"}])) as (erp, _):
        assert (await erp.scan_orders(OrderQuery(status="draft"))).orders == ()


async def test_vendors_are_listed_where_tryton_does_not_show_the_company() -> None:
    async with connect(*build_answers([{"id": 3, "name": "Acme"}], [], [])) as (erp, _):
        assert [(vendor.id, vendor.name) for vendor in await erp.vendors()] == [("3", "Acme")]


@pytest.mark.parametrize("made", [None, [], [7, 8], ["7"], 7, True], ids=str)
async def test_a_create_that_does_not_name_one_order_is_unknown(made: Any) -> None:
    """All readings are as they must be; then the create answers with something else than the new order's id."""
    product = {"id": 1, "active": True, "purchasable": True, "purchase_uom.": {"id": 1, "digits": 0, "symbol": "u"}}
    prepared: tuple[Any, ...] = (
        MAY_ALL,
        [],
        [],
        [{"id": 2, "active": True, "name": "Acme"}],
        [product],
        {"unit_price": {"digits": "[null, 4]"}},
    )
    line = DraftLine(item="1", quantity=Decimal(5), unit_price=Decimal("0.45"), unit="u")
    draft = OrderDraft(number="PM-1", vendor=Vendor(id="2", name="Acme", currency="EUR"), lines=(line,))
    of_vendor = ({"currency": 1}, [{"id": 1, "code": "EUR"}])
    following = ([{"id": 5, "name": "Main", "active": True}], *of_vendor, {"taxes": {"add": [[0, {"id": 1}]]}})
    async with connect(*build_answers(*prepared, *following, made)) as (erp, peer):
        with pytest.raises(OutcomeUnknown):
            await erp.create_order(draft)

        assert read_calls(peer)[-1][0] == "model.purchase.purchase.create"
        assert read_calls(peer)[-1][1][0][0]["lines"][0][1][0]["taxes"] == [["add", [1]]]
