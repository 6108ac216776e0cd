"""Several calls at the same time, with one limit for all that ask an ERP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from po_mcp.errors import PurchaseOrderError

MAX_CONCURRENT_REQUESTS = 4
"""Requests at the same time to an ERP whose limits are not known."""

T = TypeVar("T")
R = TypeVar("R")


async def map_concurrently(call: Callable[[T], Awaitable[R]], values: Iterable[T]) -> list[R]:
    """Return what a call answers for each value, in their order; `MAX_CONCURRENT_REQUESTS` are under way at a time.

    Raises:
        PurchaseOrderError: the first of a call. It ends the others: without one answer the others are of no use.
    """
    found: dict[int, R] = {}
    failed: list[PurchaseOrderError] = []
    todo = iter(enumerate(values))

    async def call_in_turn(scope: anyio.CancelScope) -> None:
        for place, value in todo:
            try:
                found[place] = await call(value)
            except PurchaseOrderError as exc:
                failed.append(exc)
                scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(MAX_CONCURRENT_REQUESTS):
            tasks.start_soon(call_in_turn, tasks.cancel_scope)
    if failed:
        raise failed[0]
    return [found[place] for place in sorted(found)]
