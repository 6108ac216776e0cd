"""A buyer's conversations with Tryton as the ERP; `python -m tests.tryton.play` shows them as chats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations.script import read
from tests.harness import ERAS
from tests.tryton.conftest import Book
from tests.tryton.play import play, scripts

pytestmark = pytest.mark.tryton

MIN_CONVERSATIONS = 20


@pytest.mark.parametrize(("name", "path"), scripts().items(), ids=scripts())
async def test_a_conversation_goes_as_its_script_says(name: str, path: Path, book: Book, tmp_path: Path) -> None:
    # Each protocol version gets every other one: what differs between them is tested over the sandbox.
    era = ERAS[list(scripts()).index(name) % len(ERAS)]

    played = await play(name, path, era, book.url, book.users, tmp_path)

    assert played.wrong == []


def test_every_tool_that_tryton_serves_has_a_conversation() -> None:
    calls = {turn.call for path in scripts().values() for turn in read(path).turn if turn.call}

    assert len(scripts()) >= MIN_CONVERSATIONS
    assert calls == {
        *("list_purchase_orders", "get_purchase_order", "search_catalog", "get_operation"),
        *("create_purchase_order", "delete_purchase_order", "cancel_purchase_order"),
    }
