"""Made orders, for a large book: the same ones every time, all of 2024."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from po_mcp.sandbox import exact
from po_mcp.sandbox.records import Item

FIRST_DAY = date(2024, 1, 1)
DAYS = 366
SEED = 2024
PARTIAL_ONE_IN = 4


def generate_orders(
    count: int, vendors: Sequence[int], items: Sequence[Item], warehouses: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Make `count` open and partial orders in the shape of data/orders.json, from PO-2024-00001 on.

    Their dates ascend with their numbers; `vendors` and `warehouses` are ids.
    """
    # Not for secrets: every book of one size has to hold the same orders.
    dice = random.Random(SEED)  # noqa: S311
    for place in range(count):
        ordered = FIRST_DAY + timedelta(days=place * DAYS // count)
        yield {
            "number": f"PO-2024-{place + 1:05d}",
            "vendor": dice.choice(vendors),
            "status": "open",
            "ordered": ordered.isoformat(),
            "expected": _soon(ordered, dice) if dice.randrange(5) else None,
            "lines": [_line(dice, dice.choice(items), warehouses) for _ in range(dice.randint(1, 4))],
        } | (_arrival(ordered, dice) if dice.randrange(PARTIAL_ONE_IN) == 0 else {})


def _line(dice: random.Random, item: Item, warehouses: Sequence[int]) -> dict[str, Any]:
    per_cent = Decimal(dice.randint(90, 110))
    return {
        "item": item.short_id,
        "quantity": str(dice.randint(2, 1000)),
        "price": str(exact.multiply(item.price, per_cent / 100)),
        "warehouse": dice.choice(warehouses),
    }


def _arrival(ordered: date, dice: random.Random) -> dict[str, Any]:
    # At most 1: every line has at least 2 units, so something is always outstanding.
    return {"status": "partial", "receipts": [{"received": _soon(ordered, dice), "quantities": {"1": "1"}}]}


def _soon(day: date, dice: random.Random) -> str:
    return (day + timedelta(days=dice.randint(7, 60))).isoformat()
