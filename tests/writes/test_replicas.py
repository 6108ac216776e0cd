"""Several executors on one PostgreSQL, each step of an operation at another: nothing is sent twice, or is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from itertools import cycle

import anyio
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, audit_log, moves
from po_mcp.writes.operation import Operation
from tests.postgres import Cluster
from tests.writes.erp import QUICK, Bench, FakeERP
from tests.writes.making import ADA, CONNECTION, guarded_operation, order, propose

pytestmark = pytest.mark.postgres

MANY = 240


@pytest.fixture
def stores(postgres: Cluster) -> Iterator[list[JournalStore]]:
    """The journal as three replicas have it: connections, clock and breaker of their own."""
    address = postgres.new_schema()
    with ExitStack() as stack:
        yield [stack.enter_context(closing(JournalStore(address))) for _ in range(3)]


async def carry_out_everywhere(stores: list[JournalStore], count: int) -> FakeERP:
    """Ask at one replica, approve at the next, and execute at all of them at once."""
    erp = FakeERP()
    benches = [Bench(store, QUICK, erp) for store in stores]
    turns = cycle(range(3))
    stores[0].join(CONNECTION)
    for number in range(count):
        erp.orders[f"PO-{number}"] = order(f"PO-{number}")
    asked: list[Operation] = []
    for number in range(count):
        at = next(turns)
        one = guarded_operation("cancel", f"PO-{number}", requester=replace(ADA, session=f"session {number}"))
        asked.append(propose(stores[at], one).operation)
        assert stores[at - 1].approve(asked[-1].id, asked[-1].payload, {})
    async with anyio.create_task_group() as calls:
        for bench in benches:
            calls.start_soon(_execute_all, bench, asked)
    for one in asked:  # what was refused, since a busy machine kept its replica waiting, is not lost
        await benches[0].execute(one.id)
    return erp


async def _execute_all(bench: Bench, operations: list[Operation]) -> None:
    for operation in operations:
        with suppress(JournalUnavailable):
            await bench.execute(operation.id)


async def test_of_many_operations_with_every_step_at_another_replica_none_is_sent_twice(
    stores: list[JournalStore],
) -> None:
    erp = await carry_out_everywhere(stores, MANY)

    writes = [call for call in erp.calls if call.startswith("write")]
    assert sorted(writes) == sorted(f"write cancel PO-{number}" for number in range(MANY))
    assert {one.state for one in stores[0].all()} == {"DONE"}
    assert stores[0].upkeep.verify() == []


async def test_without_the_compare_and_set_an_operation_is_sent_by_each(
    stores: list[JournalStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(db, operation_id, before, after, detail, now, row=None, **values):  # type: ignore[no-untyped-def]
        columns = "".join(f", {name} = ?" for name in values)
        statement = f"UPDATE write_operations SET state = ?{columns} WHERE id = ?"
        db.execute(statement, (after, *values.values(), operation_id))
        audit_log.append(db, audit_log.Event(operation_id, now, after, detail))
        return True

    monkeypatch.setattr(moves, "move", move)

    erp = await carry_out_everywhere(stores, 5)

    assert len([call for call in erp.calls if call.startswith("write")]) > 5
