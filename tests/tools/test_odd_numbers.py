"""Order numbers whose blanks nobody sees: shown so that they can be told apart, and typed without them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import ScriptedPerson, accept, outcome, text
from tests.tools import test_field_cases as field_cases
from tests.tools.small_erps import SmallExsited, SmallInventoryPro, exsited_order, order

connect = field_cases.connect

FINALIZE, DELETE, GET = "finalize_purchase_order", "delete_purchase_order", "get_purchase_order"
BLANKS = ["Po-1 ", " Po-1", "Po  1"]


@pytest.mark.parametrize("number", BLANKS)
async def test_blanks_of_a_number_are_shown_in_question_and_outcome(connect: Any, number: str) -> None:
    erp = SmallInventoryPro(orders=[order(number), order("Po-1"), order("Po 1")])
    person = ScriptedPerson(field_cases.picks("close"))
    async with connect(erp, person) as client:
        ended = text(await client.call_tool(FINALIZE, {"number": number, "create_backorder": False}))
        listed = text(await client.call_tool("list_purchase_orders", {}))

    assert f"Close order «{number}» without a backorder?" in person.asked[0].message
    assert f"Order «{number}» was closed." in ended
    assert [body for _, _, body in erp.sent] == [{"poNumber": number, "createBackorder": False}]
    assert "\nPo-1|" in listed


@pytest.mark.parametrize("number", [*BLANKS, "«Po-1»"])
@pytest.mark.parametrize("way", [str, str.strip, lambda number: f"«{number}»", lambda one: " ".join(one.split())])
async def test_the_number_counts_as_typed_without_the_blanks_that_nobody_sees(
    connect: Any, number: str, way: Any
) -> None:
    erp = SmallExsited(orders=[exsited_order(number)])
    async with connect(erp, ScriptedPerson(accept(order_number=way(number)))) as client:
        ended = outcome(await client.call_tool(DELETE, {"number": number}))

    assert ended["status"] == "done", ended
    assert len(erp.sent) == 1


@pytest.mark.parametrize("typed", ["Po-2", "po-1", "Po1", "P o-1", "", "«»"])
async def test_another_number_is_not_the_one_with_blanks(connect: Any, typed: str) -> None:
    erp = SmallExsited(orders=[exsited_order("Po-1 ")])
    async with connect(erp, ScriptedPerson(accept(order_number=typed))) as client:
        ended = outcome(await client.call_tool(DELETE, {"number": "Po-1 "}))

    assert ended["status"] == "approval_required"
    assert "Order «Po-1 » was not deleted." in ended["message"]
    assert erp.sent == []


async def test_a_number_that_is_meant_is_named_once_and_is_not_the_asked_one(connect: Any) -> None:
    erp = SmallInventoryPro(orders=[order("PO-TRAIL  "), order("PO-TRAIL"), order("PO-TRAIL\u00a0")])
    del erp.book["PO-TRAIL"]
    async with connect(erp) as client:
        missing = text(await client.call_tool(GET, {"number": "PO-TRAIL"}))
        # A model repeats what it read, with its marks.
        found = outcome(await client.call_tool(GET, {"number": "«PO-TRAIL  »"}))

    assert "Did you mean «PO-TRAIL  » or «PO-TRAIL\\u{00A0}»?" in missing
    assert found["number"] == "PO-TRAIL  "


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("PO-1\u00a0", "\\u{00A0}"),
        ("PO-1\\u{00A0}", "\\u{00A0}"),
        ("PO\t1", "\\u{0009}"),
        ("PO-1\u200b", "\\u{200B}"),
        ("..", "address"),
    ],
)
@pytest.mark.parametrize("tool", [GET, FINALIZE])
async def test_a_listed_number_that_cannot_be_asked_for_is_shown_with_the_reason(
    connect: Any, tool: str, number: str, why: str
) -> None:
    erp = SmallInventoryPro(orders=[order(number)])
    async with connect(erp) as client:
        said = await client.call_tool(tool, {"number": number})

    assert said.is_error
    assert "cannot be opened" in text(said)
    assert why in text(said)
    assert "at most 100 characters" not in text(said)
    assert erp.sent == []
