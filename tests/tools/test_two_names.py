"""An account of Exsited's with a name and another display name: each of them, and its id, is exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import catalog
from po_mcp.desk.catalog import Entry
from po_mcp.orders import Item
from tests.harness import REAL, ScriptedPerson, no, outcome
from tests.tools import small_erps
from tests.tools.small_erps import SmallExsited

BOLT = {"item": "ITEM-0055", "quantity": "5", "unit_price": "0.45"}


@pytest.fixture(autouse=True)
def _account_of_two_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    account = {**small_erps._ACCOUNT, "name": "Acme", "display_name": "Acme Pty"}
    monkeypatch.setattr(small_erps, "_ACCOUNT", account)


async def order_from(vendor: str, folder: Path) -> tuple[str, int]:
    """Order from a vendor, and return the status and how many questions were asked."""
    person = ScriptedPerson(no)
    own = {**REAL, "erp": "exsited", "redirect_uri": "https://x/", "journal": str(folder / "journal.db")}
    server = build_server(Settings(**own), erp=SmallExsited().connect())
    async with Client(server, elicitation_callback=person) as client:
        arguments = {"vendor": vendor, "number": "PO-L-0009", "lines": [BOLT]}
        done = outcome(await client.call_tool("create_purchase_order", arguments))
    return done["status"], len(person.asked)


@pytest.mark.parametrize(
    ("vendor", "asked"), [("Acme", 0), ("Acme Pty", 0), ("acme pty", 1), ("LHROM9", 0), ("Acme Ltd", 1)]
)
async def test_a_vendor_of_two_names_goes_by_each_of_them(vendor: str, asked: int, tmp_path: Path) -> None:
    assert await order_from(vendor, tmp_path) == ("declined" if asked else "done", asked)


async def test_without_its_other_name_a_person_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def words(entry: Entry) -> tuple[tuple[str, str | None], ...]:
        return (("id", entry.id), ("code", entry.code if isinstance(entry, Item) else None), ("name", entry.name))

    monkeypatch.setattr(catalog, "words_of", words)

    assert await order_from("Acme", tmp_path) == ("declined", 1)
