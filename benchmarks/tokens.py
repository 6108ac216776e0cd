"""What the tools cost a chat, in tokens of the o200k vocabulary: their list, fifty orders, a day of conversations."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import httpx2
from mcp import Client
from splintr import Tokenizer

from benchmarks.report import Row
from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.sandbox import Book, create_app

DAY_BEFORE = 50_781
"""Tokens of the 57 conversations that there were, as they were first measured."""
NEWER = frozenset(
    {
        "order_a_hose_of_twelve_inches",
        "order_a_hose_of_twelve_inches_without_a_form",
        "order_a_quantity_that_may_be_thousands",
        "order_after_a_backorder",
        "order_after_a_free_line",
        "order_and_see_what_was_understood",
        "order_in_glued_words",
        "order_under_a_number_like_anothers",
    }
)
"""Conversations that came later; they are shorter, and would make the day look better than it is."""


_random_id = re.compile(r"\b[0-9a-f]{32}\b")
_USUAL_ID = "366be8af7b25f46c41849b487b24c54a"
"""It has 19 tokens, where a random one has 18.5 on average."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the three counts; they are the same each time."""
    del rounds
    yield from anyio.run(_of_tools)
    yield _of_a_day()


async def _of_tools() -> list[Row]:
    with TemporaryDirectory() as folder:
        book = Path(folder) / "book.db"
        held = Book.open(book, orders=200)
        settings = Settings(sandbox=str(book), journal=str(Path(folder) / "journal.db"))
        async with Client(build_server(settings, with_page=False)) as client:
            tools = (await client.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)["tools"]
            listed = float(_count(tools))
            page = await client.call_tool("list_purchase_orders", {"limit": 50})
        text = float(_count("".join(block.text for block in page.content if block.type == "text")))
        structured, erp = float(_count(page.structured_content)), float(_count(await _said_by_the_erp(held)))
        held.close()
    against = "the ERP's JSON"
    return [
        Row("tools/list", listed, "tokens", None, "", listed, 3_800),
        Row("50 orders as text", text, "tokens", erp, against, text / erp, 0.5),
        Row("50 orders as structured content", structured, "tokens", erp, against, structured / erp, None),
    ]


def _of_a_day() -> Row:
    from tests.conversations.__main__ import play_in_folder
    from tests.conversations.record import Called
    from tests.conversations.script import scripts

    logging.disable(logging.WARNING)
    found = [(name, path) for name, path in scripts().items() if name not in NEWER]

    async def play() -> int:
        tokens = 0
        for name, path in found:
            shown = await play_in_folder(name, path, "2026-07-28")
            tokens += sum(count_said(called.text) for called in shown.record.of(Called))
        return tokens

    day = float(anyio.run(play))
    reference = DAY_BEFORE / 2  # that figure was of both eras
    return Row(f"{len(found)} conversations", day, "tokens", reference, "the same at first", day / reference, 0.8)


async def _said_by_the_erp(book: Book) -> str:
    wire = httpx2.ASGITransport(create_app(book))
    async with httpx2.AsyncClient(transport=wire, base_url="http://erp.test/api/v1") as http:
        credentials = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
        token = (await http.post("/Token", data=credentials)).json()["access_token"]
        head = {"Authorization": f"Bearer {token}"}
        return (await http.get("/PurchaseOrder", params={"pageSize": 50}, headers=head)).text


def count_said(text: str) -> int:
    """Return the tokens of a text; each random id counts as one that has about as many as most have, and no luck."""
    return _count(_random_id.sub(_USUAL_ID, text))


def _count(said: Any) -> int:
    text = said if isinstance(said, str) else json.dumps(said, separators=(",", ":"))
    return len(_TOKENIZER.encode(text))


_TOKENIZER = Tokenizer.from_pretrained("o200k_base")
