"""Lists of a status at an Exsited that filters otherwise: no order is missing unless that is said."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.connectors.exsited import status_filter
from po_mcp.orders import OrderQuery, OrderScan, Status
from tests.connectors.exsited_dialects import ExsitedDialect, book


async def scan(erp: ExsitedDialect, status: Status) -> OrderScan:
    connected = erp.connect()
    found = await connected.scan_orders(OrderQuery(status=status))
    await connected.aclose()
    return found


MIXED = ["ACTIVE", "INACTIVE", "ACTIVE", "DELETED", "DRAFT", "ACTIVE"]


@pytest.mark.parametrize("filters", ["works", "other words", "ignored", "refused"])
@pytest.mark.parametrize(
    ("status", "numbers"),
    [("open", ["PO-0001", "PO-0003", "PO-0006"]), ("cancelled", ["PO-0002"]), ("draft", ["PO-0005"])],
)
async def test_orders_of_a_status_are_found_whatever_the_filter_does(
    filters: str, status: Status, numbers: list[str]
) -> None:
    found = await scan(ExsitedDialect(orders=book(*MIXED), filters=filters), status)

    assert [order.number for order in found.orders] == numbers
    assert (found.complete, found.unknown) == (True, ())


async def test_orders_that_only_the_filter_shows_are_found() -> None:
    found = await scan(ExsitedDialect(orders=book(*MIXED), hidden="DELETED"), "deleted")

    assert [order.number for order in found.orders] == ["PO-0004"]
    assert (found.read, found.total, found.complete) == (6, 6, True)


async def test_orders_of_a_status_that_is_not_known_are_said_to_be_left_out() -> None:
    found = await scan(ExsitedDialect(orders=book("ACTIVE", "PARTLY BILLED")), "open")

    assert [order.number for order in found.orders] == ["PO-0001"]
    assert [order.status_text for order in found.unknown] == ["PARTLY BILLED"]


LONG = ["ACTIVE"] * 40 + ["INACTIVE"] * 500 + ["DRAFT"] * 10 + ["DELETED"] * 50


async def test_a_long_list_is_not_read_where_the_counts_prove_the_filter() -> None:
    erp = ExsitedDialect(orders=book(*LONG))

    found = await scan(erp, "open")

    assert (len(found.orders), found.total, found.complete) == (40, 40, True)
    assert [query["limit"] for query in erp.asked] == ["100", "1", "1", "1", "1"]


@pytest.mark.parametrize(
    ("more", "dialect"),
    [
        (["PARTLY BILLED"], {}),
        ([], {"filters": "other words"}),
        ([], {"counts": "page"}),
    ],
    ids=["another status", "other words", "counts pages"],
)
async def test_a_long_list_is_read_where_the_counts_prove_nothing(more: list[str], dialect: dict[str, Any]) -> None:
    found = await scan(ExsitedDialect(orders=book(*LONG, *more), **dialect), "open")

    assert (len(found.orders), found.complete, len(found.unknown)) == (40, True, len(more))


async def test_a_filter_that_is_taken_at_its_word_loses_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    async def believe(*_: object) -> bool:
        return True

    monkeypatch.setattr(status_filter, "_has_every_order", believe)

    found = await scan(ExsitedDialect(orders=book(*MIXED), filters="other words"), "open")

    assert (found.orders, found.complete) == ((), True)  # what the control prevents
