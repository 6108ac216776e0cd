"""A database that was promoted, restored or cut may lack what was sent: nothing of it is sent again unseen."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest

from po_mcp.approvals.status_banner import describe_status
from po_mcp.errors import JournalUnavailable, OperationUnderWay
from po_mcp.writes.journal import JournalStore, postgres, restores
from po_mcp.writes.operation import State
from tests.postgres import Cluster, as_its_user, new_folder, programs
from tests.writes.editing import edit, tamper
from tests.writes.erp import EXACT, Bench
from tests.writes.making import CONNECTION, Clock, create, find_begun, guarded_operation, propose, state_of, take_to

pytestmark = pytest.mark.postgres


def put_back(address: str) -> None:
    """Do to the tables what a dump that is read back does: they are others then."""
    with psycopg.connect(address) as db:
        db.execute("ALTER TABLE audit_log RENAME TO former")
        db.execute("CREATE TABLE audit_log (LIKE former INCLUDING ALL)")
        db.execute("INSERT INTO audit_log SELECT * FROM former")
        db.execute("DROP TABLE former CASCADE")


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
def test_waiting_operations_are_unknown_where_the_database_is_another_copy(address: str, state: State) -> None:
    with closing(JournalStore(address)) as store:
        operation = guarded_operation()
        take_to(store, operation, state)
        put_back(address)

        assert not store.approve(operation.id, operation.payload, {})
        assert store.claim(operation.id, CONNECTION) is None
        assert state_of(store, operation.id) == "UNKNOWN"
        assert store.events(operation.id)[-1].detail == {"because": "the journal was restored"}
        ended = store.find(operation.id)
        assert ended is not None
        said = Bench(store, EXACT).executor.words.outcome(ended)
        assert (said.status, said.do_not_repeat) == ("unknown", True)
        assert "It is not known whether order PO-1 was deleted: the record of changes was restored" in said.message
        assert "Nothing was changed" not in said.message
        banner = describe_status(ended, store.events(operation.id), is_running=False)
        assert banner is not None
        assert banner.heading == "Not confirmed"
        assert "nobody knows yet whether it happened" in banner.text
        assert "It was sent" not in banner.text + said.message
        with pytest.raises(OperationUnderWay, match="not confirmed"):
            propose(store, guarded_operation("cancel"))


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
@pytest.mark.parametrize("seconds", [0, 700], ids=["in time", "its time over"])
def test_a_reading_calls_unknown_what_waits_in_another_copy(address: str, state: State, seconds: float) -> None:
    """Nothing was written since it was put back: a reading must not say that nothing was changed."""
    clock = Clock()
    with closing(JournalStore(address, 600, clock)) as store:
        operation_id = take_to(store, guarded_operation(), state)
    put_back(address)
    clock.now += seconds

    with closing(JournalStore(address, 600, clock)) as store:
        assert (state_of(store, operation_id), store.events("")) == ("UNKNOWN", [])
        [live] = store.live(None)
        assert (live.state, live.sent_at, live.counts_from) == ("UNKNOWN", None, clock.now)
        assert [one.state for one in store.find_beginning(operation_id)] == ["UNKNOWN"]
        assert [one.state for one in store.all()] == ["UNKNOWN"]
        begun = find_begun(store, guarded_operation())
        assert begun is not None
        assert begun.state == "UNKNOWN"


@pytest.mark.parametrize("is_idle", [False, True])
def test_a_running_server_reads_at_once_that_its_database_is_another_copy(
    address: str, is_idle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_idle:  # each answer begins a transaction
        monkeypatch.setattr(postgres, "FRESH_S", 0.0)
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        assert state_of(store, operation_id) == "APPROVED"
        put_back(address)

        assert state_of(store, operation_id) == "UNKNOWN"


def test_a_running_server_reads_at_once_that_its_log_was_cut(address: str) -> None:
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        propose(store, guarded_operation(number="PO-2"))
        assert state_of(store, operation_id) == "APPROVED"
        tamper(address, "DELETE FROM audit_log WHERE place = (SELECT MAX(place) FROM audit_log)")

        assert state_of(store, operation_id) == "UNKNOWN"


def test_without_the_look_at_the_copy_a_reading_says_that_nothing_was_changed(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state_in_copy(clock: Clock) -> State:
        with closing(JournalStore(address, 600, clock)) as store:
            return state_of(store, operation_id)

    clock = Clock()
    with closing(JournalStore(address, 600, clock)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
    put_back(address)
    clock.now += 700
    intact = state_in_copy(clock)
    monkeypatch.setattr(postgres.PostgresDatabase, "is_other_copy", lambda self: False)

    assert (intact, state_in_copy(clock)) == ("UNKNOWN", "EXPIRED")


def test_a_sent_operation_keeps_its_state(address: str) -> None:
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "SENT")
        put_back(address)
        store.note("", "looked", {})

        assert state_of(store, operation_id) == "SENT"


def test_no_order_is_created_unseen_until_the_copy_is_adopted(address: str) -> None:
    with closing(JournalStore(address)) as store, closing(JournalStore(address)) as other:
        take_to(store, guarded_operation(), "DONE")
        assert not store.may_lack_events()
        put_back(address)

        for each in (store, other):
            assert each.may_lack_events()
            with pytest.raises(JournalUnavailable, match="restored"):
                each.propose(create("PO-1"), {}, approved=True)
        assert propose(store, create("PO-2", question=True)).state == "PROPOSED"

        assert "may be missing" in store.upkeep.adopt_file()
        assert other.upkeep.adopt_file() == ""
        assert not other.may_lack_events()
        assert propose(other, create("PO-3", vendor="x", content_digest="x"), approved=True).state == "APPROVED"
        assert [one.event for one in store.events("")] == ["restored", "adopted"]


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
def test_a_waiting_operation_is_unknown_where_its_copy_is_adopted_before_a_write(address: str, state: State) -> None:
    """An administrator may be the first who writes to it: what its copy calls approved may be sent already."""
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), state)
    put_back(address)

    with closing(JournalStore(address)) as store:
        assert "may be missing" in store.upkeep.adopt_file()
        assert state_of(store, operation_id) == "UNKNOWN"
        assert not store.may_lack_events()
        assert [one.event for one in store.events("")] == ["restored", "adopted"]


def test_a_log_that_was_cut_beneath_a_running_server_is_noticed(address: str) -> None:
    """As a snapshot of the disk that was put back: the same system, the same timeline."""
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        propose(store, guarded_operation(number="PO-2"))
        tamper(address, "DELETE FROM audit_log WHERE place = (SELECT MAX(place) FROM audit_log)")

        assert store.claim(operation_id, CONNECTION) is None
        assert store.may_lack_events()


def test_reading_marks_nothing_and_a_journal_as_before_lacks_nothing(address: str) -> None:
    with closing(JournalStore(address)) as store:
        take_to(store, guarded_operation(), "APPROVED")
        with closing(JournalStore(address)) as other:
            assert not other.may_lack_events()
            assert [one.state for one in other.live(None)] == ["APPROVED"]


def test_events_pruned_by_another_replica_are_no_cut(address: str) -> None:
    clock = Clock()
    with closing(JournalStore(address, 600, clock)) as store, closing(JournalStore(address, 600, clock)) as other:
        take_to(store, guarded_operation(), "DONE")
        clock.now += 400 * 86_400
        other.upkeep.prune(clock.now - 86_400, lambda lines: None)
        store.note("", "looked", {})

        assert not store.may_lack_events()
        assert [one.event for one in store.events("")] == ["pruned", "looked"]
        assert store.upkeep.verify() == []


@pytest.fixture
def standby(postgres: Cluster) -> Iterator[Cluster]:
    """A copy of the cluster that follows it, as a company keeps for the day when the first one breaks."""
    with new_folder() as folder:
        copy = Cluster(folder)
        program = [str(programs() / "pg_basebackup"), "-D", str(folder / "data"), "-R", "-X", "stream", "-c", "fast"]
        command = as_its_user([*program, "-d", postgres.address])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
        copy.start()
        yield copy
        copy.stop()


def test_a_standby_that_was_promoted_is_another_copy(postgres: Cluster, address: str, standby: Cluster) -> None:
    with closing(JournalStore(address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
    there = address.replace(str(postgres.folder), str(standby.folder))
    wait_for_row(there, operation_id)
    standby.run("pg_ctl", "-w", "-s", "promote")

    with closing(JournalStore(there)) as store:
        assert store.may_lack_events()
        assert store.claim(operation_id, CONNECTION) is None
        assert state_of(store, operation_id) == "UNKNOWN"


def wait_for_row(address: str, operation_id: str) -> None:
    with psycopg.connect(address, autocommit=True) as db:
        for _ in range(600):
            # A standby that is behind has no such tables yet.
            with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                found = db.execute("SELECT state FROM write_operations WHERE id = %s", (operation_id,)).fetchone()
                if found == ("APPROVED",):
                    return
            db.execute("SELECT pg_sleep(0.05)")
    raise AssertionError("the standby does not follow")


@pytest.mark.parametrize("control", ["note_copy", "may_lack_events"])
def test_without_the_comparison_a_lost_send_is_sent_again(
    address: str, control: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def harm(number: str) -> bool:
        with closing(JournalStore(address)) as store:
            operation_id = take_to(store, guarded_operation(number=number), "APPROVED")
            edit(address, "UPDATE journal SET value = 'another copy' WHERE name = 'origin'")
            if store.claim(operation_id, CONNECTION) is not None:
                return True
            try:
                store.propose(create(f"{number}-2"), {}, approved=True)
            except JournalUnavailable:
                return False
            return True

    intact = harm("PO-1")
    edit(address, "DELETE FROM journal WHERE name = 'origin'")
    monkeypatch.setattr(restores, control, lambda *_: False)

    assert (intact, harm("PO-3")) == (False, True)
