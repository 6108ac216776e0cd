"""docs/adding-a-kind-of-write.md, walked: a kind takes its file, its tool, and a line in each of the two registries."""

from __future__ import annotations

from pathlib import Path

from .package_copy import PackageCopy, files_of_recipe

RECIPE = "adding-a-kind-of-write.md"
NUMBER = "PO-2025-0037"


def add_kind(copy: PackageCopy) -> None:
    """Add a kind `withdraw`, which is a cancel by another name, and its tool."""
    changes = {"class Cancel:": "class Withdraw:", 'name = "cancel"': 'name = "withdraw"'}
    copy.derive("po_mcp/writes/kinds/cancel.py", "po_mcp/writes/kinds/withdraw.py", changes)
    copy.edit(
        "po_mcp/writes/kinds/__init__.py",
        {
            "    from po_mcp.writes.kinds.finalize import Finalize\n": (
                "    from po_mcp.writes.kinds.finalize import Finalize\n"
                "    from po_mcp.writes.kinds.withdraw import Withdraw\n"
            ),
            "Cancel())": "Cancel(), Withdraw())",
        },
    )
    old, new = "cancel_purchase_order", "withdraw_purchase_order"
    changes = {old: new, '"cancel", number': '"withdraw", number'}
    copy.derive(f"po_mcp/tools/{old}.py", f"po_mcp/tools/{new}.py", changes)
    copy.edit(
        "po_mcp/tools/__init__.py",
        {f"    {old},\n": f"    {old},\n    {new},\n", f"    {old}.TOOL,\n": f"    {old}.TOOL,\n    {new}.TOOL,\n"},
    )


def test_a_new_kind_takes_the_files_of_the_recipe_and_is_done_once_after_a_yes(tmp_path: Path) -> None:
    copy = PackageCopy.make(tmp_path / "package")

    add_kind(copy)

    assert copy.touched() == {path.format(name="withdraw") for path in files_of_recipe(RECIPE)}
    settings = {"PO_MCP_SANDBOX": str(tmp_path / "book.db"), "PO_MCP_JOURNAL": str(tmp_path / "journal.db")}
    call = ("withdraw_purchase_order", {"number": NUMBER})
    first, second = copy.call(call, call, **settings)["results"]
    assert (first["status"], first.get("replayed", False)) == ("done", False)
    assert (second["status"], second["replayed"]) == ("done", True)
    assert first["order"]["status"] == "cancelled"


def test_an_operation_of_a_new_kind_stands_in_the_journal_under_its_name(tmp_path: Path) -> None:
    copy = PackageCopy.make(tmp_path / "package")
    add_kind(copy)
    settings = {"PO_MCP_SANDBOX": str(tmp_path / "book.db"), "PO_MCP_JOURNAL": str(tmp_path / "journal.db")}

    copy.call(("withdraw_purchase_order", {"number": NUMBER}), **settings)

    listed = copy.run("-m", "po_mcp", "journal", "list", "--json", **settings)
    assert '"withdraw"' in listed
    assert "1 operation and" in copy.run("-m", "po_mcp", "journal", "verify", **settings)
