"""docs/adding-a-tool.md, walked: a new tool takes its file and one line of the registry, and its snapshot follows."""

from __future__ import annotations

import json
from pathlib import Path

from .package_copy import PackageCopy, files_of_recipe

RECIPE = "adding-a-tool.md"
MODEL, NEW = "get_purchase_order", "show_purchase_order"


def add_tool(copy: PackageCopy) -> None:
    copy.derive(f"po_mcp/tools/{MODEL}.py", f"po_mcp/tools/{NEW}.py", {MODEL: NEW})
    copy.edit(
        "po_mcp/tools/__init__.py",
        {
            f"    {MODEL},\n": f"    {MODEL},\n    {NEW},\n",
            f"    {MODEL}.TOOL,\n": f"    {MODEL}.TOOL,\n    {NEW}.TOOL,\n",
        },
    )


def test_a_new_tool_takes_the_files_of_the_recipe_and_answers_a_client(tmp_path: Path) -> None:
    copy = PackageCopy.make(tmp_path)

    add_tool(copy)

    assert copy.touched() == {path.format(name=NEW) for path in files_of_recipe(RECIPE)}
    done = copy.call((NEW, {"number": "PO-2025-0042"}), PO_MCP_SANDBOX=":memory:")
    assert NEW in done["tools"]
    assert done["results"][0]["number"] == "PO-2025-0042"


def test_the_snapshot_of_a_new_tool_is_written_by_the_command_of_the_recipe(tmp_path: Path) -> None:
    copy = PackageCopy.make(tmp_path)
    add_tool(copy)

    published = json.loads(copy.run("-m", "tests.tools.snapshots", "--print"))

    assert json.loads(published[NEW])["name"] == NEW
