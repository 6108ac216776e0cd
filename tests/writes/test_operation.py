"""An operation's identity and moves, and the digests of the order that it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Snapshot, Vendor
from po_mcp.writes.content import digest_of_content, item_keys, vendor_key
from po_mcp.writes.kinds.snapshots import digest_of_snapshot
from po_mcp.writes.operation import (
    LIVE,
    MOVES,
    SENT_STATES,
    WAITING,
    Operation,
    Requester,
    canonical_json,
    may_move,
)
from po_mcp.writes.payloads import Payload

LINE: dict[str, Any] = {
    "item": "BOLT",
    "quantity": Decimal(10),
    "received": Decimal(4),
    "unit_price": Decimal("0.45"),
    "warehouse": "1",
}
ORDER: dict[str, Any] = {
    "number": "PO-1",
    "vendor": "Acme",
    "vendor_id": "12",
    "status": "open",
    "status_text": "Open",
    "currency": "EUR",
    "total": Decimal("4.50"),
}


def snapshot(order: dict[str, Any] | None = None, line: dict[str, Any] | None = None, **changes: Any) -> Snapshot:
    lines = (OrderLine.model_validate({**LINE, **(line or {})}),)
    whole = PurchaseOrder.model_validate({**ORDER, "lines": lines, **(order or {})})
    return Snapshot(order=whole, **{"erp_id": "a-uuid", "version": "3", **changes})


@pytest.mark.parametrize(
    "changed",
    [
        snapshot(erp_id="another-uuid"),
        snapshot(version="4"),
        snapshot(blockers=("item receipt IR-1",)),
        snapshot({"number": "PO-2"}),
        snapshot({"vendor_id": "13"}),
        snapshot({"status": "partial"}),
        snapshot({"status_text": "Held"}),
        snapshot({"currency": "USD"}),
        snapshot({"total": Decimal("4.51")}),
        snapshot({"total": None}),
        snapshot({"lines": ()}),
        snapshot(line={"item": "NUT"}),
        snapshot(line={"quantity": Decimal(11)}),
        snapshot(line={"received": Decimal(5)}),
        snapshot(line={"unit_price": Decimal("0.46")}),
        snapshot(line={"warehouse": "2"}),
        snapshot(line={"description": "M10 x 30"}),
        snapshot({"expected_on": date(2026, 1, 2)}),
        snapshot({"ordered_at": datetime(2026, 1, 2, tzinfo=UTC)}),
        snapshot({"vendor": "Acme Ltd"}),
    ],
    ids=lambda value: digest_of_snapshot(value)[:8],
)
def test_every_change_of_what_was_read_changes_the_digest(changed: Snapshot) -> None:
    assert digest_of_snapshot(changed) != digest_of_snapshot(snapshot())


def test_another_way_to_write_the_same_amount_does_not() -> None:
    same = snapshot({"total": Decimal("4.5000")}, line={"quantity": Decimal("1E+1")})

    assert digest_of_snapshot(same) == digest_of_snapshot(snapshot())


def operation(**changes: Any) -> Operation:
    known = {
        "connection": "erp",
        "kind": "delete",
        "number": "PO-1",
        "arguments": "{}",
        "payload": Payload(),
        "requester": Requester("ada"),
        "order_digest": "d",
    }
    return Operation(**{**known, **changes})


def test_the_id_of_an_operation_is_random_and_tells_nothing_of_it() -> None:
    ids = {operation().id for _ in range(100)}

    assert len(ids) == 100
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


def test_two_calls_are_the_same_by_what_they_ask_for_and_not_by_the_caller() -> None:
    others = [
        operation(connection="other"),
        operation(kind="finalize"),
        operation(number="PO-2"),
        operation(arguments='{"create_backorder":true}'),
    ]

    assert operation().is_same(operation(requester=Requester("bob")))
    assert not any(operation().is_same_call(other) for other in others)


def test_the_same_call_about_a_changed_order_is_not_the_same_operation() -> None:
    assert operation().is_same_call(operation(order_digest="e"))
    assert not operation().is_same(operation(order_digest="e"))


def test_one_edge_alone_leads_to_the_wire() -> None:
    assert [before for before, after in MOVES.items() if "SENT" in after] == ["APPROVED"]


def test_no_move_leads_away_from_an_end_or_back_to_what_may_be_sent() -> None:
    ends = {state for state, after in MOVES.items() if not after}

    assert set(MOVES) - ends == LIVE == WAITING | SENT_STATES
    assert all(not MOVES[state] & {"PROPOSED", "APPROVED", "SENT"} for state in SENT_STATES)
    assert all(may_move(before, after) == (after in MOVES[before]) for before in MOVES for after in MOVES)


def test_arguments_have_one_canonical_text() -> None:
    assert canonical_json({"b": None, "a": True}) == canonical_json({"a": True, "b": None}) == '{"a":true,"b":null}'


def draft(**changes: Any) -> OrderDraft:
    line = DraftLine.model_validate({"item": "BOLT", "quantity": "10", "unit_price": "0.45", "warehouse": "1"})
    known = {"number": "PO-1", "vendor": Vendor(id="12", name="Acme"), "lines": (line,)}
    return OrderDraft.model_validate({**known, **changes})


def line(**changes: Any) -> DraftLine:
    known = {"item": "BOLT", "quantity": Decimal(10), "unit_price": Decimal("0.45"), "warehouse": "1"}
    return DraftLine.model_validate({**known, **changes})


@pytest.mark.parametrize(
    "same",
    [
        draft(number="PO-2"),
        draft(note="urgent"),
        draft(expected_on=date(2026, 1, 2)),
        draft(vendor=Vendor(id=" 12", name="ACME")),
        draft(lines=(line(quantity=Decimal("10.00"), unit_price=Decimal("0.450")),)),
        draft(lines=(line(quantity=Decimal(4)), line(quantity=Decimal(6)))),
        draft(lines=(line(item=" bolt "),)),
    ],
    ids=["number", "note", "date", "vendor padded", "other digits", "split", "item folded"],
)
def test_orders_of_the_same_vendor_items_and_quantities_have_one_digest(same: OrderDraft) -> None:
    assert digest_of_content(same) == digest_of_content(draft())


@pytest.mark.parametrize(
    "other",
    [
        draft(vendor=Vendor(id="13", name="Acme")),
        draft(lines=(line(unit_price=Decimal("0.46")),)),
        draft(lines=(line(quantity=Decimal(11)),)),
        draft(lines=(line(item="NUT"),)),
        draft(lines=(line(warehouse="2"),)),
        draft(lines=(line(warehouse=None),)),
        draft(lines=(line(), line(item="NUT"))),
    ],
    ids=["vendor", "price", "quantity", "item", "warehouse", "no warehouse", "a line more"],
)
def test_orders_of_another_content_have_another_digest(other: OrderDraft) -> None:
    assert digest_of_content(other) != digest_of_content(draft())


def test_the_order_of_lines_does_not_matter() -> None:
    lines = (line(), line(item="NUT"), line(warehouse="2"))

    assert digest_of_content(draft(lines=lines)) == digest_of_content(draft(lines=lines[::-1]))


def test_a_vendor_without_an_id_is_named_by_its_name() -> None:
    assert vendor_key(draft(vendor=Vendor(id=None, name=" ACME  Ltd"))) == "acme ltd"
    assert item_keys(draft(lines=(line(item="Bolt"), line(item=" BOLT")))) == {"bolt"}


def test_a_value_without_canonical_form_is_no_identity() -> None:
    with pytest.raises(TypeError, match="no canonical form for object"):
        canonical_json({"a": object()})
