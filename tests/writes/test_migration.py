"""A journal of version 1, with an operation in every state, becomes one of today.

fixtures/journal_version_1.sql is what that program wrote, dumped by SQLite, with three connections: Exsited (numbers
begin with E), Inventory Pro (I) and the sandbox (S).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from po_mcp.erp import Connection
from po_mcp.errors import JournalUnavailable, OperationUnderWay
from po_mcp.orders import Vendor
from po_mcp.writes.journal import JournalStore, Similar, migration, moving, schema
from po_mcp.writes.journal.sqlite_connection import connect
from po_mcp.writes.operation import LIVE, Recorded
from po_mcp.writes.payloads import CreatePayload, FinalizePayload
from tests.writes.making import Clock, create, draft, guarded_operation, outcome, propose, take_to

DUMP = Path(__file__).parent / "fixtures" / "journal_version_1.sql"
CLIENT = Connection.fingerprint("client-1")
EXSITED = Connection("exsited", "https://erp.example.com/api", None, CLIENT)
INVENTORY_PRO = Connection("inventory-pro", "https://erp.example.com:8443/live/api/v1", None, CLIENT)
SANDBOX = Connection("sandbox", "/home/ada/book.db")
FORMER = f"exsited erp.example.com {CLIENT}"
ENDED = {
    "DONE": "DONE",
    "REFUSED": "REFUSED",
    "NOT-APPLIED": "NOT_APPLIED",
    "CONFLICT": "CONFLICT",
    "DECLINED": "DECLINED",
    "PROPOSED": "EXPIRED",
    "APPROVED": "EXPIRED",
}
GOES_ON = {"SENT": "SENT", "UNKNOWN": "UNKNOWN", "SENT-DELETE": "SENT"}


@pytest.fixture
def old(file: Path) -> Path:
    """The file as the old program leaves it."""
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as db:
        db.executescript(DUMP.read_text(encoding="utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
    return file


@pytest.fixture
def migrated(old: Path) -> Iterator[JournalStore]:
    store = JournalStore(old, 600, Clock())
    yield store
    store.close()


def by_number(store: JournalStore) -> dict[str, Recorded]:
    return {one.operation.number: one for one in store.all()}


@pytest.mark.parametrize("first", "EIS")
def test_waiting_and_approved_operations_end_and_sent_ones_go_on(migrated: JournalStore, first: str) -> None:
    found = by_number(migrated)

    states = {name: found[f"{first}-{name}"].state for name in ENDED | GOES_ON}

    assert states == ENDED | GOES_ON


def test_a_migration_loses_no_row_and_keeps_the_chain_of_the_audit_log(migrated: JournalStore, old: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as before:
        before.executescript(DUMP.read_text(encoding="utf-8"))
        [operations] = before.execute("SELECT COUNT(*) FROM operations").fetchone()
        [events] = before.execute("SELECT COUNT(*) FROM trail").fetchone()

    assert migrated.upkeep.verify() == []
    assert migrated.counts() == (operations, events + operations)
    with closing(sqlite3.connect(old)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert not tables & {"operations", "trail", "tokens"}


def test_a_journal_of_version_2_gets_what_it_lacks(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    store.close()
    with closing(sqlite3.connect(file)) as db:
        db.executescript(
            "DROP VIEW live_operations; DROP INDEX by_settlement; CREATE VIEW live_operations AS SELECT * FROM"
            " write_operations WHERE state IN ('PROPOSED', 'APPROVED', 'SENT', 'WATCHED', 'UNKNOWN');"
            "DROP TABLE erp_credentials; PRAGMA user_version = 2;"
        )

    later = JournalStore(file, 600, Clock())
    assert [one.state for one in later.live(None)] == ["UNKNOWN"]
    assert later.upkeep.verify() == []


def test_a_journal_of_version_4_gets_a_place_for_credentials(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    store.close()
    with closing(sqlite3.connect(file)) as db:
        db.executescript("DROP TABLE erp_credentials; PRAGMA user_version = 4")

    later = JournalStore(file, 600, Clock())
    later.credential_rows("exsited").keep("https://issuer alice", "sealed", "Alice")
    assert ([one.state for one in later.live(None)], later.upkeep.verify()) == (["UNKNOWN"], [])


def test_a_journal_of_version_4_that_was_moved_stays_closed(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    with closing(connect(str(file))) as db:
        db.executescript("DROP TABLE erp_credentials; CREATE TABLE erp_credentials (x TEXT); PRAGMA user_version = 4")
        moving.seal(db, "postgresql://db.example.com/po", 1.0)
        db.execute("DROP TABLE erp_credentials")
    store.close()

    later = JournalStore(file, 600, Clock())
    with pytest.raises(JournalUnavailable, match="moved to postgresql"):
        later.credential_rows("exsited").keep("https://issuer alice", "sealed", "Alice")
    assert later.upkeep.verify() == []


def test_a_journal_of_version_3_is_closed_to_the_program_that_counts_no_yeses(
    store: JournalStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    store.close()
    with closing(sqlite3.connect(file)) as db:
        before = json.loads(db.execute("SELECT payload FROM write_operations").fetchone()[0])
        db.executescript("DROP TABLE erp_credentials; PRAGMA user_version = 3")

    later = JournalStore(file, 600, Clock())
    assert [one.state for one in later.live(None)] == ["UNKNOWN"]
    assert (later.upkeep.verify(), before["consent"]["needed"]) == ([], 1)
    later.close()
    monkeypatch.setattr(schema, "VERSION", 3)
    with pytest.raises(JournalUnavailable, match="newer po-mcp"):
        JournalStore(file, 600, Clock()).live(None)


def test_every_row_is_read_with_its_payload_and_its_requester(migrated: JournalStore) -> None:
    found = by_number(migrated)

    finalize, made = found["E-REFUSED"].operation.payload, found["E-UNKNOWN"].operation.payload
    assert isinstance(finalize, FinalizePayload)
    assert finalize.create_backorder is True
    assert isinstance(made, CreatePayload)
    assert (made.draft.number, made.reasons, made.notes) == ("E-UNKNOWN", (), ('"bolts" is BOLT.',))
    assert found["E-UNKNOWN"].operation.requester.client == "a client 1.0"
    assert found["E-DONE"].outcome is not None
    assert found["E-SENT"].sent_at == found["E-SENT"].counts_from is not None


def test_the_shared_token_is_kept(old: Path) -> None:
    store = JournalStore(old, 600, Clock(1_763_818_800.0))

    token = store.shared_token("exsited").load()

    assert token is not None
    assert token[0] == "a token"


@pytest.mark.parametrize("connection", [EXSITED, replace(EXSITED, address="https://erp.example.com/test")], ids=str)
@pytest.mark.parametrize("name", GOES_ON)
def test_a_sent_operation_blocks_its_order_on_every_connection_that_may_be_its_own(
    migrated: JournalStore, connection: Connection, name: str
) -> None:
    call = guarded_operation("cancel", f"E-{name}", connection=connection.key)

    with pytest.raises(OperationUnderWay):
        migrated.propose(call, {}, connection=connection)
    migrated.join(connection)
    assert migrated.needs_adoption(connection)


def test_a_create_that_is_not_known_is_asked_about_on_those_connections_too(migrated: JournalStore) -> None:
    asked = draft("PO-NEW", vendor=Vendor(id="12", name="Acme"))

    similar = migrated.propose(create(asked=asked, connection=EXSITED.key), {}, connection=EXSITED)

    assert isinstance(similar, Similar)
    assert similar.recorded.operation.number == "E-UNKNOWN"


@pytest.mark.parametrize("name", ENDED)
def test_an_operation_at_its_end_blocks_no_order(migrated: JournalStore, name: str) -> None:
    call = guarded_operation("cancel", f"E-{name}", connection=EXSITED.key)

    assert propose(migrated, call, connection=EXSITED).state == "PROPOSED"


def test_another_host_is_not_blocked(migrated: JournalStore) -> None:
    elsewhere = replace(EXSITED, address="https://erp.example.org/api")

    assert propose(migrated, guarded_operation("cancel", "E-SENT", connection=elsewhere.key), connection=elsewhere)
    assert not migrated.needs_adoption(elsewhere)


def test_no_yes_of_before_is_sent(migrated: JournalStore) -> None:
    approved = by_number(migrated)["E-APPROVED"].operation

    for connection in (EXSITED, INVENTORY_PRO, SANDBOX):
        assert migrated.claim(approved.id, connection) is None


def test_a_waiting_operation_is_recorded_as_expired_whatever_the_clock_says(migrated: JournalStore, old: Path) -> None:
    migrated.counts()
    with closing(sqlite3.connect(old)) as db:
        states = db.execute("SELECT state FROM write_operations WHERE number IN ('E-PROPOSED', 'E-APPROVED')")

        assert states.fetchall() == [("EXPIRED",), ("EXPIRED",)]


def test_adopting_as_the_same_company_moves_what_was_sent(migrated: JournalStore) -> None:
    name = migrated.join(EXSITED)

    assert migrated.upkeep.adopt(EXSITED, "same") == name == EXSITED.key

    assert {one.operation.number for one in migrated.live(name)} == {f"E-{name}" for name in GOES_ON}
    assert not migrated.needs_adoption(EXSITED)
    assert migrated.needs_adoption(INVENTORY_PRO)
    with pytest.raises(OperationUnderWay):
        migrated.propose(guarded_operation("cancel", "E-SENT", connection=name), {}, connection=EXSITED)
    assert migrated.upkeep.verify() == []


def test_adopting_as_another_company_blocks_nothing_any_more(migrated: JournalStore) -> None:
    migrated.join(EXSITED)

    assert migrated.upkeep.adopt(EXSITED, "other") == EXSITED.key

    assert migrated.live(EXSITED.key) == []
    assert propose(migrated, guarded_operation("cancel", "E-SENT", connection=EXSITED.key), connection=EXSITED)
    assert not migrated.needs_adoption(EXSITED)
    assert {one.state for one in migrated.all() if one.operation.number == "E-SENT"} == {"SENT", "PROPOSED"}


def test_the_sandboxs_operations_go_on_without_adoption(migrated: JournalStore) -> None:
    name = migrated.join(SANDBOX)

    assert {one.operation.number for one in migrated.live(name)} == {f"S-{one}" for one in GOES_ON}
    assert not migrated.needs_adoption(SANDBOX)
    unknown = by_number(migrated)["S-UNKNOWN"].operation
    assert migrated.finish(unknown.id, "UNKNOWN", "DONE", outcome(), {})


# A process of the old program that runs on, and one that starts later

CLAIMED_BY_THE_OLD = "UPDATE operations SET state = 'SENT' WHERE id = ? AND state = 'APPROVED'"
STATEMENTS = [
    "SELECT * FROM operations WHERE id = 'x' LIMIT 1",
    "UPDATE operations SET state = 'SENT' WHERE id = 'x' AND state = 'APPROVED'",
    "SELECT place, hash FROM trail ORDER BY place DESC LIMIT 1",
    "INSERT INTO trail VALUES (1, 'x', 0, 'SENT', '{}', '', '', '')",
    "SELECT token, ends_at FROM tokens WHERE connection = 'x'",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_of_a_process_of_the_old_program_fails(old: Path, statement: str) -> None:
    """The statements of its journal; the whole program was tried by hand, and each call ended as JournalUnavailable."""
    with closing(sqlite3.connect(old, isolation_level=None)) as running:
        running.execute("SELECT COUNT(*) FROM operations").fetchone()
        store = JournalStore(old)
        assert store.upkeep.verify() == []

        running.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            running.execute(statement)
        running.execute("ROLLBACK")
    assert store.upkeep.verify() == []


def test_a_claim_of_the_old_program_in_the_same_moment_comes_before_or_fails(old: Path) -> None:
    """Its claim is under way while the file is migrated: what it sent is in the new tables as SENT."""
    with closing(sqlite3.connect(old, isolation_level=None)) as running:
        [approved] = running.execute("SELECT id FROM operations WHERE number = 'E-APPROVED'").fetchone()
        running.execute("BEGIN IMMEDIATE")
        running.execute(CLAIMED_BY_THE_OLD, (approved,))
        store = JournalStore(old)
        migrating = threading.Thread(target=store.counts)
        migrating.start()
        running.execute("COMMIT")
        migrating.join()

    assert by_number(store)["E-APPROVED"].state == "SENT"


def test_the_old_program_sees_that_the_file_is_newer(migrated: JournalStore, old: Path) -> None:
    """It refuses every file whose version is over 1, before it changes anything."""
    migrated.counts()
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] > 1


def test_two_processes_migrate_once(old: Path) -> None:
    stores = [JournalStore(old) for _ in range(4)]
    threads = [threading.Thread(target=store.counts) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {store.counts() for store in stores} == {stores[0].counts()}
    assert stores[0].upkeep.verify() == []


SPOILS = ["intent = 'no JSON'", "intent = '[]'", "intent = '{}'", "outcome = 'no JSON'", "question = '7'"]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_row_that_cannot_be_read_is_taken_over_and_blocks_its_order(old: Path, spoil: str) -> None:
    with closing(sqlite3.connect(old)) as db, db:
        db.execute(f"UPDATE operations SET {spoil} WHERE number = 'E-UNKNOWN'")
    store = JournalStore(old)

    assert store.counts()[0] == len(store.all()) + 1
    with pytest.raises(OperationUnderWay, match="cannot read"):
        store.propose(guarded_operation("cancel", "E-UNKNOWN", connection=EXSITED.key), {}, connection=EXSITED)
    assert any("cannot be read" in fault for fault in store.upkeep.verify())


def test_events_that_cannot_be_read_stop_nothing(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("DROP TRIGGER trail_is_not_edited")
        db.execute("UPDATE trail SET detail = 'no JSON'")

    assert by_number(JournalStore(old))["E-UNKNOWN"].operation.requester.client == "an unnamed assistant"


def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    before = shutil.copy(old, old.with_name("before.db"))
    monkeypatch.setattr(migration, "_move", full)

    with pytest.raises(JournalUnavailable):
        JournalStore(old).counts()

    with closing(sqlite3.connect(old)) as db, closing(sqlite3.connect(before)) as kept:
        assert list(db.iterdump()) == list(kept.iterdump())


def test_only_sent_operations_are_live_after_a_migration(migrated: JournalStore) -> None:
    live = {one.state for one in migrated.live(None)}

    assert live == {"SENT", "UNKNOWN"} < LIVE
    assert all(one.operation.connection == FORMER for one in migrated.live(FORMER))
