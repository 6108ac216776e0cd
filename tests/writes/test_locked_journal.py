"""A journal that another process holds locked delays nothing but what waits for it, and that not for long."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from po_mcp.connectors.sandbox import Sandbox
from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import Journal, JournalStore, sqlite
from tests.harness import ScriptedPerson, ServerHarness, accept, outcome
from tests.writes.making import CONNECTION, guarded_operation, state_of, take_to
from tests.writes.making import outcome as unknown_outcome

_WAIT = "PRAGMA busy_timeout"
LONG_S = 30.0
"""Seconds that a call waits at most: long enough for all that must come before its end."""


@pytest.fixture
def holder(store: JournalStore, file: Path) -> Iterator[sqlite3.Connection]:
    """A process that began a transaction and does not end it: a shell, a browser of databases, a backup."""
    take_to(store, guarded_operation(), "UNKNOWN")
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


async def until_a_write_waits(journal: Journal) -> None:
    while not journal._limiters or not journal._limiters["write"].borrowed_tokens:  # noqa: ASYNC110 - it has no event
        await anyio.sleep(0.001)


async def test_the_event_loop_never_stands_still(
    store: JournalStore, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waiting call stopped everything for five seconds, six for thirty-five."""
    monkeypatch.setattr(sqlite, "BUSY_S", LONG_S)
    journal, recorded = Journal(store), []

    async def write(place: int) -> None:
        recorded.append(await journal.propose(guarded_operation(number=f"PO-X{place}"), {}))

    async with anyio.create_task_group() as calls:
        for place in range(6):
            calls.start_soon(write, place)
        # A loop that stands still turns no more before the calls have failed.
        for _ in range(100):
            await anyio.sleep(0.001)
        assert recorded == []
        holder.execute("ROLLBACK")

    assert len(recorded) == 6


@pytest.mark.parametrize("is_open", [True, False], ids=["opened before", "opened now"])
async def test_reading_the_journal_waits_for_no_writer(
    store: JournalStore, file: Path, holder: sqlite3.Connection, is_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", LONG_S)
    journal, recorded = Journal(store if is_open else JournalStore(file)), []

    async def write() -> None:
        recorded.append(await journal.propose(guarded_operation(number="PO-X"), {}))

    async with anyio.create_task_group() as calls:
        calls.start_soon(write)
        await until_a_write_waits(journal)
        assert len(await journal.live(None)) == 1
        assert await journal.take_late_news(CONNECTION.key) == []
        assert recorded == []
        holder.execute("ROLLBACK")

    assert len(recorded) == 1


def use_reader(store: JournalStore, is_used: threading.Event, let_go: threading.Event) -> None:
    """Read for a long time in another thread, as who lists all operations."""
    with store._file.reading():
        is_used.set()
        let_go.wait(LONG_S)


async def turns_while_it_is_read(store: JournalStore) -> bool:
    """Tell whether the event loop turns while a look has to wait for another reading of the file."""
    journal, is_used, let_go, found = Journal(store), threading.Event(), threading.Event(), []
    reader = threading.Thread(target=use_reader, args=(store, is_used, let_go))

    async def look() -> None:
        found.append(await journal.find("an operation that is not there"))

    await look()  # opens the file
    reader.start()
    is_used.wait(LONG_S)
    # A loop that stands still lets nobody go, and goes on once this has passed.
    late = threading.Timer(3.0, let_go.set)
    late.start()
    async with anyio.create_task_group() as calls:
        calls.start_soon(look)
        for _ in range(100):
            await anyio.lowlevel.checkpoint()
        turned = not let_go.is_set() and len(found) == 1
        late.cancel()
        let_go.set()
    reader.join()
    assert found == [None, None]
    return turned


async def test_a_look_waits_for_another_reading_in_a_thread(store: JournalStore) -> None:
    assert await turns_while_it_is_read(store)


async def test_a_look_that_waited_at_once_would_stop_the_event_loop(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite.SqliteFile, "call_at_once", lambda self, call, *arguments: call(*arguments))

    assert not await turns_while_it_is_read(store)


async def test_a_look_waits_for_no_other_process(store: JournalStore) -> None:
    journal, waits = Journal(store), []
    find = store.find

    def note(operation_id: str) -> object:
        assert isinstance(store._file, sqlite.SqliteFile)
        with store._file.reading() as db:
            waits.append((threading.current_thread() is threading.main_thread(), db.execute(_WAIT).fetchone()[0]))
        return find(operation_id)

    store.find = note  # type: ignore[method-assign, assignment]
    await journal.find("none")
    await journal.find("none")
    await journal.find("none")
    note("none")

    # The first opens the file, which may wait; who waits in this thread is a command.
    busy = int(1000 * sqlite.BUSY_S)
    assert waits == [(False, busy), (True, 0), (True, 0), (True, busy)]


async def test_a_read_of_orders_waits_for_no_write(harness: ServerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", LONG_S)
    async with harness.client(person=ScriptedPerson(accept(order_number="PO-2025-0038"))) as client:
        done = outcome(await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"}))
        assert done["status"] == "done"
        with closing(sqlite3.connect(harness.journal, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            results = []

            async def write() -> None:
                results.append(await client.call_tool("finalize_purchase_order", {"number": "PO-2025-0037"}))

            async with anyio.create_task_group() as calls:
                calls.start_soon(write)
                await anyio.sleep(0.2)
                assert not (await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"})).is_error
                assert results == []
                holder.execute("ROLLBACK")

    assert len(results) == 1


def test_only_the_first_call_waits_the_whole_time(
    store: JournalStore, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.6)
    monkeypatch.setattr(sqlite, "BUSY_AGAIN_S", 0.05)
    waited = []
    for place in range(3):
        before = time.monotonic()
        with pytest.raises(JournalUnavailable):
            store.propose(guarded_operation(number=f"PO-X{place}"), {})
        waited.append(time.monotonic() - before)

    assert waited[0] >= 0.5
    assert min(waited[1:]) < waited[0] - 0.3


def test_the_first_call_that_gets_through_ends_that(store: JournalStore, holder: sqlite3.Connection) -> None:
    assert isinstance(store._file, sqlite.SqliteFile)
    store._file._was_busy_at = time.monotonic()
    holder.execute("ROLLBACK")

    assert take_to(store, guarded_operation(number="PO-X"), "SENT")
    assert time.monotonic() - store._file._was_busy_at > sqlite.BUSY_S


async def test_a_call_that_is_cancelled_waits_for_its_transaction(store: JournalStore) -> None:
    """Only the commit tells whether it happened: a claim that nobody knows of would block its order."""
    journal, operation_id = Journal(store), take_to(store, guarded_operation(), "APPROVED")
    begun = anyio.Event()
    go_on: list[bool] = []

    def slowly(claim: object = store.claim) -> object:
        def claiming(*arguments: object) -> object:
            anyio.from_thread.run_sync(begun.set)
            while not go_on:
                time.sleep(0.001)
            return claim(*arguments)  # type: ignore[operator]

        return claiming

    store.claim = slowly()  # type: ignore[assignment,method-assign]
    async with anyio.create_task_group() as calls:
        calls.start_soon(journal.claim, operation_id, CONNECTION)
        await begun.wait()
        calls.cancel_scope.cancel()
        go_on.append(True)

    assert state_of(store, operation_id) == "SENT"


def test_a_new_journal_that_another_process_is_opening_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait for the lock with which a file gets its write-ahead log."""
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        leave = threading.Timer(0.3, other.execute, ["COMMIT"])
        leave.start()
        store = JournalStore(path)
        assert store.live(None) == []
        leave.join()
        store.close()


@pytest.mark.parametrize("by_id", [True, False])
async def test_what_was_sent_is_told_while_its_end_cannot_be_recorded(
    harness: ServerHarness, by_id: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is gone, which the journal cannot note: the call failed as a whole, with no reason."""
    number = "PO-2025-0038"
    async with harness.client(erp_bounds=(None, None)) as client:
        waiting = outcome(await client.call_tool("delete_purchase_order", {"number": number}))
        with closing(JournalStore(harness.journal)) as store:
            [recorded] = store.live(None)
            assert store.approve(recorded.operation.id, recorded.operation.payload, {})
            assert store.claim(recorded.operation.id, Sandbox(harness.book).connection) is not None
            assert store.finish(recorded.operation.id, "SENT", "UNKNOWN", unknown_outcome("unknown"), {})
        harness.change(lambda book: book.delete(number))
        asked = {"operation_id": waiting["operation_id"]} if by_id else {}
        with closing(sqlite3.connect(harness.journal, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            monkeypatch.setattr(sqlite, "BUSY_S", 0.0)  # of the file that is open by now
            told = await client.call_tool("get_operation", asked)
            holder.execute("ROLLBACK")
        [unknown] = outcome(told)["operations"]
        assert harness.wire.writes == []

    assert unknown["status"] == "unknown"
