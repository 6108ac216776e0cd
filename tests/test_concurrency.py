"""Calls at the same time: answers in the order of what was asked, a bounded number of them, and the first error."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from po_mcp.concurrency import (
    MAX_CONCURRENT_REQUESTS,
    Places,
    give_place_back,
    let_requests_go,
    map_concurrently,
    need_place,
    open_tasks,
)
from po_mcp.errors import Refused


async def test_answers_stand_in_the_order_of_the_values_and_few_calls_run_at_a_time() -> None:
    running, most = 0, 0

    async def call(value: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(20 - value):  # the later ones are done first
            await anyio.lowlevel.checkpoint()
        running -= 1
        return 10 * value

    assert await map_concurrently(call, range(20)) == [10 * value for value in range(20)]
    assert most == MAX_CONCURRENT_REQUESTS


async def test_the_first_error_ends_the_other_calls() -> None:
    asked: list[int] = []

    async def call(value: int) -> int:
        asked.append(value)
        if value == 1:
            raise Refused("no")
        await anyio.sleep_forever()
        return value

    with anyio.fail_after(10), pytest.raises(Refused):
        await map_concurrently(call, range(20))
    assert asked[:2] == [0, 1]
    assert len(asked) <= MAX_CONCURRENT_REQUESTS


async def test_the_error_of_a_task_or_of_the_block_is_raised_as_it_is() -> None:
    error = Refused("no")

    async def fail() -> None:
        raise error

    async def fail_in_a_task() -> None:
        async with open_tasks() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            tasks.start_soon(fail)
            await anyio.sleep_forever()

    async def fail_in_the_block() -> None:
        async with open_tasks() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            await fail()

    for play in (fail_in_a_task, fail_in_the_block):
        with anyio.fail_after(10), pytest.raises(Refused) as raised:
            await play()
        assert raised.value is error
        assert not isinstance(error.__context__, BaseExceptionGroup)  # which would hold what it is held by


async def test_a_cancelled_block_of_tasks_is_cancelled() -> None:
    with anyio.move_on_after(0) as scope:
        async with open_tasks() as tasks:
            tasks.start_soon(anyio.sleep_forever)
    assert scope.cancelled_caught


async def test_a_place_that_is_given_back_is_taken_in_turn_while_its_holder_works_on() -> None:
    places, order = Places(), []

    async def work(name: int) -> None:
        async with places.take():
            order.append(("asks", name))
            await anyio.lowlevel.checkpoint()
            give_place_back()
            await let_requests_go()
            order.append(("reads", name))

    async with anyio.create_task_group() as tasks:
        for name in range(8):
            tasks.start_soon(work, name)

    assert order[:8] == [("asks", name) for name in range(8)]
    assert places._taken == 0


async def test_a_place_is_held_once_however_often_it_is_needed_or_given_back() -> None:
    places = Places(lambda: 1)
    async with places.take():
        await need_place()
        assert places._taken == 1
        give_place_back()
        give_place_back()
        assert places._taken == 0
        await need_place()
        assert places._taken == 1
    give_place_back()  # a task that never had one
    await need_place()

    assert places._taken == 0


async def test_fewer_places_take_effect_as_they_are_given_back() -> None:
    allowed, running, most = 3, 0, []
    places = Places(lambda: allowed)

    async def work() -> None:
        nonlocal running
        async with places.take():
            running += 1
            most.append(running)
            await anyio.lowlevel.checkpoint()
            running -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(work)
        await anyio.lowlevel.checkpoint()
        allowed = 1

    assert len(most) == 12
    assert max(most[:3]) == 3
    assert max(most[3:]) == 1


@pytest.mark.parametrize("is_its_turn", [False, True])
async def test_a_place_whose_taker_is_cancelled_goes_to_the_next(is_its_turn: bool) -> None:
    places, done = Places(lambda: 1), []

    async def work(name: str) -> None:
        async with places.take():
            done.append(name)

    async with anyio.create_task_group() as tasks, anyio.create_task_group() as leaving:
        async with places.take():
            leaving.start_soon(work, "one that leaves")
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(work, "the next")
            await anyio.wait_all_tasks_blocked()
            if not is_its_turn:
                leaving.cancel_scope.cancel()
        leaving.cancel_scope.cancel()

    assert done == ["the next"]
    assert places._taken == 0
