"""Replicas hear of each other's events, and of those that they may have missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing

import anyio
import psycopg
import pytest

from po_mcp.writes import journal as journals
from po_mcp.writes.journal import Journal, JournalStore, listening
from po_mcp.writes.operation import Recorded
from tests.postgres import Cluster
from tests.writes.erp import Bench
from tests.writes.making import guarded_operation, outcome, take_to

pytestmark = pytest.mark.postgres


@pytest.fixture
def stores(address: str) -> Iterator[list[JournalStore]]:
    """The journal as two replicas have it; its tables are made."""
    with ExitStack() as stack:
        found = [stack.enter_context(closing(JournalStore(address))) for _ in range(2)]
        take_to(found[0], guarded_operation(number="PO-FIRST"), "PROPOSED")
        yield found


@asynccontextmanager
async def hearing(journal: Journal, postgres: Cluster) -> AsyncIterator[Callable[[str, str], Awaitable[None]]]:
    """Hear of events while the block runs; give what waits for one of an operation."""
    send, receive = anyio.create_memory_object_stream[tuple[str, str]](1000)

    async def wait_for(operation_id: str, event: str) -> None:
        while await receive.receive() != (operation_id, event):
            pass

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.listen, lambda *heard: send.send_nowait(heard))
            await until(lambda: bool(listeners(postgres)))
            with send, receive:
                yield wait_for
                tasks.cancel_scope.cancel()


def listeners(postgres: Cluster) -> list[int]:
    """The processes of the server that serve who listens, once they do."""
    with psycopg.connect(postgres.address) as db:
        rows = db.execute("SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN po_mcp' AND state = 'idle'")
        return [row[0] for row in rows.fetchall()]


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - the server tells nobody
        await anyio.sleep(0.02)


async def test_a_replica_hears_of_the_events_of_another(postgres: Cluster, stores: list[JournalStore]) -> None:
    async with hearing(Journal(stores[0]), postgres) as wait_for:
        operation_id = take_to(stores[1], guarded_operation(), "APPROVED")
        await wait_for(operation_id, "APPROVED")


async def test_a_waiter_is_woken_by_a_change_of_another_replica(
    postgres: Cluster, stores: list[JournalStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_LOOK_S", 1_000.0)
    journal = Journal(stores[0])
    async with hearing(journal, postgres) as wait_for:
        first = take_to(stores[1], guarded_operation(), "APPROVED")
        await wait_for(first, "APPROVED")
        wait = journal.next_change()
        second = take_to(stores[1], guarded_operation(number="PO-2"), "APPROVED")
        await wait()
        await wait_for(second, "APPROVED")


async def test_of_another_journal_in_the_same_database_nothing_is_heard(
    postgres: Cluster, stores: list[JournalStore]
) -> None:
    heard: list[str] = []
    with closing(JournalStore(postgres.new_schema())) as other, anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stores[0].listen, lambda operation_id, event: heard.append(operation_id))
            await until(lambda: bool(listeners(postgres)))
            anothers = take_to(other, guarded_operation(), "APPROVED")
            ours = take_to(stores[1], guarded_operation(), "APPROVED")
            await until(lambda: ours in heard)
            tasks.cancel_scope.cancel()

    assert anothers not in heard


async def test_after_a_lost_connection_events_may_have_been_missed_and_the_next_are_heard(
    postgres: Cluster, stores: list[JournalStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_FIRST_PAUSE_S", 0.05)
    async with hearing(Journal(stores[0]), postgres) as wait_for:
        [lost] = listeners(postgres)
        postgres.end_backend(lost)
        await wait_for("", "")
        operation_id = take_to(stores[1], guarded_operation(), "APPROVED")
        await wait_for(operation_id, "APPROVED")


async def test_a_call_that_waits_for_another_replica_is_woken_by_its_end_alone(
    postgres: Cluster, stores: list[JournalStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_LOOK_S", 1_000.0)
    bench = Bench(stores[0])
    operation_id = take_to(stores[1], guarded_operation(), "SENT")
    find, reported, looks = stores[0].find, list[str](), list[str]()

    def find_counted(operation_id: str) -> Recorded | None:
        looks.append(operation_id)
        return find(operation_id)

    monkeypatch.setattr(stores[0], "find", find_counted)

    async def ask() -> None:
        reported.append((await bench.executor.outcome_of(operation_id)).status)

    async with hearing(bench.journal, postgres) as wait_for, anyio.create_task_group() as calls:
        await wait_for(take_to(stores[1], guarded_operation(number="PO-2"), "APPROVED"), "APPROVED")
        calls.start_soon(ask)
        await until(lambda: len(looks) == 1)
        stores[1].propose(guarded_operation(number="PO-3"), {})
        await until(lambda: len(looks) == 2)  # what others do is looked at, and is not its end
        before = list(reported)
        stores[1].finish(operation_id, "SENT", "DONE", outcome(), {})

    assert (before, reported) == ([], ["done"])
