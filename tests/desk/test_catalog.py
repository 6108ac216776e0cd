"""Searching the ERP's lists."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from po_mcp.desk import catalog as desk_catalog
from po_mcp.desk.catalog import Candidates, Catalog
from po_mcp.desk.catalog_file import CatalogFile
from po_mcp.erp import OnItems
from po_mcp.errors import NotPermitted
from po_mcp.orders import Item, Vendor
from tests.desk.fakes import ListsERP


def catalog(**lists: object) -> Catalog:
    return Catalog(ListsERP(**lists))  # type: ignore[arg-type]


async def test_vendors_without_ids_are_listed_and_found_and_fit_their_schema() -> None:
    vendors = (Vendor(id=None, name="Acme"), Vendor(id="7", name="Zeta"))
    for text in (None, "acme", "Acm"):
        found = await catalog(vendor_list=vendors).search("vendor", text)
        published = found.to_json()

        assert published["candidates"][0]["name"] == "Acme"
        assert Candidates.model_validate(published) == found.model_copy(update={"gaps": ()})
        assert "id" not in Candidates.model_json_schema(mode="serialization")["$defs"]["Candidate"]["required"]


async def test_an_exact_name_is_found_alone_and_says_so() -> None:
    items = (Item(id="P1", name="Cable 15 mm2 red"), Item(id="P2", name="Cable 15 mm2", unit="m"))
    found = await catalog(item_list=items).search("item", "Cable 15 mm2")

    assert [(one.id, one.why, one.unit) for one in found.candidates] == [("P2", "same name", "m")]
    assert (found.matched, found.known) == (1, 2)


async def test_a_list_is_indexed_once_for_each_read() -> None:
    erp = ListsERP(item_list=(Item(id="P1", name="One"),))
    kept = Catalog(erp)  # type: ignore[arg-type]
    first = await kept.index("item")
    erp.item_list = (Item(id="P2", name="Two"),)

    assert await kept.index("item") is first
    assert [one.id for one in (await kept.search("item", "two", refresh=True)).candidates] == ["P2"]
    assert (await kept.index("item")).find_exact("Two") is not None


async def test_a_word_that_a_list_from_disk_lacks_is_looked_for_in_the_erp(tmp_path: Path) -> None:
    kept = CatalogFile(tmp_path, "lists")
    kept.save("item", (Item(id="P1", name="One"),), time.time() - 3600)
    erp = ListsERP(item_list=(Item(id="P1", name="One"), Item(id="P2", name="Two")))

    found = await Catalog(erp, file=kept).find("item", "Two")  # type: ignore[arg-type]

    assert [match.entry.id for match in found] == ["P2"]


class SlowLists(ListsERP):
    """An ERP whose items come after a while; `order` is what happened, in order."""

    order: list[str]

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        self.order.append("asked")
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        self.order.append("answered")
        found = await super().items()
        assert on_items is not None
        on_items(found)
        return tuple(found)


@pytest.mark.parametrize("failure", [None, NotPermitted("no")])
async def test_a_search_prepares_its_index_once_its_first_page_is_asked_for(
    failure: NotPermitted | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp, index = SlowLists(item_list=(Item(id="P1", name="One"),), failure=failure), desk_catalog._index
    erp.order = []

    def note(entries: Sequence[Any]) -> Any:
        erp.order.append("index")
        return index(entries)

    monkeypatch.setattr(desk_catalog, "_index", note)
    kept = Catalog(erp)  # type: ignore[arg-type]
    if failure is None:
        assert (await kept.index("item")).added == 1
    else:
        with pytest.raises(NotPermitted):
            await kept.index("item")

    assert erp.order == ["asked", "index", "answered"]


@pytest.mark.parametrize("failure", [None, NotPermitted("no")])
async def test_garbage_is_looked_for_seldom_while_a_list_is_read(failure: NotPermitted | None) -> None:
    usual, seen = gc.get_threshold(), []

    class Lists(ListsERP):
        async def vendors(self) -> Any:
            seen.append(gc.get_threshold())
            await (first if len(seen) == 1 else second).wait()
            return await super().vendors()

    async def read() -> None:
        try:
            await Catalog(Lists(failure=failure)).vendors()  # type: ignore[arg-type]
        except NotPermitted:
            assert failure is not None

    first, second = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        first.set()
        await anyio.wait_all_tasks_blocked()
        seen.append(gc.get_threshold())  # the other one is still read
        second.set()

    assert seen == [(50_000, *usual[1:])] * 3
    assert gc.get_threshold() == usual
