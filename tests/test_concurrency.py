"""Calls at the same time: answers in the order of what was asked, a bounded number of them, and the first error."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS, map_concurrently
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
