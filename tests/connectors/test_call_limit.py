"""The requests of all people to one ERP: so many at a time, writes first, and none in doubt that only waited."""

from __future__ import annotations

from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest

from po_mcp.connectors.http.call_limit import MAX_REQUESTS, CallLimit
from po_mcp.errors import OutcomeUnknown, TooManyRequests
from tests.connectors.calls import NUMBER, Crowd, exsited, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply


async def test_no_more_requests_than_places_are_under_way() -> None:
    async with raw_peer() as peer:
        erp = inventory_pro(peer.url)
        crowd = Crowd(erp._http.limit, 3 * MAX_REQUESTS)
        await erp._http.tokens.current()  # type: ignore[union-attr]
        peer.respond = crowd
        async with anyio.create_task_group() as tasks:
            for _ in range(3 * MAX_REQUESTS):
                tasks.start_soon(erp._http.read_list, "/v1/orders", {})
        await erp.aclose()

    assert crowd.most == MAX_REQUESTS


async def test_a_write_goes_before_reads_that_wait() -> None:
    limit, order = CallLimit(1), []

    async def use(name: str, *, is_write: bool = False) -> None:
        async with limit.take(60, is_write=is_write):
            order.append(name)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks, limit.take(60):
        for name in ("first read", "second read"):
            tasks.start_soon(use, name)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(lambda: use("write", is_write=True))
        await anyio.wait_all_tasks_blocked()

    assert order == ["write", "first read", "second read"]


async def test_a_call_that_waits_too_long_says_that_nothing_was_sent() -> None:
    limit = CallLimit(1)
    async with limit.take(60):
        with pytest.raises(TooManyRequests, match="Too many requests of this server to the ERP") as said:
            async with limit.take(0.01):
                pass

    assert said.value.effect == "nothing_sent"
    async with limit.take(0.01):
        pass


async def test_a_place_whose_taker_is_cancelled_is_free_again() -> None:
    limit = CallLimit(1)

    async def use() -> None:
        async with limit.take(60):
            await anyio.lowlevel.checkpoint()

    for is_its_turn in (False, True):
        async with anyio.create_task_group() as tasks:
            async with limit.take(60):
                tasks.start_soon(use)
                await anyio.wait_all_tasks_blocked()
                if not is_its_turn:
                    tasks.cancel_scope.cancel()
            tasks.cancel_scope.cancel()

        assert limit._free == 1


async def test_a_write_that_finds_no_place_is_not_in_doubt() -> None:
    async with raw_peer(reply(204)) as peer:
        erp = exsited(peer.url)
        await erp._http.tokens.current()  # type: ignore[union-attr]
        erp._http.limit, erp._http._timeout = CallLimit(1), 0.2
        async with erp._http.limit.take(60):
            with pytest.raises(TooManyRequests) as said:
                await erp.delete_order(NUMBER)
        await erp.aclose()

    assert said.value.effect == "nothing_sent"
    assert peer.requests == []


async def test_a_write_is_in_doubt_where_there_is_no_place_to_see_whether_its_token_counts() -> None:
    """A gateway may have answered 401 for a write that was carried out."""
    async with raw_peer() as peer:
        erp = exsited(peer.url)
        await erp._http.tokens.current()  # type: ignore[union-attr]
        erp._http.limit, erp._http._timeout = CallLimit(1), 0.4
        async with anyio.create_task_group() as tasks:

            async def answer(request: bytes) -> Reply:
                tasks.start_soon(hold)
                await anyio.sleep(0.05)
                return reply(401, {})

            async def hold() -> None:
                with suppress(TooManyRequests):
                    async with erp._http.limit.take(60, is_write=True):
                        await anyio.sleep(1)

            peer.respond = answer
            with pytest.raises(OutcomeUnknown):
                await erp.delete_order(NUMBER)
            tasks.cancel_scope.cancel()
        await erp.aclose()

    assert len(peer.requests) == 0
