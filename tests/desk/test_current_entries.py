"""A write names vendors and items as the ERP shows them now, however old the list is that they were found in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import pytest

from po_mcp.desk.catalog import FRESH_S, Catalog
from po_mcp.desk.context import Desk, View
from po_mcp.desk.create_reasons import explain_order
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.desk.resolving import resolve
from po_mcp.errors import BadAnswer, ERPError, InvalidInput, NotPermitted, SignInFailed, TooManyRequests, Unreachable
from po_mcp.orders import Item, Vendor
from tests.desk.fakes import ListsERP, desk_over
from tests.desk.test_resolving import ITEMS, VENDORS, Chooser, build_request, erp

Kind = Literal["vendor", "item", "warehouse"]
KINDS: tuple[Kind, ...] = ("vendor", "item", "warehouse")
GLOVE = ITEMS[2]


async def desk_later(lists: ListsERP, age: float = 3 * 3600.0) -> Desk:
    """Return a desk whose lists were all read so many seconds ago; `lists.asked` begins with now."""
    now = 1_800_000_000.0
    catalog = Catalog(lists, lambda: now, None, lambda: now)  # type: ignore[arg-type]
    for kind in KINDS:
        await catalog.entries(kind)
    now += age
    lists.asked.clear()
    desk = desk_over(lists)
    desk.views[""] = View(catalog)
    return desk


async def order_gloves(desk: Desk, *items: str, person: Chooser | None = None) -> ResolvedOrder:
    named = build_request("Acme Fasteners", *(items or ("GLOVE",)), warehouse="Main")
    found = await resolve(desk, named, person or Chooser(None))
    assert isinstance(found, ResolvedOrder)
    return found


async def test_only_the_entries_that_a_write_names_are_read() -> None:
    lists = erp()

    found = await order_gloves(await desk_later(lists))

    assert sorted(lists.asked) == ["item GLOVE", "vendor 12"]
    assert found.old_data == ()


async def test_a_list_that_is_fresh_is_enough() -> None:
    lists = erp()

    await order_gloves(await desk_later(lists, FRESH_S - 1))

    assert lists.asked == []


async def test_todays_price_is_taken() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = (*ITEMS[:2], GLOVE.model_copy(update={"price": Decimal("9.5")}))

    found = await order_gloves(desk)

    assert found.items["GLOVE"].price == Decimal("9.5")
    assert "items" not in lists.asked


@pytest.mark.parametrize(
    "change", [{"unit": "piece"}, {"code": "77"}, {"name": "Nitrile Gloves blue"}], ids=["unit", "code", "name"]
)
async def test_an_entry_that_changed_has_the_list_read_again(change: dict[str, Any]) -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = (*ITEMS[:2], GLOVE.model_copy(update=change))

    found = await order_gloves(desk)

    assert found.items["GLOVE"] == lists.item_list[2]
    assert lists.asked.count("items") == 1


async def test_an_item_that_is_gone_is_not_ordered() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = ITEMS[:2]

    with pytest.raises(InvalidInput, match="No item matches"):
        await order_gloves(desk)


async def test_an_item_that_was_discontinued_is_not_ordered() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = (*ITEMS[:2], GLOVE.model_copy(update={"active": False}))

    with pytest.raises(InvalidInput, match="inactive"):
        await order_gloves(desk)


async def test_a_vendor_that_was_not_active_may_be_by_now() -> None:
    lists = erp(vendor_list=(Vendor(id="9", name="Old Acme", active=False),))
    desk = await desk_later(lists)
    lists.vendor_list = (Vendor(id="9", name="Old Acme"),)

    found = await resolve(desk, build_request("Old Acme", "GLOVE", warehouse="Main"), Chooser(None))

    assert isinstance(found, ResolvedOrder)
    assert found.vendor.active


async def test_a_name_that_another_entry_took_is_asked() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = (*ITEMS[:2], GLOVE.model_copy(update={"name": "Other"}), Item(id="NEW", name="Nitrile Gloves"))

    found = await order_gloves(desk, "Nitrile Gloves")

    assert found.items["Nitrile Gloves"].id == "NEW"


async def test_an_erp_that_shows_no_entry_alone_has_the_list_read_again() -> None:
    lists = erp(reads_one=False)

    found = await order_gloves(await desk_later(lists))

    assert {"vendors", "items"} <= set(lists.asked)
    assert found.old_data == ()


async def test_many_items_are_read_by_their_list() -> None:
    many = tuple(Item(id=f"N-{'ABCDEFGHIJ'[place]}", name=f"Nut {'ABCDEFGHIJ'[place]}") for place in range(10))
    lists = erp(item_list=many)

    await order_gloves(await desk_later(lists), *(item.id for item in many))

    assert sorted(lists.asked) == ["items", "vendor 12"]


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("Gone."),
        TooManyRequests("Slow down."),
        SignInFailed("No."),
        NotPermitted("Not for you."),
        BadAnswer("Odd."),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_where_the_erp_tells_nothing_a_person_sees_how_old_the_data_is(failure: ERPError) -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.failure = failure

    found = await order_gloves(desk)

    assert found.old_data == (
        "The ERP could not be asked about the vendor now: what is known of it is 3 hours old.",
        "The ERP could not be asked about the items now: what is known of them is 3 hours old.",
    )
    new: Any = type("New", (), {"asked": build_request("Acme Fasteners", "GLOVE"), "found": found, "known": {}})
    draft: Any = type("Draft", (), {"total": Decimal(5), "expected_on": None})
    assert [one.sentence for one in explain_order(desk, new, draft)] == list(found.old_data)


async def test_an_erp_that_is_down_is_not_asked_for_whole_lists() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.failure = Unreachable("Gone.")

    await order_gloves(desk)

    assert sorted(lists.asked) == ["item GLOVE", "vendor 12"]


async def test_a_choice_is_kept_where_the_list_is_read_again() -> None:
    lists = erp(reads_one=False)
    person = Chooser({"item_1": "HOSE-12"})

    found = await order_gloves(await desk_later(lists), "12in hydraulic hose", person=person)

    assert found.items["12in hydraulic hose"].id == "HOSE-12"
    [question] = person.asked
    assert "The list of items is of 2027-01-15 08:00 UTC." in question.text


async def test_a_choice_of_what_changed_is_no_choice() -> None:
    lists = erp()
    desk = await desk_later(lists)
    lists.item_list = (ITEMS[0].model_copy(update={"unit": "km"}), *ITEMS[1:])

    with pytest.raises(InvalidInput, match=r"HOSE-12 \(1/2in Hydraulic Hose\) was changed in the ERP"):
        await order_gloves(desk, "12in hydraulic hose", person=Chooser({"item_1": "HOSE-12"}))


async def test_a_refusal_says_how_old_the_list_is() -> None:
    with pytest.raises(InvalidInput, match=r"The list of items is of 2027-01-15 08:00 UTC\. Nothing was sent"):
        await order_gloves(await desk_later(erp()), "12in hydraulic hose")


def test_the_lists_of_these_tests_are_those_of_the_words() -> None:
    assert VENDORS[0].name == "Acme Fasteners"
    assert GLOVE.id == "GLOVE"
