"""A move is of the row that was found: where another has changed it since, nothing is moved and nothing recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, audit_log, moves, queries
from po_mcp.writes.journal.rows import values_of
from tests.writes.making import CONNECTION, Clock, guarded_operation, outcome, state_of, take_to

Patch = pytest.MonkeyPatch


def overtake_a_claim(store: JournalStore) -> None:
    """Claim an operation that is claimed by another between the reading and the writing, as without a lock."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    with store._moving(queries.ask_operation(operation_id)) as db:
        [[row]] = db.answers
        db.execute("UPDATE write_operations SET state = 'SENT' WHERE id = ?", (operation_id,))
        assert moves.move(db, operation_id, "APPROVED", "SENT", {}, store.now(), row)


def nothing_is_compared(patch: Patch) -> None:
    patch.setattr(moves, "_IS_AS_FOUND", "id = ? AND ? != ''")


def an_event_needs_no_move(patch: Patch) -> None:
    patch.setattr(
        audit_log, "_ADD", "INSERT INTO audit_log SELECT ?, ?, ?, ?, ?, ?, ?, h FROM (SELECT ? AS i, ? AS h) o"
    )


def test_a_claim_that_is_overtaken_fails_and_leaves_nothing(store: JournalStore) -> None:
    with pytest.raises(JournalUnavailable):
        overtake_a_claim(store)

    [recorded] = store.live(None)
    assert recorded.state == "APPROVED"
    assert [event.event for event in store.events(recorded.operation.id)] == ["PROPOSED", "APPROVED"]
    assert store.upkeep.verify() == []
    assert store.claim(recorded.operation.id, CONNECTION) is not None


@pytest.mark.parametrize("mutant", [nothing_is_compared, an_event_needs_no_move], ids=lambda one: one.__name__)
def test_a_claim_that_is_overtaken_succeeds_without_its_control(
    store: JournalStore, monkeypatch: Patch, mutant: Callable[[Patch], None]
) -> None:
    mutant(monkeypatch)

    overtake_a_claim(store)

    assert [recorded.state for recorded in store.live(None)] == ["SENT"]


@pytest.mark.parametrize("more", [{}, {"watched_until": 1_800_000_030}, {"is_late": True}], ids=str)
def test_what_a_row_will_be_is_what_the_database_makes_of_it(store: JournalStore, more: dict[str, Any]) -> None:
    operation_id = take_to(store, guarded_operation("finalize"), "SENT")
    after: Any = "WATCHED" if "watched_until" in more else "DONE"

    assert store.finish(operation_id, "SENT", after, outcome(), {}, **more)

    assert store.upkeep.verify() == []


def test_a_new_row_has_the_columns_of_the_table_in_their_order(store: JournalStore, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "PROPOSED")
    with store._file.reading() as db:
        row = db.execute(*queries.ask_operation(operation_id)).fetchone()

    values: Any = values_of(guarded_operation(), "PROPOSED", clock.now, clock.now + 600)
    assert audit_log.digested(row) == audit_log.digested(values)


def test_what_is_not_as_it_must_be_is_not_moved(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")

    with store._moving() as db:
        assert not moves.move(db, operation_id, "PROPOSED", "APPROVED", {}, store.now())
        assert not moves.move(db, "nobody", "PROPOSED", "APPROVED", {}, store.now())

    assert state_of(store, operation_id) == "APPROVED"
