"""So many requests at a time from all replicas together; a replica that dies gives its slots back."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import psycopg
import pytest

from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.database import Slots
from po_mcp.writes.journal.slots import SharedSlots
from tests.postgres import Cluster, running_cluster

MOST = 4


@asynccontextmanager
async def share_slots(address: str, count: int, name: str = "an ERP", most: int = MOST) -> AsyncIterator[list[Slots]]:
    """The slots as so many replicas have them."""
    slots = [one for _ in range(count) if (one := JournalStore(address).slots(name, most)) is not None]
    try:
        yield slots
    finally:
        for one in slots:
            await one.aclose()


async def most_at_a_time(slots: list[Slots], each: int = 6, times: int = 5) -> int:
    """How many held a slot at the same time, where so many want one again and again."""
    held, most = 0, 0

    async def work(own: Slots) -> None:
        nonlocal held, most
        for _ in range(times):
            async with own.one():
                held += 1
                most = max(most, held)
                await anyio.sleep(0.005)
                held -= 1

    async with anyio.create_task_group() as tasks:
        for own in slots * each:
            tasks.start_soon(work, own)
    return most


@pytest.mark.postgres
async def test_replicas_have_the_slots_together(postgres: Cluster) -> None:
    async with share_slots(postgres.address, 3) as slots:
        assert await most_at_a_time(slots) == MOST


async def test_a_file_has_none_to_share() -> None:
    assert JournalStore().slots("an ERP", MOST) is None


@pytest.mark.postgres
async def test_another_connection_has_slots_of_its_own(postgres: Cluster) -> None:
    async with (
        share_slots(postgres.address, 1, "one", 1) as [one],
        share_slots(postgres.address, 1, "other", 1) as [other],
    ):
        with anyio.fail_after(30):
            async with one.one(), other.one():
                pass


@pytest.mark.postgres
async def test_a_replica_that_dies_gives_its_slot_back(postgres: Cluster) -> None:
    async with share_slots(postgres.address, 2, "a dying one", 1) as [first, second]:
        assert isinstance(first, SharedSlots)
        with anyio.fail_after(30):
            async with first.one():
                assert first._connection is not None
                postgres.end_backend(first._connection.info.backend_pid)
                async with second.one():
                    pass


@pytest.mark.postgres
async def test_a_slot_that_went_with_its_connection_is_not_given_back_again(postgres: Cluster) -> None:
    async with share_slots(postgres.address, 1, "a lost one", 2) as [slots]:
        assert isinstance(slots, SharedSlots)
        with anyio.fail_after(30):
            async with slots.one():
                assert slots._connection is not None
                postgres.end_backend(slots._connection.info.backend_pid)
                async with slots.one():
                    slots._away_until = 0.0
                async with slots.one():  # the first of the new connection
                    pass
            most = await most_at_a_time([slots])

    assert most == 2


async def slots_in_use_after_a_late_return(cluster: Cluster, patch: pytest.MonkeyPatch, name: str) -> int:
    """Let a slot go with its connection, another request take it by a new one, and the first end; count the locks."""
    patch.setattr(random, "sample", lambda found, count: sorted(found)[:count])  # both get the first slot
    is_taken, may_end = anyio.Event(), anyio.Event()
    async with share_slots(cluster.address, 1, name, 2) as [slots], anyio.create_task_group() as tasks:
        assert isinstance(slots, SharedSlots)

        async def hold_on() -> None:
            async with slots.one():
                is_taken.set()
                await may_end.wait()

        with anyio.fail_after(30):
            async with slots.one():
                assert slots._connection is not None
                cluster.end_backend(slots._connection.info.backend_pid)
                async with slots.one():  # it finds that the connection is gone
                    slots._away_until = 0.0
                tasks.start_soon(hold_on)
                await is_taken.wait()
            with psycopg.connect(cluster.address) as db:
                found = db.execute(
                    "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = hashtext(%s)::oid",
                    (f"po-mcp requests {name}",),
                )
                in_use = found.rowcount
            may_end.set()
    return in_use


@pytest.mark.postgres
async def test_a_lost_slot_is_not_given_back_for_its_new_holder(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await slots_in_use_after_a_late_return(postgres, monkeypatch, "one that is kept") == 1


@pytest.mark.postgres
async def test_without_that_look_at_the_connection_a_slot_is_free_that_is_in_use(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedSlots, "_is_gone", lambda slots, held: slots._connection is None)
    assert await slots_in_use_after_a_late_return(postgres, monkeypatch, "one that is lost") == 0


@pytest.mark.postgres
async def test_a_call_that_is_cancelled_while_it_waits_holds_nothing(postgres: Cluster) -> None:
    async with share_slots(postgres.address, 2, "a cancelled one", 1) as [first, second]:
        with anyio.fail_after(30):
            async with first.one():
                with anyio.move_on_after(0.2):
                    async with second.one():
                        raise AssertionError
            async with second.one():
                pass


@pytest.mark.postgres
async def test_while_the_database_is_away_each_replica_sends_one_at_a_time() -> None:
    with running_cluster() as cluster:
        async with share_slots(cluster.address, 2) as slots:
            async with slots[0].one():
                cluster.stop()
            most = await most_at_a_time(slots, each=3, times=2)
            cluster.start()

    assert most == 2
