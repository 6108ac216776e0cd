"""A journal that moves from a file into PostgreSQL: all of it, once, and never two places that are written to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from po_mcp.errors import InvalidInput, JournalUnavailable
from po_mcp.writes.journal import JournalStore, moving
from po_mcp.writes.journal import postgres as postgres_module
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.journal.importing import import_file
from po_mcp.writes.journal.postgres_transaction import PostgresTransaction
from po_mcp.writes.operation import MOVES, State
from tests.postgres import Cluster
from tests.writes.making import CONNECTION, KEY, ROADS, create, guarded_operation, propose, state_of, take_to

pytestmark = pytest.mark.postgres


@pytest.fixture
def source(file: Path) -> Iterator[JournalStore]:
    """A file with an operation in every state that one can be brought to, names in any script, and a PIN."""
    with closing(JournalStore(file)) as store:
        for place, state in enumerate(ROADS):
            take_to(store, guarded_operation(number=f"PO-{place} \u202e\x07 \U0001f600 ü"), state)
        take_to(store, create("PO-NEW", question=True), "DONE")
        store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
        store.shared_token("exsited").save("a token", 600)
        store.credential_rows(KEY).keep("https://issuer alice", "v1.sealed", "Alice Adams")
        yield store


def test_a_moved_journal_holds_the_same_operations_and_events(source: JournalStore, file: Path, address: str) -> None:
    before = source.all()
    assert import_file(file, address) == len(before)

    with closing(JournalStore(address)) as store:
        assert store.all() == before
        assert store.upkeep.verify() == []
        assert [store.events(one.operation.id) for one in before] == [source.events(one.operation.id) for one in before]
        assert store.approver_pin().fits("correct horse")
        assert store.join(CONNECTION) == CONNECTION.key
        assert store.credential_rows(KEY).all() == source.credential_rows(KEY).all() != []
        assert store.events("")[-1].event == "moved"
        assert not store.may_lack_events()
        approved = next(one for one in before if one.state == "APPROVED")
        assert store.claim(approved.operation.id, CONNECTION) is not None
        assert propose(store, guarded_operation(number="PO-X")).state == "PROPOSED"


def test_the_file_is_read_and_never_written_again(source: JournalStore, file: Path, address: str) -> None:
    approved = take_to(source, guarded_operation(number="PO-X"), "APPROVED")
    import_file(file, address)

    for store in (source, JournalStore(file)):
        with pytest.raises(JournalUnavailable, match="This journal was moved to postgresql://") as refused:
            store.claim(approved, CONNECTION)
        assert "PO_MCP_JOURNAL" in refused.value.next_step
        assert state_of(store, approved) == "APPROVED"
        assert store.upkeep.verify() == []


@pytest.mark.parametrize("table", ["journal", *moving.TABLES])
def test_a_program_of_before_the_seal_can_write_nothing_either(
    source: JournalStore, file: Path, address: str, table: str
) -> None:
    import_file(file, address)

    with closing(sqlite3.connect(file)) as db:
        column = db.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchone()[0]
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
            with pytest.raises(sqlite3.IntegrityError, match=r"moved|append only"):
                db.execute(statement)


def test_an_import_that_fails_changes_neither(
    source: JournalStore, file: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JournalUnavailable("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresTransaction, "load", fail)
        with pytest.raises(JournalUnavailable, match="went away"):
            import_file(file, address)
    source.note("", "looked", {})

    assert import_file(file, address) == len(source.all())


def test_an_import_whose_last_step_was_lost_goes_on(
    source: JournalStore, file: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(postgres_module, "_COMMIT", "ROLLBACK")
        with pytest.raises(JournalUnavailable, match="does not answer"):
            import_file(file, address)
    with pytest.raises(JournalUnavailable, match="was moved"):
        source.note("", "looked", {})

    assert import_file(file, address) == len(source.all())
    with closing(JournalStore(address)) as store:
        assert store.upkeep.verify() == []


def test_a_journal_is_not_brought_over_another(source: JournalStore, file: Path, address: str) -> None:
    with closing(JournalStore(address)) as store:
        take_to(store, guarded_operation(), "DONE")

    with pytest.raises(InvalidInput, match="holds a journal already"):
        import_file(file, address)
    assert take_to(source, guarded_operation(number="PO-Y"), "SENT")


def test_a_file_that_was_moved_is_not_moved_to_another_place(
    source: JournalStore, file: Path, address: str, postgres: Cluster
) -> None:
    import_file(file, address)

    with pytest.raises(InvalidInput, match="holds a journal already"):
        import_file(file, address)
    with pytest.raises(InvalidInput, match="was moved to"):
        import_file(file, postgres.new_schema().replace("/postgres?", "/template1?"))


def test_a_missing_file_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidInput, match="There is no journal at"):
        import_file(tmp_path / "none.db", address)


@pytest.mark.parametrize("control", ["seal", "check"])
def test_without_its_seal_a_file_would_be_written_beside_the_database(
    source: JournalStore, file: Path, address: str, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without either the trigger or the check the other one holds; without both the same order is claimed twice."""
    approved = take_to(source, guarded_operation(number="PO-X"), "APPROVED")

    def claim() -> list[bool]:
        claims = []
        for place in (file, address):
            with closing(JournalStore(place)) as store:
                try:
                    claims.append(store.claim(approved, CONNECTION) is not None)
                except JournalUnavailable:
                    claims.append(False)
        return claims

    if control == "seal":
        monkeypatch.setattr(moving, "triggers_of_seal", dict)
    import_file(file, address)
    if control == "check":
        monkeypatch.setattr(moving, "need_unsealed", lambda _: None)
    one_is_enough = claim()
    monkeypatch.setattr(moving, "need_unsealed", lambda _: None)
    if control == "check":
        with closing(sqlite3.connect(file)) as db:
            for name in moving.triggers_of_seal():
                db.execute(f"DROP {name}")

    assert one_is_enough == [False, True]
    with closing(JournalStore(file)) as store:
        assert store.claim(approved, CONNECTION) is not None


def test_every_state_is_among_those_that_are_moved() -> None:
    reached: set[State] = set(ROADS)

    assert reached | {"EXPIRED", "STALE"} == set(MOVES)
