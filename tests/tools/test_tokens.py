"""What the tools cost a chat, in tokens of the o200k vocabulary, which ships with the package that counts them."""

from __future__ import annotations

import json
from contextlib import closing
from functools import cache
from typing import Any

import httpx2
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


async def said_by_the_erp(book: Book, count: int) -> str:
    wire = httpx2.ASGITransport(create_app(book))
    async with httpx2.AsyncClient(transport=wire, base_url="http://erp.test/api/v1") as erp:
        credentials = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
        token = (await erp.post("/Token", data=credentials)).json()["access_token"]
        authorization = {"Authorization": f"Bearer {token}"}
        return (await erp.get("/PurchaseOrder", params={"pageSize": count}, headers=authorization)).text
