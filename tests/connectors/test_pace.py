"""Pages of a catalog side by side: all of them, few at a time, and fewer once the ERP asks for fewer requests."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.connectors.http.pace import RECOVERY_S, Pace
from po_mcp.connectors.page_reader import PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import read_all
from po_mcp.errors import BadAnswer, Unreachable
from po_mcp.orders import Item
from tests.connectors.calls import exsited, inventory_pro
from tests.connectors.raw_peer import raw_peer, reply


class Rows:
    """A list of rows, ten on a page, whose pages take a moment. A 429 comes before those of `slowed`."""

    def __init__(self, count: int, pace: Pace, slowed: Sequence[int] = ()) -> None:
        self.rows = [f"row {place}" for place in range(count)]
        self.pace = pace
        self.slowed = slowed
        self.starts: list[int] = []
        self.at_once = 0
        self.at_most: list[int] = []

    async def __call__(self, start: int) -> Page[str]:
        self.starts.append(start)
        self.at_once += 1
        self.at_most.append(self.at_once)
        await anyio.sleep(0.001)
        self.at_once -= 1
        if start in self.slowed:
            self.pace.slow_down()
        more = start + 10 < len(self.rows)
        return Page(self.rows[start : start + 10], start + 10 if more else None, len(self.rows))

    async def read(self) -> tuple[str, ...]:
        rows = PagedList(
            "An ERP", self, lambda row: row, start_of_page=lambda index, size: index * size, pace=self.pace
        )
        return (await read_all(rows)).rows


async def test_the_pages_of_a_list_are_read_side_by_side_and_put_together_in_order() -> None:
    rows = Rows(400, Pace())

    assert list(await rows.read()) == rows.rows
    assert max(rows.at_most) == MAX_CONCURRENT_REQUESTS
    assert sorted(rows.starts) == list(range(0, 400, 10))


async def test_a_429_lowers_how_many_are_under_way_and_no_page_is_lost() -> None:
    rows = Rows(600, Pace(), slowed=[20, 30])

    assert list(await rows.read()) == rows.rows
    assert max(rows.at_most[:10]) == MAX_CONCURRENT_REQUESTS
    assert max(rows.at_most[-30:]) == 1


async def test_another_failure_ends_the_list_at_once() -> None:
    class Broken(Rows):
        async def __call__(self, start: int) -> Page[str]:
            page = await super().__call__(start)
            if start == 30:
                raise Unreachable("Gone.")
            return page

    rows = Broken(1000, Pace())

    with pytest.raises(Unreachable):
        await rows.read()
    assert len(rows.starts) < 20


async def test_a_list_that_repeats_its_first_page_is_not_read_to_its_counted_end() -> None:
    class Repeated(Rows):
        async def __call__(self, start: int) -> Page[str]:
            await super().__call__(start)
            return Page(self.rows[:10], start + 10, len(self.rows))

    rows = Repeated(1000, Pace())

    with pytest.raises(BadAnswer, match="same page"):
        await rows.read()
    assert len(rows.starts) < 20


def test_the_number_is_halved_and_all_are_allowed_again_after_a_while() -> None:
    now = 0.0
    pace = Pace(lambda: now)

    assert pace.count_allowed() == MAX_CONCURRENT_REQUESTS
    pace.slow_down()
    assert pace.count_allowed() == 2
    for _ in range(3):
        pace.slow_down()
    assert pace.count_allowed() == 1
    now = RECOVERY_S - 1
    assert pace.count_allowed() == 1
    now = RECOVERY_S
    assert pace.count_allowed() == MAX_CONCURRENT_REQUESTS


async def test_a_429_of_any_read_is_noticed() -> None:
    empty = {"value": [], "totalCount": 0, "hasMore": False}
    async with raw_peer(reply(429, {}, "Retry-After: 0"), reply(200, empty)) as peer:
        erp = inventory_pro(peer.url)
        await erp.items()
        allowed = erp._http.pace.count_allowed()
        await erp.aclose()

    assert allowed == 2


ITEM = Item(id="A/1", name="Nut", code="7", unit="EA")
ROW = {"shortID": "A/1", "description": "Nut", "partNo": 7, "uOM": "EA"}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"value": [ROW], "totalCount": 1, "page": 1, "pageSize": 250, "hasMore": False}, ITEM),
        (ROW, ITEM),
        ({"value": [{"shortID": "B"}, ROW], "totalCount": 900, "page": 1, "pageSize": 2, "hasMore": True}, ITEM),
        ({**ROW, "discontinued": True}, ITEM.model_copy(update={"active": False})),
        ({"value": [], "totalCount": 0, "hasMore": False}, None),
    ],
    ids=["a page", "one item", "a list whose search was ignored", "discontinued", "none"],
)
async def test_inventory_pro_shows_one_item(body: object, found: Item | None) -> None:
    async with raw_peer(reply(200, body)) as peer:
        erp = inventory_pro(peer.url)
        assert await erp.read_item(ITEM) == found
        await erp.aclose()
        assert b"key=A%2F1&type=id" in peer.requests[-1]


@pytest.mark.parametrize("body", [{"value": [{"shortID": "B"}], "hasMore": True}, {"shortID": "a/1"}, {}, [], "x"])
async def test_an_answer_about_another_item_is_not_taken(body: object) -> None:
    async with raw_peer(reply(200, body)) as peer:
        erp = inventory_pro(peer.url)
        with pytest.raises(BadAnswer):
            await erp.read_item(ITEM)
        await erp.aclose()


async def test_exsited_answers_about_one_item_by_its_id() -> None:
    async with raw_peer(reply(200, {"item": {"id": "A", "name": "Nut"}}), reply(200, {"item": {"id": "B"}})) as peer:
        erp = exsited(peer.url)
        assert await erp.read_item(Item(id="A", name="x")) == Item(id="A", name="Nut")
        with pytest.raises(BadAnswer):
            await erp.read_item(Item(id="A", name="x"))
        await erp.aclose()
