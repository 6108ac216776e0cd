"""docs/adding-an-erp.md, walked: an ERP is its folder and one line of the registry."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from anyio import to_thread
from pydantic import ValidationError

from po_mcp import config
from po_mcp.connectors import connect
from po_mcp.connectors.registry import REGISTRY, declared_settings
from po_mcp.writes.journal import JournalStore
from tests.contract.subjects import serve_book

from .package_copy import PackageCopy, files_of_recipe

RECIPE = "adding-an-erp.md"
MODEL = "inventory_pro"
CHANGES = {
    "inventory_pro": "acme_erp",
    "inventory-pro": "acme-erp",
    "Inventory Pro": "Acme ERP",
    "InventoryPro": "AcmeErp",
    '"vendor_ids"': '"acme_vendors"',
}
REGISTRY_FILE = "po_mcp/connectors/registry.py"


def add_erp(copy: PackageCopy) -> set[str]:
    """Add an ERP `acme-erp` that speaks as Inventory Pro does; return the files of its folder."""
    folder = copy.folder / "po_mcp/connectors" / MODEL
    added = set()
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        new = f"po_mcp/connectors/acme_erp/{path.name}"
        copy.derive(
            f"po_mcp/connectors/{MODEL}/{path.name}", new, {old: to for old, to in CHANGES.items() if old in text}
        )
        added.add(new)
    copy.edit(
        REGISTRY_FILE,
        {
            "import exsited, inventory_pro, tryton": "import acme_erp, exsited, inventory_pro, tryton",
            "        tryton.DECLARATION,\n": "        tryton.DECLARATION,\n        acme_erp.DECLARATION,\n",
        },
    )
    return added


@pytest.fixture
def copy(tmp_path: Path) -> PackageCopy:
    return PackageCopy.make(tmp_path / "package")


def connection(url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PO_MCP_ERP": "acme-erp",
        "PO_MCP_BASE_URL": url,
        "PO_MCP_CLIENT_ID": "sandbox",
        "PO_MCP_CLIENT_SECRET": "sandbox",
        "PO_MCP_JOURNAL": str(tmp_path / "journal.db"),
    }


def test_a_new_erp_is_its_folder_and_one_line(copy: PackageCopy) -> None:
    added = add_erp(copy)

    assert copy.touched() == added | {REGISTRY_FILE}
    assert {path.format(name="acme_erp") for path in files_of_recipe(RECIPE)} <= copy.touched()


async def test_a_new_erp_is_spoken_by_its_name_and_examined_by_doctor(copy: PackageCopy, tmp_path: Path) -> None:
    add_erp(copy)

    async with serve_book() as url:
        settings = connection(url, tmp_path)
        call = partial(copy.call, ("get_purchase_order", {"number": "PO-2025-0042"}), **settings)
        done = await to_thread.run_sync(call)
        examined = await to_thread.run_sync(partial(copy.run, "-m", "po_mcp", "doctor", "--json", **settings))

    assert "finalize_purchase_order" in done["tools"]
    assert "delete_purchase_order" not in done["tools"]
    assert done["results"][0]["number"] == "PO-2025-0042"
    assert "Acme ERP" in examined
    assert "SecurityID 42" in examined


def test_a_setting_that_a_new_erp_declares_is_taken_and_checked(copy: PackageCopy) -> None:
    add_erp(copy)
    load = "from po_mcp.config import load; print(load().erp_settings['acme_vendors'])"
    wrong = "from po_mcp.config import load\ntry: load()\nexcept Exception as exc: print(exc)"

    (copy.folder / "ids.json").write_text('{"Acme": 12}')

    assert copy.run("-c", load, PO_MCP_ACME_VENDORS=str(copy.folder / "ids.json")).strip() == "{'Acme': 12}"
    assert copy.run("-c", wrong, PO_MCP_ACME_VENDORS="/no/file").startswith("PO_MCP_ACME_VENDORS must name")
    assert "PO_MCP_CLIENT_ID is not set" in copy.run(
        "-c", wrong, PO_MCP_ERP="acme-erp", PO_MCP_BASE_URL="https://erp.example.com"
    )


def test_no_client_is_imported_before_an_erp_is_connected(copy: PackageCopy) -> None:
    add_erp(copy)
    look = "import sys, po_mcp.config; print([name for name in sys.modules if 'client' in name or name == 'httpx2'])"

    assert copy.run("-c", look).strip() == "[]"


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "sandbox"])
def test_a_declaration_says_what_its_connector_says(name: str, tmp_path: Path) -> None:
    declaration = REGISTRY[name]
    needed = {
        "base_url": "https://erp.example.com",
        "client_id": "id",
        "client_secret": "secret",
        **{
            setting.name: "https://redirect.example.com"
            for setting in declaration.settings
            if setting.name in declaration.needs
        },
    }
    erp = connect(config.Settings(erp=name, **needed), JournalStore(tmp_path / "journal.db").shared_token)

    assert (erp.title, erp.connection.erp) == (declaration.title, declaration.name)
    assert erp.capabilities


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "sandbox"])
def test_each_setting_that_a_declaration_needs_is_asked_for(name: str) -> None:
    made = {"erp": name}
    for needed in REGISTRY[name].needs:
        with pytest.raises(ValidationError, match=f"PO_MCP_{needed.upper()} is not set"):
            config.Settings(**made)
        made[needed] = "https://erp.example.com"
    assert config.Settings(**made).erp == name


def test_no_two_erps_declare_one_setting() -> None:
    declared = [setting.name for declaration in REGISTRY.values() for setting in declaration.settings]

    assert len(declared) == len(set(declared)) == len(declared_settings())
    assert not set(declared) & config.Settings.model_fields.keys()
