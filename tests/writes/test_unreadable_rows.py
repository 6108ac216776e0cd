"""A row that this version cannot read blocks its order, is reported, and stops nothing else."""

from __future__ import annotations

import logging

import pytest

from po_mcp.errors import OperationUnderWay
from po_mcp.writes.journal import JournalStore, rows
from po_mcp.writes.operation import State
from tests.writes.editing import edit
from tests.writes.making import (
    CONNECTION,
    JournalPlace,
    create,
    find_begun,
    guarded_operation,
    outcome,
    propose,
    take_to,
)

SPOILS = {
    "an outcome of a status that is not known": 'outcome = \'{"status": "half done", "message": "x"}\'',
    "an outcome that is no JSON": "outcome = 'no JSON'",
    "a question of another shape": 'question = \'{"text": "x", "fields": [{"colour": "red"}]}\'',
    "a question that is no object": "question = '[]'",
    "a payload of another shape": "payload = '{\"plan\": 1}'",
    "a kind that is not known": "kind = 'merge'",
    "items that are no list": "items = '7'",
    "items that are no JSON": "items = 'x'",
}


def spoil(journal_at: JournalPlace, operation_id: str, change: str) -> None:
    edit(journal_at, f"UPDATE write_operations SET {change} WHERE id = '{operation_id}'")


@pytest.fixture(params=list(SPOILS.values()), ids=list(SPOILS))
def spoiled(request: pytest.FixtureRequest, store: JournalStore, journal_at: JournalPlace) -> str:
    """The id of an unknown operation on PO-1 whose row cannot be read; PO-2 is another one beside it."""
    operation_id = take_to(store, guarded_operation(), "UNKNOWN")
    take_to(store, guarded_operation(number="PO-2"), "UNKNOWN")
    spoil(journal_at, operation_id, request.param)
    return operation_id


def test_other_operations_go_on_beside_an_unreadable_row(
    store: JournalStore, spoiled: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [one.operation.number for one in store.live(CONNECTION.key)] == ["PO-2"]
    assert spoiled in caplog.text
    assert store.find(spoiled) is None
    assert [one.operation.number for one in store.all()] == ["PO-2"]
    assert store.find_beginning(spoiled[:6]) == []
    assert store.latest(CONNECTION.key, 9) == []
    assert propose(store, guarded_operation(number="PO-3")).state == "PROPOSED"


def test_its_order_stays_blocked(store: JournalStore, spoiled: str) -> None:
    with pytest.raises(OperationUnderWay, match=f"cannot read. Nothing was changed. Operation {spoiled}"):
        store.propose(guarded_operation(), {})
    with pytest.raises(OperationUnderWay):
        find_begun(store, guarded_operation())


def test_a_row_that_cannot_be_read_is_never_sent(store: JournalStore, journal_at: JournalPlace) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    spoil(journal_at, operation_id, "payload = 'x'")

    assert store.claim(operation_id, CONNECTION) is None


def test_verify_reports_a_row_that_cannot_be_read(store: JournalStore, spoiled: str) -> None:
    assert f"operation {spoiled} cannot be read" in store.upkeep.verify()


@pytest.mark.parametrize("state", ["UNKNOWN", "DONE"])
def test_a_create_that_cannot_be_read_stops_no_other(
    store: JournalStore, journal_at: JournalPlace, state: State
) -> None:
    operation_id = take_to(store, create("PO-8"), state)
    spoil(journal_at, operation_id, "payload = 'x'")

    assert find_begun(store, create("PO-8")) is None
    assert propose(store, create("PO-7", vendor="another", content_digest="another")).state == "PROPOSED"


def test_a_state_of_a_newer_version_is_not_taken_for_an_end(store: JournalStore, journal_at: JournalPlace) -> None:
    operation_id = take_to(store, guarded_operation(), "UNKNOWN")
    spoil(journal_at, operation_id, "state = 'HALF_DONE'")

    assert store.find(operation_id) is None
    assert not store.finish(operation_id, "UNKNOWN", "DONE", outcome(), {})


def test_what_several_calls_read_of_one_operation_is_read_once(store: JournalStore) -> None:
    rows._payload.cache_clear()
    operation_id = take_to(store, guarded_operation("finalize"), "PROPOSED")
    answered = find_begun(store, guarded_operation("finalize"), answered=operation_id)
    assert answered is not None
    assert store.approve(operation_id, answered.operation.payload, {})

    claim = store.claim(operation_id, CONNECTION)

    assert claim is not None
    assert claim.operation.payload is answered.operation.payload
    assert rows._payload.cache_info().misses == 1


def test_a_payload_that_was_edited_is_read_anew(store: JournalStore, journal_at: JournalPlace) -> None:
    operation_id = take_to(store, guarded_operation("finalize"), "UNKNOWN")
    before = store.live(None)
    edit(journal_at, "UPDATE write_operations SET payload = replace(payload, 'Acme Fasteners', 'Another')")

    [recorded] = store.live(None)

    assert recorded.operation.id == operation_id
    assert recorded.operation.payload.snapshot.order.vendor == "Another"  # type: ignore[attr-defined]
    assert before[0].operation.payload != recorded.operation.payload
