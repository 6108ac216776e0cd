"""Lists in a chat: filters, exact sums over all that match, pages that survive a restart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.harness import ERAS, ServerHarness, outcome, text

both_eras = pytest.mark.parametrize("era", ERAS)
LIST = "list_purchase_orders"
ON_THE_20TH_OF_MAY = 1_747_742_400.0  # 2025-05-20 12:00 UTC


@both_eras
async def test_sums_are_over_everything_that_matches_and_not_over_the_page(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        page = outcome(await client.call_tool(LIST, {"limit": 5}))
        everything = outcome(await client.call_tool(LIST, {"limit": 50}))

    assert len(page["orders"]) == 5
    assert len(everything["orders"]) == page["total_count"] == 28
    assert Decimal(page["total_value"]) == sum(Decimal(order["total"]) for order in everything["orders"])
    assert page["by_status"] == everything["by_status"]
    assert sum(page["by_status"].values()) == 28
    assert page["complete"] is True


@both_eras
async def test_overdue_orders_of_a_vendor_are_listed_with_their_worth(harness: ServerHarness, era: str) -> None:
    async with harness.client(era, clock=lambda: ON_THE_20TH_OF_MAY, time_zone="UTC") as client:
        result = await client.call_tool(LIST, {"vendor": "central", "overdue": True})

    page = outcome(result)
    assert [order["number"] for order in page["orders"]] == ["PO-2025-0020", "PO-2025-0011"]
    assert page["total_value"] == "1719.00"
    assert "2 partial orders, total 1719.00." in text(result)
    assert "Overdue: expected before 2025-05-20." in text(result)


@pytest.mark.parametrize(("zone", "count"), [("Pacific/Kiritimati", 1), ("Pacific/Pago_Pago", 0)])
async def test_overdue_goes_by_the_companys_date(harness: ServerHarness, zone: str, count: int) -> None:
    noon_of_the_28th = 1_748_433_600.0  # PO-2025-0041 is expected on that day; on Kiritimati it is over by then
    async with harness.client(clock=lambda: noon_of_the_28th, time_zone=zone) as client:
        page = outcome(await client.call_tool(LIST, {"vendor": "central", "overdue": True}))

    assert [order["number"] for order in page["orders"]].count("PO-2025-0041") == count


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ("12", None),
        ("acme", None),
        ("acme fasteners", None),
        ("fasten", "Vendor: Acme Fasteners."),
        (
            "Acmee Fastners",
            "these are orders of Acme Fasteners, which is spelled similarly.",
        ),
    ],
)
async def test_a_vendor_may_be_named_as_a_buyer_would(harness: ServerHarness, asked: str, note: str | None) -> None:
    async with harness.client() as client:
        page = outcome(await client.call_tool(LIST, {"vendor": asked, "limit": 50}))

    assert {order["vendor"] for order in page["orders"]} == {"Acme Fasteners"}
    assert note in (page.get("note") or "") if note else page.get("note") is None


async def test_an_unknown_vendor_matches_no_orders_and_is_named_in_a_note(harness: ServerHarness) -> None:
    async with harness.client() as client:
        result = await client.call_tool(LIST, {"vendor": "Nobody & Sons"})

    assert outcome(result)["total_count"] == 0
    assert "No matching orders. " not in text(result)
    assert "No vendor matches Nobody & Sons. Try search_catalog." in text(result)


async def test_a_status_that_the_erp_does_not_list_is_refused_with_the_reason(harness: ServerHarness) -> None:
    async with harness.client() as client:
        result = await client.call_tool(LIST, {"status": "closed"})

    assert result.is_error
    assert "lists only open and partly received orders" in text(result)


@both_eras
async def test_a_cursor_survives_a_restart(harness: ServerHarness, era: str) -> None:
    query: dict[str, Any] = {"limit": 20, "sort": "total", "direction": "asc"}
    async with harness.client(era) as client:
        first = outcome(await client.call_tool(LIST, query))
    async with harness.client(era) as client:
        second = outcome(await client.call_tool(LIST, {**query, "cursor": first["next_cursor"]}))

    totals = [Decimal(order["total"]) for order in [*first["orders"], *second["orders"]]]
    assert len(totals) == 28
    assert totals == sorted(totals)


async def test_the_pages_of_one_list_are_read_once(harness: ServerHarness) -> None:
    async with harness.client() as client:
        first = outcome(await client.call_tool(LIST, {"limit": 20}))
        harness.wire.seen.clear()
        await client.call_tool(LIST, {"limit": 20, "cursor": first["next_cursor"]})
        later_pages = list(harness.wire.seen)
        await client.call_tool(LIST, {"limit": 20})

    assert later_pages == []
    assert harness.wire.seen != []


@both_eras
async def test_long_lists_tell_how_far_they_are(harness: ServerHarness, era: str) -> None:
    reply: list[tuple[float, float | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        reply.append((progress, total))

    async with harness.client(era) as client:
        await client.call_tool(LIST, {}, progress_callback=tell)

    assert reply == [(28, 28)]
