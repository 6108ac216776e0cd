"""What is overdue: of which goods are still to come, whatever the status says, with a bound on what that costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import receipts
from tests.harness import REAL, outcome
from tests.tools.small_erps import Answer, Row, SmallInventoryPro, line, order

LIST = "list_purchase_orders"
LATE = {"expectedDate": "2026-01-01T00:00:00Z"}
BY_NUMBER = {"overdue": True, "sort": "number", "direction": "asc"}


@dataclass
class CountedERP(SmallInventoryPro):
    """Counts what is read, and may answer the read of one order in its own way."""

    read: list[str] = field(default_factory=list)
    on_order: Callable[[str], Answer | None] = lambda number: None

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        self.read.append(path)
        own = self.on_order(path.removeprefix("/PurchaseOrder/")) if path.startswith("/PurchaseOrder/") else None
        return super().answer(method, path, query, body) if own is None else own

    @property
    def read_orders(self) -> list[str]:
        return [path.removeprefix("/PurchaseOrder/") for path in self.read if path.startswith("/PurchaseOrder/")]

    @property
    def read_lists(self) -> int:
        return self.read.count("/PurchaseOrder")


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    @asynccontextmanager
    async def connect_to(erp: CountedERP) -> AsyncIterator[Client]:
        settings = Settings(**{**REAL, "journal": str(tmp_path / "journal.db"), "time_zone": "UTC"})
        async with Client(build_server(settings, erp=erp.connect())) as client:
            yield client

    return connect_to


def numbers(listed: Any) -> list[str]:
    return [one["number"] for one in listed["orders"]]


def many(count: int, *, received: int = 0, number: str = "PO-{:04}") -> list[Row]:
    return [order(number.format(place), line(received=received), **LATE) for place in range(1, count + 1)]


@pytest.mark.parametrize("status", ["Open", "Partial"])
async def test_an_order_received_in_full_is_not_overdue_whatever_its_status(connect: Any, status: str) -> None:
    orders = [
        order("PO-1", line(units=5, received=5), line(units=2, received=3), status=status, **LATE),
        order("PO-2", line(units=5, received=5), line(units=2, received=0), status=status, **LATE),
    ]
    async with connect(CountedERP(orders=orders)) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert (numbers(listed), listed["total_count"]) == (["PO-2"], 1)
    assert listed["note"].endswith("1 order received in full and left out.")


async def test_only_an_order_of_which_nothing_is_known_is_said_to_be_so(connect: Any) -> None:
    """Of one that has another line still to come it does not matter."""
    orders = [
        order("PO-1", line(units=5, received=5), line(units=5, received=None), **LATE),
        order("PO-2", line(units=5, received=0), line(units=5, received=None), **LATE),
    ]
    async with connect(CountedERP(orders=orders)) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert numbers(listed) == ["PO-1", "PO-2"]
    assert listed["note"].endswith("Of 1 order Inventory Pro does not say what is still to come; it is included.")


async def test_of_many_orders_the_first_are_looked_up_and_the_rest_is_counted(connect: Any) -> None:
    """All pages together have each order once, and only the first page costs reads of orders."""
    erp = CountedERP(orders=[*many(150), *many(150, received=10, number="PO-{:04}-R")])
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, {**BY_NUMBER, "limit": 50}))
        read = list(erp.read_orders)
        shown = numbers(listed)
        while cursor := listed.get("next_cursor"):
            listed = outcome(await client.call_tool(LIST, {**BY_NUMBER, "limit": 50, "cursor": cursor}))
            shown += numbers(listed)

    first = [f"PO-{place:04}{tail}" for place in range(1, 51) for tail in ("", "-R")]
    assert (sorted(read), erp.read_orders) == (first, read)
    assert "50 orders received in full and left out." in listed["note"]
    assert "200 orders were not looked up for what was received; they are included." in listed["note"]
    assert len(shown) == len(set(shown)) == listed["total_count"] == 250
    assert set(shown).isdisjoint(number for number in first if number.endswith("-R"))


async def test_a_slow_list_of_overdue_orders_is_not_waited_for(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "READ_TIMEOUT_S", 0.0)
    erp = CountedERP(orders=many(2))
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert numbers(listed) == ["PO-0001", "PO-0002"]
    assert "2 orders were not looked up for what was received; they are included." in listed["note"]


@pytest.mark.parametrize("number", ["..", ".", "PO-1\t", "PO\u200b1"])
async def test_an_order_that_cannot_be_asked_for_spoils_no_list(connect: Any, number: str) -> None:
    async with connect(CountedERP(orders=[order(number, **LATE), order("PO-2", **LATE)])) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert listed["total_count"] == 2
    assert listed["note"].endswith("1 order could not be opened to see what was received; it is included.")


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_refusal_that_every_order_would_meet_is_met_by_a_few(connect: Any, status: int) -> None:
    body = {"statusCode": status, "error": "no", "message": "no", "details": None}
    erp = CountedERP(orders=many(90), on_order=lambda number: (status, body))
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert listed["total_count"] == 90
    assert len(set(erp.read_orders)) < 10
    assert "not looked up for what was received; they are included." in listed["note"]


async def test_an_order_that_was_closed_meanwhile_is_not_overdue(connect: Any) -> None:
    closed = order("PO-1", totalLines=1, status="Closed", **LATE)
    erp = CountedERP(orders=[order("PO-1", **LATE)], on_order=lambda number: (200, closed))
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert listed["total_count"] == 0
    assert "1 order closed meanwhile and left out." in listed["note"]


async def test_numbers_that_no_path_takes_do_not_read_the_list_for_each(connect: Any) -> None:
    not_found = 404, {"statusCode": 404, "error": "not_found", "message": "no such record", "details": None}
    erp = CountedERP(
        orders=[*many(60, number="PO/{:04}"), *many(1)],
        on_order=lambda number: not_found if "%2F" in number else None,
    )
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, BY_NUMBER))

    assert listed["total_count"] == 61
    assert "60 orders could not be opened to see what was received; they are included." in listed["note"]
    assert "PO-0001" in erp.read_orders
    assert erp.read_lists < 20


async def test_progress_counts_on_from_the_list(connect: Any) -> None:
    said: list[tuple[float, float | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        said.append((progress, total))

    async with connect(CountedERP(orders=many(3))) as client:
        await client.call_tool(LIST, BY_NUMBER, progress_callback=tell)

    assert said == [(3, 3), (4, 6), (5, 6), (6, 6)]
