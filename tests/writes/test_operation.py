"""An operation's identity, and the digest of the order that it is about."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from po_mcp.orders import DraftLine, OrderDraft, OrderLine, PurchaseOrder, Snapshot, Vendor
from po_mcp.writes.operation import (
    LIVE,
    MOVES,
    Operation,
    State,
    arguments_text,
    digest_of_content,
    digest_of_snapshot,
    may_move,
)

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
    ],
    ids=lambda value: digest_of_snapshot(value)[:8],
)
def test_every_material_change_of_an_order_changes_its_digest(changed: Snapshot) -> None:
    assert digest_of_snapshot(changed) != digest_of_snapshot(snapshot())


def test_another_way_to_write_the_same_amount_does_not() -> None:
    same = snapshot({"total": Decimal("4.5000")}, line={"quantity": Decimal("1E+1")})

    assert digest_of_snapshot(same) == digest_of_snapshot(snapshot())


def operation(**changes: Any) -> Operation:
    known = {"connection": "erp", "kind": "delete", "number": "PO-1", "arguments": "{}", "digest": "d"}
    return Operation(**{**known, **changes})


def test_an_operation_is_named_by_its_meaning_alone() -> None:
    others = [
        operation(connection="other"),
        operation(kind="finalize"),
        operation(number="PO-2"),
        operation(arguments='{"create_backorder":true}'),
        operation(digest="e"),
        operation(attempt=1),
    ]

    assert operation().id == operation().id
    assert len(operation().id) == 32
    assert len({operation().id, *(other.id for other in others)}) == 7
    assert operation(attempt=1).meaning == operation().meaning


def test_one_edge_alone_leads_to_the_wire() -> None:
    assert [before for before, after in MOVES.items() if "SENT" in after] == ["APPROVED"]


def test_no_move_leads_away_from_an_end_or_back_to_what_may_be_sent() -> None:
    ends = {state for state, after in MOVES.items() if not after}
    sent: tuple[State, ...] = ("SENT", "UNKNOWN")

    assert set(MOVES) - ends == set(LIVE)
    assert all(not MOVES[state] & {"PROPOSED", "APPROVED", "SENT"} for state in sent)
    assert all(may_move(before, after) == (after in MOVES[before]) for before in MOVES for after in MOVES)


def test_arguments_have_one_canonical_text() -> None:
    assert arguments_text({"b": None, "a": True}) == arguments_text({"a": True, "b": None}) == '{"a":true,"b":null}'


def draft(**changes: Any) -> OrderDraft:
    line = DraftLine.model_validate({"item": "BOLT", "quantity": "10", "unit_price": "0.45", "warehouse": "1"})
    known = {"number": "PO-1", "vendor": Vendor(id="12", name="Acme"), "lines": (line,)}
    return OrderDraft.model_validate({**known, **changes})


def test_an_order_to_be_created_is_told_by_its_content_whatever_its_number() -> None:
    dearer = DraftLine.model_validate({"item": "BOLT", "quantity": "10", "unit_price": "0.46", "warehouse": "1"})
    others = [
        draft(vendor=Vendor(id="13", name="Acme")),
        draft(lines=(dearer,)),
        draft(expected_on=date(2026, 1, 2)),
        draft(note="urgent"),
    ]

    assert digest_of_content(draft()) == digest_of_content(draft(number="PO-2"))
    assert len({digest_of_content(draft()), *(digest_of_content(other) for other in others)}) == 5
