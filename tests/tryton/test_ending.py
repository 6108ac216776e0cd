"""Cancel and delete in a real Tryton: bound to what was read, and read back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.erp import Guarded
from po_mcp.errors import (
    Conflict,
    NotOffered,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    PurchaseOrderError,
    Stale,
)
from tests.tryton.book import PURCHASE
from tests.tryton.conftest import Book, Connect
from tests.tryton.harness import once
from tests.tryton.interceptor import Interceptor
from tests.tryton.rpc import RpcError, money

pytestmark = pytest.mark.tryton

DRAFT, QUOTATION, CANCELLED = "PM-2026-0001", "PM-2026-0002", "PM-2026-0008"
ENDS = pytest.mark.parametrize("kind", ["cancel", "delete"])


async def end(erp: Tryton, kind: Guarded, number: str, **more: Any) -> None:
    """Cancel or delete an order."""
    await (erp.cancel_order if kind == "cancel" else erp.delete_order)(number, **more)


def read_state(book: Book, key: str) -> str | None:
    """Return an order's state, read past the connector; None where it is gone."""
    rows = book.users.buyer.search_read(PURCHASE, ["state"], ["id", "=", book.orders[key]])
    return rows[0]["state"] if rows else None


@pytest.mark.parametrize(("number", "key"), [(DRAFT, "draft"), (QUOTATION, "quotation"), ("1", "quotation")])
async def test_a_draft_and_a_quotation_are_cancelled_and_kept(erp: Tryton, book: Book, number: str, key: str) -> None:
    before = await erp.snapshot(number, "cancel")

    await erp.cancel_order(number, version=before.version)

    after = await erp.snapshot(number, "cancel")
    assert read_state(book, key) == "cancelled"
    assert (before.blockers, after.order.status) == ((), "cancelled")
    assert before.erp_id == after.erp_id
    assert before.version != after.version


@pytest.mark.parametrize(("number", "key"), [(DRAFT, "draft"), (CANCELLED, "cancelled"), ("(2)", "nameless")])
async def test_a_draft_and_a_cancelled_order_are_deleted(erp: Tryton, book: Book, number: str, key: str) -> None:
    before = await erp.snapshot(number, "delete")

    await erp.delete_order(number, version=before.version)

    assert before.blockers == ()
    assert read_state(book, key) is None
    with pytest.raises(OrderNotFound):
        await erp.get_order(number)
    with pytest.raises(OrderNotFound):
        await erp.delete_order(number)
    with pytest.raises(OrderNotFound):
        await erp.snapshot(number, "delete")


async def test_a_cancelled_order_cannot_be_cancelled_again(erp: Tryton) -> None:
    with pytest.raises(Conflict, match="cancelled already"):
        await erp.cancel_order(CANCELLED)


@ENDS
@pytest.mark.parametrize("key", ["waiting", "partial", "received", "done", "exception"])
async def test_a_state_that_forbids_the_write_is_named_before_anything_is_sent(
    erp: Tryton, book: Book, kind: Guarded, key: str
) -> None:
    name = f"({book.orders[key]})"
    before = read_state(book, key)
    sent: list[None] = []

    blockers = (await erp.snapshot(name, kind)).blockers
    with pytest.raises(Conflict, match="drafts and") as failed:
        await end(erp, kind, name, before_send=lambda: sent.append(None))

    assert blockers
    assert blockers[0].startswith(f"its state is {before}, and Tryton")
    assert (failed.value.effect, sent) == ("nothing_sent", [])
    assert read_state(book, key) == before


async def test_a_quotation_must_be_cancelled_before_it_is_deleted(erp: Tryton, book: Book) -> None:
    with pytest.raises(Conflict, match="cancelled first"):
        await erp.delete_order(QUOTATION)

    assert read_state(book, "quotation") == "quotation"


def change_the_note(book: Book, identifier: int) -> None:
    book.users.buyer.write(PURCHASE, identifier, comment="Now by train.")


def change_a_line_through_the_order(book: Book, identifier: int) -> None:
    """Write as the desktop client does: a changed line goes along with its order."""
    line = book.users.buyer.read(PURCHASE, identifier, "lines")["lines"][0]
    book.users.buyer.write(PURCHASE, identifier, lines=[["write", [line], {"quantity": 999}]])


def change_a_line_alone(book: Book, identifier: int) -> None:
    line = book.users.buyer.read(PURCHASE, identifier, "lines")["lines"][0]
    book.users.buyer.write("purchase.line", line, quantity=999)


def add_a_line(book: Book, identifier: int) -> None:
    more = {"product": book.facts.items["nut"], "unit": book.facts.units["Unit"], "quantity": 7}
    lines = [["create", [{**more, "unit_price": money("1")}]]]
    book.users.buyer.write(PURCHASE, identifier, lines=lines)


def remove_a_line(book: Book, identifier: int) -> None:
    line = book.users.buyer.read(PURCHASE, identifier, "lines")["lines"][0]
    book.users.buyer.write(PURCHASE, identifier, lines=[["delete", [line]]])


Change = Callable[[Book, int], None]
CHANGES = pytest.mark.parametrize(
    "change",
    [change_the_note, change_a_line_through_the_order, change_a_line_alone, add_a_line, remove_a_line],
    ids=lambda change: change.__name__,
)


@ENDS
@CHANGES
async def test_a_change_after_the_person_saw_the_order_makes_the_write_stale(
    erp: Tryton, book: Book, kind: Guarded, change: Change
) -> None:
    seen = await erp.snapshot(DRAFT, kind)
    change(book, book.orders["draft"])

    with pytest.raises(Stale) as failed:
        await end(erp, kind, DRAFT, version=seen.version)

    assert failed.value.effect == "nothing_sent"
    assert read_state(book, "draft") == "draft"
    assert (await erp.snapshot(DRAFT, kind)).version != seen.version


@ENDS
@CHANGES
async def test_tryton_itself_refuses_what_was_changed_at_the_last_moment(
    erp: Tryton, book: Book, kind: Guarded, change: Change
) -> None:
    """The change comes after the last reading, right before the first byte of the write."""
    seen = await erp.snapshot(DRAFT, kind)
    at_the_last_moment = once(partial(change, book, book.orders["draft"]))

    if kind == "cancel" and change is change_a_line_alone:
        # Tryton does not look at the lines of an order that it cancels (docs/tryton.md).
        await end(erp, kind, DRAFT, version=seen.version, before_send=at_the_last_moment)
        assert read_state(book, "draft") == "cancelled"
        return
    with pytest.raises(Stale) as failed:
        await end(erp, kind, DRAFT, version=seen.version, before_send=at_the_last_moment)

    assert failed.value.effect == "nothing_changed"
    assert read_state(book, "draft") == "draft"


@ENDS
async def test_a_write_without_a_version_is_bound_to_what_is_read_right_before(
    erp: Tryton, book: Book, kind: Guarded
) -> None:
    at_the_last_moment = once(partial(change_the_note, book, book.orders["draft"]))

    with pytest.raises(Stale):
        await end(erp, kind, DRAFT, before_send=at_the_last_moment)

    assert read_state(book, "draft") == "draft"


@ENDS
async def test_an_order_that_was_deleted_and_made_again_is_another_one(erp: Tryton, book: Book, kind: Guarded) -> None:
    seen = await erp.snapshot(DRAFT, kind)
    book.users.buyer.on(PURCHASE, "delete", [book.orders["draft"]])
    again = book.users.make_order(DRAFT, ("bolt", "1000", "0.45"), ("nut", "1000", "0.22"))

    with pytest.raises(OrderNotFound):
        await end(erp, kind, DRAFT, version=seen.version)

    assert again != book.orders["draft"]
    assert (await erp.snapshot(DRAFT, kind)).erp_id == str(again) != seen.erp_id


async def test_a_receipt_changes_the_version_though_no_stamp_of_the_order_moves(erp: Tryton, book: Book) -> None:
    stamps = ("_timestamp", "lines._timestamp")
    book.users.receive(book.orders["waiting"], {"bolt": "10"})
    before = await erp.snapshot("PM-2026-0003", "cancel")
    of_the_order = book.users.buyer.read(PURCHASE, book.orders["waiting"], *stamps)

    book.users.receive(book.orders["waiting"], {"bolt": "20"})

    assert book.users.buyer.read(PURCHASE, book.orders["waiting"], *stamps) == of_the_order
    assert (await erp.snapshot("PM-2026-0003", "cancel")).version != before.version


@ENDS
async def test_a_write_to_an_order_that_is_deleted_at_the_last_moment_is_refused(
    erp: Tryton, book: Book, kind: Guarded
) -> None:
    delete = once(partial(book.users.buyer.on, PURCHASE, "delete", [book.orders["draft"]]))

    with pytest.raises((OrderNotFound, Stale)) as failed:
        await end(erp, kind, DRAFT, before_send=delete)

    assert failed.value.effect == "nothing_changed"
    assert read_state(book, "draft") is None


@ENDS
async def test_a_user_who_may_only_read_gets_the_name_of_the_missing_right(
    connect: Connect, book: Book, kind: Guarded
) -> None:
    clerk = connect("clerk")

    with pytest.raises(NotPermitted, match="group Purchase"):
        await end(clerk, kind, DRAFT)

    assert read_state(book, "draft") == "draft"


@ENDS
async def test_an_answer_of_success_is_not_believed_where_the_order_shows_none(
    connect: Connect, book: Book, kind: Guarded
) -> None:
    """Tryton ignores a button that does not apply, and answers as if it had been pressed."""

    def without_effect(body: dict[str, Any]) -> dict[str, Any]:
        if body["method"] == f"model.{PURCHASE}.{kind}":
            return {**body, "method": f"model.{PURCHASE}.write", "params": [[], {}, {}]}
        return body

    erp = connect(transport=Interceptor(before=without_effect))

    with pytest.raises(OutcomeUnknown, match="reading it back does not show that"):
        await end(erp, kind, DRAFT)

    assert read_state(book, "draft") == "draft"


@ENDS
async def test_an_error_right_before_the_first_byte_keeps_the_write_from_leaving(
    erp: Tryton, book: Book, kind: Guarded
) -> None:
    class TooLateError(PurchaseOrderError):
        pass

    def refuse() -> None:
        raise TooLateError("too late")

    with pytest.raises(TooLateError):
        await end(erp, kind, DRAFT, before_send=refuse)

    assert read_state(book, "draft") == "draft"


async def test_finalize_is_refused_as_not_offered(erp: Tryton) -> None:
    assert "finalize" not in erp.capabilities
    assert "no finalize" in erp.limits
    with pytest.raises(NotOffered):
        await erp.finalize_order(DRAFT, create_backorder=True)
    with pytest.raises(NotOffered):
        await erp.snapshot(DRAFT, "finalize")


async def test_the_desktop_client_is_refused_where_we_were_first(erp: Tryton, book: Book) -> None:
    buyer, identifier = book.users.buyer, book.orders["draft"]
    opened = buyer.read(PURCHASE, identifier, "_timestamp")["_timestamp"]

    await erp.cancel_order(DRAFT)

    with pytest.raises(RpcError, match="ConcurrencyException"):
        buyer.on(PURCHASE, "write", [identifier], {"comment": "x"}, _timestamp={f"{PURCHASE},{identifier}": opened})
