"""The reference of the tools is what a client lists."""

from __future__ import annotations

from po_mcp.tools import REGISTRY

from .package_copy import DOCS
from .scripts import load

PAGE = (DOCS / "tools.md").read_text(encoding="utf-8")


async def test_the_tool_reference_is_what_the_server_publishes() -> None:
    script = load("tool_reference")

    assert script.up_to_date(PAGE, await script.reference()) == PAGE, "python scripts/tool_reference.py"


def test_the_tool_reference_has_a_section_for_each_tool() -> None:
    for tool in REGISTRY:
        assert f"\n## {tool.name}\n" in PAGE
