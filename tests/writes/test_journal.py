"""The journal: durable, one live operation per order, one claim each, a trail that shows every edit."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from po_mcp.errors import JournalUnavailable, OperationUnderWay
from po_mcp.writes import storage
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Operation, OutcomeStatus, State, WriteOutcome


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.db"


@pytest.fixture
def journal(file: Path, clock: Clock) -> Journal:
    return Journal(file, 600, clock)


DELETE = Operation("erp", "delete", "PO-1", "{}", "digest")
FINALIZE = replace(DELETE, kind="finalize", arguments='{"create_backorder":true}')
CREATE = Operation("erp", "create", "PO-9", '{"content":"c"}', "c", fingerprint="c")


def outcome(status: OutcomeStatus = "done") -> WriteOutcome:
    return WriteOutcome(status=status, message="what came of it")


def end(journal: Journal, operation: Operation, after: State = "DONE") -> str:
    """Take an operation to an end, through every state on the way."""
    recorded = journal.propose(operation, {})
    journal.approve(recorded.operation.id, "{}", {})
    journal.claim(recorded.operation.id)
    direct: State = after if after in ("DONE", "REFUSED", "UNKNOWN") else "UNKNOWN"
    journal.settle(recorded.operation.id, "SENT", direct, outcome(), {})
    if direct != after:
        journal.settle(recorded.operation.id, "UNKNOWN", after, outcome("refused"), {})
    return recorded.operation.id


def test_the_file_is_private_durable_and_in_a_private_folder(journal: Journal, file: Path) -> None:
    journal.propose(DELETE, {})

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with journal._storage.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_nothing_is_made_before_a_write_is_asked_for(journal: Journal, file: Path) -> None:
    assert not journal.is_there()
    assert not file.exists()


def test_what_was_recorded_is_found_by_another_process(journal: Journal, file: Path, clock: Clock) -> None:
    proposed = journal.propose(replace(DELETE, intent='{"a": 1}'), {"client": "test"})

    assert Journal(file, 600, clock).find(proposed.operation.id) == proposed


def test_an_operation_is_sent_only_after_it_was_approved(journal: Journal) -> None:
    proposed = journal.propose(DELETE, {})

    assert journal.claim(proposed.operation.id) is None
    assert journal.approve(proposed.operation.id, "{}", {})
    assert journal.claim(proposed.operation.id) is not None


def test_an_operation_is_claimed_once(journal: Journal) -> None:
    proposed = journal.propose(DELETE, {})
    journal.approve(proposed.operation.id, "{}", {})

    claims = [journal.claim(proposed.operation.id) for _ in range(5)]

    assert [claim is not None for claim in claims] == [True] + [False] * 4


RACE = """
import sys
from pathlib import Path
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Operation
journal = Journal(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
won = 0
for n in range(60):
    proposed = journal.propose(Operation("erp", "create", f"PO-{n}", "{}", "c"), {}, approved=True)
    won += journal.claim(proposed.operation.id) is not None
print(won, flush=True)
"""


def test_four_processes_that_race_for_sixty_operations_claim_each_once(file: Path) -> None:
    command = [sys.executable, "-c", RACE, str(file)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    won = [int(racer.communicate("go\n", timeout=60)[0]) for racer in racers]

    assert sum(won) == 60
    assert Journal(file).verify() == []


@pytest.mark.parametrize("approved", [False, True], ids=["proposed", "approved"])
def test_what_was_not_sent_in_time_cannot_be_sent(journal: Journal, clock: Clock, approved: bool) -> None:
    operation = journal.propose(DELETE, {}).operation
    if approved:
        journal.approve(operation.id, "{}", {})
    clock.now += 600

    assert not journal.approve(operation.id, "{}", {})
    assert journal.claim(operation.id) is None
    found = journal.find(operation.id)
    assert found is not None
    assert found.state == "EXPIRED"


def test_asking_anew_gives_the_time_anew(journal: Journal, clock: Clock) -> None:
    journal.propose(DELETE, {})
    clock.now += 599
    again = journal.propose(DELETE, {})
    clock.now += 300

    assert journal.approve(again.operation.id, "{}", {})


def test_a_proposal_of_another_meaning_takes_the_place_of_one_that_nobody_approved(journal: Journal) -> None:
    first = journal.propose(DELETE, {})
    second = journal.propose(FINALIZE, {})

    found = journal.find(first.operation.id)
    assert found is not None
    assert (found.state, second.state) == ("STALE", "PROPOSED")
    assert not journal.approve(first.operation.id, "{}", {})


@pytest.mark.parametrize("state", ["APPROVED", "SENT", "UNKNOWN"])
def test_it_does_not_take_the_place_of_one_that_was_approved_or_sent(journal: Journal, state: State) -> None:
    first = journal.propose(DELETE, {}).operation
    journal.approve(first.id, "{}", {})
    if state != "APPROVED":
        journal.claim(first.id)
    if state == "UNKNOWN":
        journal.settle(first.id, "SENT", "UNKNOWN", outcome("unknown"), {})

    with pytest.raises(OperationUnderWay, match=first.id):
        journal.propose(FINALIZE, {})
    assert journal.propose(DELETE, {}).operation.id == first.id


def test_another_order_or_another_connection_is_not_in_the_way(journal: Journal) -> None:
    end(journal, DELETE, "UNKNOWN")

    assert journal.propose(replace(FINALIZE, number="PO-2"), {}).state == "PROPOSED"
    assert journal.propose(replace(FINALIZE, connection="another"), {}).state == "PROPOSED"


@pytest.mark.parametrize("after", ["REFUSED", "NOT_APPLIED", "CONFLICT"])
def test_what_ended_without_effect_may_be_asked_for_anew_under_another_id(journal: Journal, after: State) -> None:
    first = end(journal, DELETE, after)
    again = journal.propose(DELETE, {})

    assert again.state == "PROPOSED"
    assert (again.operation.attempt, again.operation.id != first) == (1, True)


def test_what_is_not_known_stays_in_the_way_for_ever(journal: Journal, clock: Clock) -> None:
    first = end(journal, DELETE, "UNKNOWN")
    clock.now += 10_000_000

    again = journal.propose(DELETE, {})

    assert (again.operation.id, again.state) == (first, "UNKNOWN")
    assert journal.claim(first) is None


def test_what_was_done_answers_the_same_call_for_ten_minutes(journal: Journal, clock: Clock) -> None:
    first = end(journal, CREATE)
    clock.now += 599
    assert journal.propose(CREATE, {}).operation.id == first
    assert journal.done_lately(CREATE) is not None

    clock.now += 1
    assert journal.propose(CREATE, {}).operation.id != first
    assert journal.done_lately(CREATE) is None


def test_an_order_of_the_same_content_under_another_number_is_found_for_ten_minutes(
    journal: Journal, clock: Clock
) -> None:
    end(journal, CREATE)
    twin = replace(CREATE, number="PO-10")

    found = journal.alike(twin)
    assert found is not None
    assert found.operation.number == "PO-9"
    assert journal.alike(CREATE) is None
    assert journal.alike(replace(twin, fingerprint="other")) is None
    clock.now += 600
    assert journal.alike(twin) is None


def test_a_settled_operation_is_not_settled_again(journal: Journal) -> None:
    first = end(journal, DELETE, "DONE")

    assert not journal.settle(first, "SENT", "REFUSED", outcome("refused"), {})
    found = journal.find(first)
    assert found is not None
    assert found.state == "DONE"


def test_the_trail_tells_the_whole_story(journal: Journal) -> None:
    operation = journal.propose(DELETE, {"client": "a client 1.0"}).operation
    journal.note(operation.id, "not approved", {"how": "declined"})
    journal.approve(operation.id, "{}", {"through": "form"})
    journal.claim(operation.id)
    journal.settle(operation.id, "SENT", "DONE", outcome(), {"answer": "success"})

    told = [(event.event, dict(event.detail)) for event in journal.events(operation.id)]

    assert told == [
        ("PROPOSED", {"client": "a client 1.0"}),
        ("not approved", {"how": "declined"}),
        ("APPROVED", {"through": "form"}),
        ("SENT", {}),
        ("DONE", {"answer": "success"}),
    ]
    assert journal.verify() == []


def tampered(file: Path, statement: str) -> list[str]:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DROP TRIGGER trail_is_not_edited")
        db.execute("DROP TRIGGER trail_is_not_cut")
        db.execute(statement)
    return Journal(file).verify()


@pytest.mark.parametrize("column", ["operation_id", "at", "event", "detail", "row", "previous", "hash"])
@pytest.mark.parametrize("place", [1, 3, 8])
def test_an_edited_event_is_found(journal: Journal, file: Path, column: str, place: int) -> None:
    end(journal, DELETE)
    end(journal, CREATE)
    journal.close()
    value = "0.5" if column == "at" else "'edited'"

    assert tampered(file, f"UPDATE trail SET {column} = {value} WHERE place = {place}")


@pytest.mark.parametrize("place", [1, 3, 4, 8])
def test_a_removed_event_is_found(journal: Journal, file: Path, place: int) -> None:
    end(journal, DELETE)
    end(journal, CREATE)
    journal.close()

    assert tampered(file, f"DELETE FROM trail WHERE place = {place}")


@pytest.mark.parametrize(
    "column",
    [
        "id",
        "meaning",
        "connection",
        "kind",
        "number",
        "arguments",
        "digest",
        "question",
        "intent",
        "fingerprint",
        "attempt",
        "state",
        "expires_at",
        "sent_at",
        "settled_at",
        "outcome",
        "last_event",
    ],
)
def test_an_edited_operation_is_found(journal: Journal, file: Path, column: str) -> None:
    end(journal, DELETE)
    journal.close()
    value = "7" if column in ("attempt", "expires_at", "sent_at", "settled_at") else "'edited'"

    assert tampered(file, f"UPDATE operations SET {column} = {value}")


def test_a_removed_operation_is_found(journal: Journal, file: Path) -> None:
    end(journal, DELETE)
    journal.close()

    assert tampered(file, "DELETE FROM operations")


def test_the_trail_cannot_be_edited_or_cut_by_a_statement(journal: Journal, file: Path) -> None:
    end(journal, DELETE)
    with closing(sqlite3.connect(file)) as db:
        for statement in ("UPDATE trail SET event = 'x'", "DELETE FROM trail"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                db.execute(statement)


def test_a_file_that_is_no_journal_is_refused(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is not a database" * 100)

    with pytest.raises(JournalUnavailable, match="Nothing was sent"):
        Journal(file).propose(DELETE, {})


def test_a_journal_of_a_newer_version_is_refused(journal: Journal, file: Path) -> None:
    journal.propose(DELETE, {})
    journal.close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(JournalUnavailable, match="newer version"):
        Journal(file).propose(DELETE, {})


def test_what_was_done_is_recorded_anew_where_the_erp_no_longer_shows_it(journal: Journal) -> None:
    first = end(journal, CREATE)

    again = journal.propose(CREATE, {}, approved=True, anew=True)

    assert (again.state, again.operation.attempt) == ("APPROVED", 1)
    assert again.operation.id != first
    assert journal.propose(CREATE, {}, approved=True, anew=True).operation.id == again.operation.id


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()

    with pytest.raises(JournalUnavailable, match="Nothing was sent"):
        Journal(tmp_path / "a file" / "journal.db").propose(DELETE, {})


def test_a_network_file_system_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_file_system", lambda folder: "nfs4")

    with pytest.raises(JournalUnavailable, match="network file system \\(nfs4\\)"):
        Journal(file).propose(DELETE, {})


def test_the_kind_of_a_local_file_system_is_read(tmp_path: Path) -> None:
    assert storage._file_system(tmp_path)
    assert storage._file_system(Path("/proc")) == "proc"


def test_a_full_disk_refuses_the_write_and_leaves_nothing_half_done(journal: Journal) -> None:
    journal.propose(DELETE, {})
    with journal._storage.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(JournalUnavailable):
        journal.propose(replace(CREATE, intent="x" * 1_000_000), {}, approved=True)

    assert journal.verify() == []


def test_a_token_is_shared_by_the_processes_of_one_user(journal: Journal, file: Path, clock: Clock) -> None:
    mine, theirs = journal.shared_token("exsited"), Journal(file, 600, clock).shared_token("exsited")

    assert mine.load() is None
    mine.save("first", 100)
    theirs.save("second", 200)
    clock.now += 50

    assert mine.load() == theirs.load() == ("second", 150)
    assert journal.shared_token("another").load() is None


def test_a_token_is_each_processes_own_where_the_journal_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    token = Journal(tmp_path / "a file" / "journal.db").shared_token("exsited")

    token.save("first", 100)
    assert token.load() is None
