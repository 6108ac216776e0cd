"""After a restart nothing is read again that was kept: a search sends no request, a create reads what it names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.types import PromptReference

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro

SECRET = "sandbox"
HOURS = 3
_CATALOG = {"Vendor", "Item", "Location", "accounts", "items", "settings"}


class Requests(httpx2.AsyncHTTPTransport):
    """The network, with a record of the paths that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path.partition("/v1/")[2] or request.url.path.partition("/v3/")[2])
        return await super().handle_async_request(request)

    @property
    def of_catalog(self) -> list[str]:
        return sorted(
            path for path in self.paths if path.split("/")[0] in {"Vendor", "Item", "Location", "accounts", "items"}
        )


class Start:
    """One start of the server, on the same folders."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.requests = Requests()
        settings: dict[str, Any] = {
            "erp": name,
            "base_url": url,
            "client_id": "sandbox",
            "client_secret": SECRET,
            "journal": str(folder / "journal.db"),
        }
        if name == "exsited":
            settings["redirect_uri"] = "https://localhost/"
            erp: Any = Exsited(url, "sandbox", SECRET, "https://localhost/", transport=self.requests)
        else:
            erp = InventoryPro(url, "sandbox", SECRET, transport=self.requests)
        self.server = build_server(Settings(**settings), erp=erp)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test have a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def list_cache_files() -> list[Path]:
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "po-mcp"
    return sorted(folder.iterdir()) if folder.exists() else []


def let_hours_pass() -> None:
    for path in list_cache_files():
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "read_at": content["read_at"] - HOURS * 3600}))


NAMED = {
    "inventory-pro": (["Item", "Vendor/ACME"], {"item": "BOLT-M8-30", "warehouse": "Main"}),
    "exsited": (["accounts/LHROM9", "items/ITEM-0055"], {"item": "ITEM-0055"}),
}


@pytest.mark.parametrize("name", NAMED)
async def test_a_start_takes_the_catalog_from_the_disk_and_reads_what_a_create_names(
    name: str, url: str, tmp_path: Path
) -> None:
    expected, line = NAMED[name]
    first = Start(name, url, tmp_path)
    async with Client(first.server) as client:
        for kind in ("item", "vendor", "warehouse"):
            await client.call_tool("search_catalog", {"kind": kind})
    let_hours_pass()

    second = Start(name, url, tmp_path)
    async with Client(second.server) as client:
        found = await client.call_tool("search_catalog", {"kind": "item", "text": "hex bolt"})
        await client.complete(
            PromptReference(type="ref/prompt", name="new_order_from_quote"), {"name": "vendor", "value": "ac"}
        )
        searched = list(second.requests.paths)
        created = await client.call_tool(
            "create_purchase_order",
            {
                "vendor": "Acme Fasteners",
                "number": "PO-2026-0077",
                "lines": [{"quantity": "5", "unit_price": "1", **line}],
            },
        )

    assert searched == []
    assert found.structured_content is not None
    assert found.structured_content["age"] == "3 hours"
    assert created.structured_content is not None
    assert created.structured_content["status"] == "done", created
    assert second.requests.of_catalog == expected


async def test_the_kept_catalog_holds_no_secret_and_is_for_its_user_alone(url: str, tmp_path: Path) -> None:
    async with Client(Start("inventory-pro", url, tmp_path).server) as client:
        await client.call_tool("search_catalog", {"kind": "item"})

    [path] = list_cache_files()
    content = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(content) == [
        "connection",
        "entries",
        "format",
        "kind",
        "left_out",
        "read_at",
        "version",
        "without_id",
    ]
    assert {key for entry in content["entries"] for key in entry} <= {"id", "name", "code", "unit", "price", "active"}
    assert "token" not in path.read_text().casefold()


async def test_the_sandbox_in_this_process_keeps_nothing(tmp_path: Path) -> None:
    async with Client(build_server(Settings(sandbox=str(tmp_path / "book.db"), journal=str(tmp_path / "j.db")))) as one:
        await one.call_tool("search_catalog", {"kind": "item"})

    assert list_cache_files() == []


async def test_another_user_of_the_erp_and_other_vendor_ids_have_lists_of_their_own(url: str, tmp_path: Path) -> None:
    for more in ({}, {"vendor_ids": {"Acme Fasteners": 12}}):
        start = Start("inventory-pro", url, tmp_path)
        settings = Settings(
            erp="inventory-pro",
            base_url=url,
            client_id="sandbox",
            client_secret=SECRET,
            journal=str(tmp_path / "journal.db"),
            **more,
        )
        server = build_server(settings, erp=InventoryPro(url, "sandbox", SECRET, transport=start.requests))
        async with Client(server) as client:
            await client.call_tool("search_catalog", {"kind": "vendor"})

    assert len(list_cache_files()) == 2
