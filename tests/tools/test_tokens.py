"""What the tools cost a chat, in tokens of the o200k vocabulary, which ships with the package that counts them."""

from __future__ import annotations

import json
import re
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest
from splintr import Tokenizer

from po_mcp.sandbox import Book, create_app
from tests.harness import ServerHarness, text

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


async def test_the_text_of_fifty_orders_is_at_most_half_of_the_erps_own_json(harness: ServerHarness) -> None:
    with closing(Book.open(harness.book, orders=200)) as book:
        theirs = await said_by_the_erp(book, 50)
    async with harness.client() as client:
        result = await client.call_tool("list_purchase_orders", {"limit": 50})

    assert len(json.loads(theirs)["value"]) == 50
    assert tokens(text(result)) <= tokens(theirs) / 2


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
        assert [int(figure) for figure in row] == pytest.approx(figures, rel=0.1), name


async def said_by_the_erp(book: Book, count: int) -> str:
    wire = httpx2.ASGITransport(create_app(book))
    async with httpx2.AsyncClient(transport=wire, base_url="http://erp.test/api/v1") as erp:
        credentials = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
        token = (await erp.post("/Token", data=credentials)).json()["access_token"]
        authorization = {"Authorization": f"Bearer {token}"}
        return (await erp.get("/PurchaseOrder", params={"pageSize": count}, headers=authorization)).text
