"""The journal keeps people's sealed credentials: each for themselves, with an event, and gone when they are removed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore
from tests.writes.editing import edit
from tests.writes.making import Clock, JournalPlace, guarded_operation, take_to

ALICE, BOB = "https://issuer alice", "https://issuer bob"


def test_each_person_and_connection_has_its_own(store: JournalStore, clock: Clock) -> None:
    rows = store.credential_rows("exsited a")
    rows.keep(ALICE, "one", "Alice")
    rows.keep(BOB, "two", "Bob")
    clock.now += 10
    rows.keep(ALICE, "three", "Alice")

    assert [(row.person, row.sealed, row.given_at) for row in rows.all()] == [
        (ALICE, "three", clock.now),
        (BOB, "two", clock.now - 10),
    ]
    assert rows.find(BOB) == rows.all()[1]
    assert store.credential_rows("exsited b").all() == []


@pytest.mark.parametrize(
    ("thought", "is_kept"), [(None, True), ("one", True), ("", False), ("another", False)], ids=str
)
def test_credentials_changed_meanwhile_stay(store: JournalStore, thought: str | None, is_kept: bool) -> None:
    rows = store.credential_rows("exsited")
    assert rows.keep(ALICE, "one", "Alice", "")

    assert rows.keep(ALICE, "two", "Alice", thought) is is_kept
    assert [row.sealed for row in rows.all()] == ["two" if is_kept else "one"]
    assert len(store.events("")) == 1 + is_kept
    assert not rows.keep(BOB, "two", "Bob", "one"), "what was removed is not brought back"


def test_removed_credentials_are_gone_for_every_process(store: JournalStore, journal_at: JournalPlace) -> None:
    rows = store.credential_rows("exsited")
    rows.keep(ALICE, "one", "Alice")
    with closing(JournalStore(journal_at)) as other:
        assert other.credential_rows("exsited").remove(ALICE, by=BOB)

    assert rows.find(ALICE) is None
    assert rows.remove(ALICE, by=BOB) is False


def test_giving_and_removing_stand_in_the_audit_log_without_what_was_given(store: JournalStore) -> None:
    rows = store.credential_rows("exsited")
    rows.keep(ALICE, "the sealed text", "Alice")
    rows.reseal(ALICE, "the sealed text", "sealed again")
    rows.remove(ALICE, by=BOB)

    assert [(event.event, event.detail) for event in store.events("")] == [
        ("ERP credentials given", {"by": ALICE, "name": "Alice"}),
        ("ERP credentials removed", {"of": ALICE, "by": BOB}),
    ]
    assert store.upkeep.verify() == []
    assert "seal" not in "\n".join(store.upkeep.export())


def test_resealing_never_brings_back_what_was_changed_meanwhile(store: JournalStore) -> None:
    rows = store.credential_rows("exsited")
    rows.keep(ALICE, "new", "Alice")
    rows.reseal(ALICE, "former", "former, sealed again")
    rows.reseal(BOB, "former", "former, sealed again")

    assert [row.sealed for row in rows.all()] == ["new"]


def test_looking_makes_no_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"

    assert JournalStore(file).credential_rows("exsited").find(ALICE) is None
    assert not file.exists()


def test_a_journal_that_cannot_be_used_says_so(store: JournalStore, journal_at: JournalPlace) -> None:
    take_to(store, guarded_operation(), "DONE")
    edit(journal_at, "DROP TABLE erp_credentials")

    with pytest.raises(JournalUnavailable):
        store.credential_rows("exsited").find(ALICE)
