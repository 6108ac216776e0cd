"""What the tools cost a chat, in tokens of the o200k vocabulary, which ships with the package that counts them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult, TextResourceContents
from splintr import Tokenizer

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk.order_pages import page_of
from po_mcp.orders import PurchaseOrder
from po_mcp.sandbox import Book, create_app
from po_mcp.tools._render import format_amount, line_row, order_rows, publish
from tests.harness import REAL, ScriptedPerson, ServerHarness, accept, outcome, text, yes
from tests.tools.small_erps import (
    Row,
    SmallERP,
    SmallExsited,
    SmallInventoryPro,
    exsited_line,
    exsited_order,
    line,
    order,
)

CEILING = 3800
"""Tokens of tools/list with all tools."""


@cache
def _tokenizer() -> Any:
    return Tokenizer.from_pretrained("o200k_base")


def tokens(said: str) -> int:
    return len(_tokenizer().encode(said))


async def test_the_list_of_all_tools_is_under_its_ceiling(harness: ServerHarness) -> None:
    async with harness.client() as client:
        listed = await client.list_tools()

    said = json.dumps(listed.model_dump(mode="json", by_alias=True, exclude_none=True)["tools"], separators=(",", ":"))
    assert len(listed.tools) == 8
    assert tokens(said) < CEILING


def test_the_month_of_a_day_has_its_name_where_the_year_stands_in_the_head() -> None:
    expected = (date(2025, 12, 28), date(2026, 1, 12), None)
    orders = [
        PurchaseOrder(
            number=f"PO-{day}",
            vendor="Acme",
            status="open",
            status_text="Open",
            ordered_at=datetime(2025, 12, day, tzinfo=UTC),
            expected_on=on,
        )
        for day, on in enumerate(expected, 1)
    ]

    head, *rows = order_rows(orders)
    assert head.split("|")[2] == "ordered/expected in 2025"
    assert [row.split("|")[2] for row in rows] == ["1 Dec/28 Dec", "2 Dec/2026-01-12", "3 Dec"]

    head, *rows = order_rows(orders[:2])
    assert head.split("|")[3] == "ordered/expected"
    assert [row.split("|")[3] for row in rows] == ["2025-12-01/12-28", "2025-12-02/2026-01-12"]


@pytest.mark.parametrize(
    ("statuses", "column", "cells"),
    [
        ("open open partial", "status if not open", [[], [], ["partial"]]),
        ("closed cancelled closed", "status if not closed", [[], ["cancelled"], []]),
        ("unknown unknown open", "status if not open", [["On hold"], ["On hold"], []]),
        ("unknown unknown unknown", "status", [["On hold"]] * 3),
    ],
)
def test_the_status_that_most_of_many_orders_have_stands_in_the_head(
    statuses: str, column: str, cells: list[list[str]]
) -> None:
    """What the ERP calls otherwise is always said in its own word."""
    orders = [
        PurchaseOrder(number=f"PO-{place}", vendor="Acme", status=status, status_text="On hold")
        for place, status in enumerate(statuses.split())
    ]

    head, *rows = order_rows(orders)

    assert head == f"number|vendor|ordered/expected|total|{column}"
    assert [row.split("|")[4:] for row in rows] == cells
    assert [row.split("|")[2] for row in order_rows(orders[:2])[1:]] == [
        "On hold" if status == "unknown" else status for status in statuses.split()[:2]
    ]


def test_a_status_that_the_erp_does_not_tell_is_a_dash() -> None:
    orders = [PurchaseOrder(number=f"PO-{place}", vendor="Acme", status="unknown", status_text="") for place in "123"]

    assert {row.split("|")[-1] for row in order_rows(orders)[1:]} == {"-"}


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("4250.00", "4250"), ("4250", "4250"), ("0.80", "0.80"), ("0.00", "0"), ("1E+3", "1000"), ("-5.000", "-5")],
)
def test_an_amount_of_a_table_has_no_zeros_alone_behind_its_point(amount: str, shown: str) -> None:
    assert format_amount(Decimal(amount)) == shown


async def test_the_text_of_fifty_orders_is_at_most_half_of_the_erps_own_json(harness: ServerHarness) -> None:
    with closing(Book.open(harness.book, orders=200)) as book:
        from_erp = await read_answers(book, 50)
    async with harness.client() as client:
        result = await client.call_tool("list_purchase_orders", {"limit": 50})

    assert len(json.loads(from_erp)["value"]) == 50
    assert tokens(text(result)) <= tokens(from_erp) / 2


MANY_LINES, LINES = range(1, 3001), range(1, 601)
"""What an answer takes is what one page takes, however many lines follow: one order is as long as any may be."""
BOLT = "Hex bolt M8 x 30 mm, DIN 933, A2-70"


def exsited_row(place: int, name: str) -> Row:
    return {**exsited_line(f"ITEM-{place:04}", name, units=f"{place}.000000", price="12.340000"), "uuid": f"l{place}"}


ERPS_OF_A_LONG_ORDER: dict[str, Callable[[], SmallERP]] = {
    "short lines": lambda: SmallInventoryPro(
        orders=[order("PO-1", *(line(lineNo=place, units=place) for place in MANY_LINES), status="Partial")]
    ),
    "long lines": lambda: SmallInventoryPro(
        orders=[
            order(
                "PO-1",
                *(line(f"BOLT-{at:05}", lineNo=at, units=at, received=at // 2, description=BOLT * 2) for at in LINES),
                status="Partial",
            )
        ]
    ),
    "Exsited": lambda: SmallExsited(orders=[exsited_order("PO-1", *(exsited_row(place, BOLT) for place in LINES))]),
    "Japanese": lambda: SmallExsited(
        orders=[exsited_order("PO-1", *(exsited_row(place, "六角ボルト M8 ステンレス 全ねじ") for place in LINES))]
    ),
}
LONG_TEXTS: dict[str, tuple[str, int]] = {
    "words": ("Stainless hex bolt, waxed, box of 100, with washer and nut. ", 80),
    "codes": ("ABCDEFGHJKLMNPQRSTUVWXYZ23456789-", 80),
    "small codes": ("abcdefghijklmnopqrstuvwxyz0123456789", 120),
    "signs": ("!#$%&/()=?*+~-_.:,;<>|^", 80),
    "escaped": ('"\\', 60),
    "Japanese": ("発注番号部品型式重量鋼管弁栓輪軸受溶接罐", 60),
    "Thai": ("กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรล", 60),
    "runes": ("ᚠᚢᚦᚨᚱᚲᚷᚹ𐍈𐌰ꦲꦏ", 40),
    "pictures": ("😀🔩🔧🧰🪛", 40),
}
"""Letters of a description, and how long it is."""


@pytest.mark.parametrize("kind", LONG_TEXTS)
@pytest.mark.parametrize("is_full", [True, False], ids=["all fields", "few fields"])
def test_a_page_of_lines_of_any_text_takes_little(kind: str, is_full: bool) -> None:
    chance = random.Random(1)
    letters, length = LONG_TEXTS[kind]
    known: dict[str, Any] = {"quantity": "12.5", "unit_price": "123.456", "line_total": "1543.2"}
    more = {"unit": "EA", "received": "3", "outstanding": "9.5", "warehouse": "1", "warehouse_name": "Main, Portland"}
    rows = [
        {"line": place, "item": f"I-{place}", **known, **(more if is_full else {}), "description": description}
        for place in range(1, 301)
        if (description := letters if kind == "words" else "".join(chance.choices(letters, k=length)))
    ]
    whole = {"number": "PO-1", "vendor": "Acme", "status": "open", "status_text": "Open", "lines": rows}
    page = page_of(PurchaseOrder.model_validate(whole), None)
    said = json.dumps(publish(page), ensure_ascii=False, separators=(",", ":"))

    assert max(tokens(said), tokens("\n".join(map(line_row, page.lines or ())))) < MAX_TOKENS
    assert tokens(said) > MAX_TOKENS / 5


MAX_TOKENS = 4000
"""Tokens of one call about an order of 3,000 lines, in the form that takes more of them."""


def count(result: CallToolResult) -> int:
    said = json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":"))
    return max(tokens(text(result)), tokens(said))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.process if kind == "short lines" else ())  # 3,000 lines take their time
        for kind in ERPS_OF_A_LONG_ORDER
    ],
)
async def test_every_call_about_a_long_order_takes_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    books = ERPS_OF_A_LONG_ORDER[kind]()
    own: dict[str, Any] = {**REAL, "journal": str(tmp_path / "journal.db")}
    own |= {"erp": "exsited", "redirect_uri": "https://x/"} if isinstance(books, SmallExsited) else {}
    person = ScriptedPerson(
        lambda params: accept(order_number="PO-1") if "order_number" in str(params) else yes(params)
    )
    one = {"number": "PO-1"}
    async with Client(build_server(Settings(**own), erp=books.connect()), elicitation_callback=person) as client:
        first = await client.call_tool("get_purchase_order", one)
        cursor = {"cursor": outcome(first)["next_cursor"]}
        second = await client.call_tool("get_purchase_order", one | cursor)
        [shown] = (await client.read_resource("po://orders/PO-1")).contents
        ends = ("cancel_purchase_order", "delete_purchase_order")
        ended = [
            await client.call_tool(tool, one)
            for tool in (ends if isinstance(books, SmallExsited) else ("finalize_purchase_order",))
        ]

    assert isinstance(shown, TextResourceContents)
    assert [max(map(count, (first, second))) < MAX_TOKENS, tokens(shown.text) < MAX_TOKENS] == [True, True]
    assert 30 < len(outcome(first)["lines"]) <= 100
    lines = len(MANY_LINES if kind == "short lines" else LINES)
    assert outcome(first)["line_count"] == lines
    assert f"{len(outcome(first)['lines'])} of {lines} lines shown" in text(first)
    assert [outcome(one)["status"] for one in ended] == ["done"] * len(ended)
    assert max(map(count, ended)) < 300
    assert max(tokens(question.message) for question in person.asked) < 600


async def test_a_long_order_that_changed_says_so_instead_of_its_next_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    books = ERPS_OF_A_LONG_ORDER["short lines"]()
    assert isinstance(books, SmallInventoryPro)
    server = build_server(Settings(**{**REAL, "journal": str(tmp_path / "journal.db")}), erp=books.connect())
    async with Client(server) as client:
        first = await client.call_tool("get_purchase_order", {"number": "PO-1"})
        books.book["PO-1"]["lines"][2999]["unitsReceived"] = 1
        cursor = outcome(first)["next_cursor"]
        changed = await client.call_tool("get_purchase_order", {"number": "PO-1", "cursor": cursor})

    assert changed.is_error
    assert "Order PO-1 changed since its first lines were read." in text(changed)
    assert tokens(text(changed)) < 100


LINE = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "Main"}
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "25 orders": ("list_purchase_orders", {"limit": 25}),
    "an order of 8 lines": ("get_purchase_order", {"number": "PO-2025-0041"}),
    "the same, `detail=short`": ("get_purchase_order", {"number": "PO-2025-0041", "detail": "short"}),
    "all 30 items": ("search_catalog", {"kind": "item"}),
    "the items of a word": ("search_catalog", {"kind": "item", "text": "bolt"}),
    "an order created": ("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [LINE]}),
    "a finalize that waits": ("finalize_purchase_order", {"number": "PO-2025-0041"}),
    "a delete that waits": ("delete_purchase_order", {"number": "PO-2025-0038"}),
    "a cancel that waits": ("cancel_purchase_order", {"number": "PO-2025-0037"}),
    "all three that wait": ("get_operation", {}),
}


@pytest.mark.usefixtures("book_of_today")
async def test_the_table_of_tokens_is_what_is_measured(harness: ServerHarness) -> None:
    """Both forms of each tool's answer, as the README of the tests has them; links and times differ a little."""
    measured = {}
    async with harness.client() as client:
        for name, (tool, arguments) in ANSWERS.items():
            result = await client.call_tool(tool, arguments)
            structured = json.dumps(result.structured_content, separators=(",", ":"), ensure_ascii=False)
            measured[name] = [tokens(text(result)), tokens(structured)]

    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for name, figures in measured.items():
        [row] = re.findall(rf"^\| {re.escape(name)} \| .* \| \d+ → (\d+) \| \d+ → (\d+) \|$", readme, re.MULTILINE)
        assert [int(figure) for figure in row] == pytest.approx(figures, rel=0.2), name


async def read_answers(book: Book, count: int) -> str:
    wire = httpx2.ASGITransport(create_app(book))
    async with httpx2.AsyncClient(transport=wire, base_url="http://erp.test/api/v1") as erp:
        credentials = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
        token = (await erp.post("/Token", data=credentials)).json()["access_token"]
        authorization = {"Authorization": f"Bearer {token}"}
        return (await erp.get("/PurchaseOrder", params={"pageSize": count}, headers=authorization)).text
