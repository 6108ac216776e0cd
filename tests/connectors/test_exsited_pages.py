"""Pages of an Exsited that counts and links otherwise: no row is missing unless that is said."""

from __future__ import annotations

import pytest

from po_mcp.connectors.exsited import paging, reading
from po_mcp.errors import BadAnswer
from po_mcp.orders import OrderQuery, OrderScan
from tests.connectors.exsited_dialects import ExsitedDialect, book

SIXTEEN = ["ACTIVE"] * 16


async def scan(erp: ExsitedDialect) -> OrderScan:
    connected = erp.connect()
    found = await connected.scan_orders(OrderQuery())
    await connected.aclose()
    return found


@pytest.mark.parametrize("link", ["set", "always"])
@pytest.mark.parametrize("size", [1, 3, 4, 5, 16])
async def test_a_page_that_counts_its_own_rows_does_not_end_the_list(size: int, link: str) -> None:
    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=size, counts="page", link=link))

    assert (len(found.orders), found.complete) == (16, True)


@pytest.mark.parametrize("size", [3, 5])
async def test_a_capped_page_that_counts_its_own_rows_is_followed_without_a_link(size: int) -> None:
    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=size, counts="page", link="absent"))

    assert (len(found.orders), found.complete) == (16, True)


@pytest.mark.parametrize(
    ("counts", "link"),
    [(counts, link) for counts in ("nothing", "absent") for link in ("set", "never", "absent")]
    + [("nothing", "always")],
)
@pytest.mark.parametrize("size", [1, 3, 5, 16, 100])
async def test_a_page_that_is_full_by_its_own_limit_ends_no_list_that_is_not_counted(
    size: int, counts: str, link: str
) -> None:
    erp = ExsitedDialect(orders=book(*SIXTEEN), largest_page=size, counts=counts, link=link)

    found = await scan(erp)
    vendors = await erp.connect().vendors()

    assert (len(found.orders), found.complete) == (16, True)
    assert (len(vendors), vendors.left_out) == (1, 0)


async def test_without_its_own_limit_a_capped_list_looks_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "is_capped", lambda page: False)

    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=5, counts="absent", link="never"))

    assert (len(found.orders), found.complete) == (5, True)  # what the control prevents


async def test_a_count_below_the_rows_would_end_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "find_records", lambda page, offset: page.pagination.records)

    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=5, counts="nothing", link="never"))

    assert len(found.orders) == 5  # what the control prevents


async def test_documents_beyond_the_first_page_forbid_a_delete() -> None:
    invoices = [{"id": f"PI-{place}"} for place in range(3)]
    erp = ExsitedDialect(orders=book("ACTIVE"), largest_page=1, counts="page", invoices=invoices).connect()

    found = await erp.snapshot("PO-0001", "delete")
    await erp.aclose()

    assert found.blockers == tuple(f"it has purchase invoice PI-{place}" for place in range(3))


@pytest.mark.parametrize("size", [5, 16, 100])
async def test_a_link_that_is_always_set_ends_with_an_empty_page(size: int) -> None:
    erp = ExsitedDialect(orders=book(*SIXTEEN), largest_page=size, link="always")

    found = await scan(erp)

    assert (len(found.orders), found.total, found.complete) == (16, 16, True)
    assert len(erp.asked) == -(-16 // size) + 1


@pytest.mark.parametrize("size", [5, 16, 100])
async def test_a_list_that_is_counted_too_high_is_not_complete(size: int) -> None:
    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=size, counts_more=3))

    assert (len(found.orders), found.total, found.complete, found.cut_by) == (16, 19, False, "")


async def test_invoices_that_are_counted_and_not_listed_stop_a_delete() -> None:
    erp = ExsitedDialect(orders=book("ACTIVE"), invoices=[{"id": "PI-1"}], counts_more=1).connect()

    with pytest.raises(BadAnswer, match="does not tell all of them"):
        await erp.snapshot("PO-0001", "delete")
    await erp.aclose()


async def test_a_link_that_is_not_followed_loses_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "leads_on", lambda page, offset: False)

    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=5, counts="page"))

    assert (len(found.orders), found.complete) == (5, True)  # what the control prevents


async def test_an_empty_page_that_is_taken_for_the_end_hides_an_invoice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "next_offset", lambda page, offset: offset + len(page.rows) if page.rows else None)
    monkeypatch.setattr(reading, "_need_every_document", lambda rows: rows)
    erp = ExsitedDialect(orders=book("ACTIVE"), counts_more=1).connect()

    found = await erp.snapshot("PO-0001", "delete")
    await erp.aclose()

    assert found.blockers == ()  # what the controls prevent: an order with an invoice may be deleted
