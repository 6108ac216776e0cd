"""Pages of an Exsited that counts and links otherwise: no row is missing unless that is said."""

from __future__ import annotations

import pytest

from po_mcp.connectors.exsited import paging
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


async def test_a_link_that_is_not_followed_loses_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "leads_on", lambda page, offset: False)

    found = await scan(ExsitedDialect(orders=book(*SIXTEEN), largest_page=5, counts="page"))

    assert (len(found.orders), found.complete) == (5, True)  # what the control prevents
