"""Imports point inwards, and each foreign package stays in the rooms that may know it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "po_mcp"
MODULES = sorted(PACKAGE.rglob("*.py"))

VOCABULARY = {"orders", "errors", "untrusted"}
MAY_IMPORT: dict[str, set[str]] = {
    "orders": {"untrusted"},
    "errors": set(),
    "untrusted": set(),
    "erp": VOCABULARY,
    "writes": {"erp", *VOCABULARY},
    "desk": {"writes", "erp", *VOCABULARY},
    "tools": {"desk", "person", "writes", "erp", *VOCABULARY},
    "person": {"writes", *VOCABULARY},
    "approvals": {"desk", "writes", *VOCABULARY},
    "config": {"config_secrets", "config_values", "errors", "orders"},
    "config_secrets": set(),
    "config_values": set(),
    "connectors": {"erp", "config", "sandbox", *VOCABULARY},
    "sandbox": set(),
    "server": {"tools", "approvals", "desk", "person", "writes", "erp", "config", "connectors", *VOCABULARY},
    "hosts": {"errors"},
    "commands": {
        *(
            "config_secrets",
            "hosts",
            "server",
            "tools",
            "approvals",
            "desk",
            "writes",
            "erp",
            "person",
            "config",
            "connectors",
            "sandbox",
        ),
        *VOCABULARY,
    },
    "cli": {"commands", "config", "errors"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Room -> the rooms that it may import. `po_mcp` itself (the version) is open to all."""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file, as a dotted name."""
    package = ("po_mcp", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names if name in ("po_mcp", "po_mcp.connectors"))


def room(dotted: str) -> str | None:
    """The room of po_mcp that a dotted name lies in; None for the package itself and for foreign names."""
    parts = dotted.split(".")
    if parts[0] != "po_mcp" or len(parts) == 1:
        return None
    is_room = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists()
    return parts[1] if is_room else None


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def identify(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_a_room_imports_only_the_rooms_inside_it(path: Path) -> None:
    own = room_of(path)

    rooms = {found for name in imports(path) if (found := room(name)) not in (None, own)}

    assert rooms <= MAY_IMPORT[own]


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_foreign_packages_stay_where_they_belong(path: Path) -> None:
    own, names = room_of(path), {name.split(".")[0] for name in imports(path)}

    if names & {"mcp", "mcp_types"}:
        assert own in {"tools", "person", "server", "commands"}
    if "httpx2" in names:
        assert own == "connectors"
    if names & {"jinja2", "starlette", "uvicorn"}:
        assert own in {"approvals", "commands", "sandbox"}
    if "sqlite3" in names:
        assert own in {"sandbox", "writes"}
    if "os" in names and "environ" in path.read_text(encoding="utf-8"):
        assert own in {"config", "commands"}


def test_one_connector_never_imports_another() -> None:
    folders = [folder for folder in (PACKAGE / "connectors").iterdir() if (folder / "client.py").exists()]

    assert len(folders) == 2
    for folder in folders:
        others = {f"po_mcp.connectors.{other.name}" for other in folders if other != folder}
        for path in folder.glob("*.py"):
            assert not any(name.startswith(other) for name in imports(path) for other in others)


def test_only_its_connector_and_the_commands_know_the_sandbox() -> None:
    knowing = {identify(path) for path in MODULES if "sandbox" in {room(name) for name in imports(path)}}

    assert {name for name in knowing if not name.startswith(("sandbox/", "commands/"))} == {"connectors/sandbox.py"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("translate.py")), ids=identify)
def test_a_translator_does_no_input_or_output(path: Path) -> None:
    names = {name.split(".")[0] for name in imports(path)}

    assert not names & {"httpx2", "anyio", "asyncio", "socket", "os", "pathlib", "logging", "time"}
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(ast.parse(path.read_text())))


def test_every_tool_is_one_file_of_its_name() -> None:
    from po_mcp.tools import REGISTRY

    files = {path.stem for path in (PACKAGE / "tools").glob("[!_]*.py")}

    assert {tool.function.__name__ for tool in REGISTRY} == files


def test_no_float_is_made_in_the_path_of_money() -> None:
    """The word float( stands only where seconds are meant."""
    calls = {
        identify(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    }

    assert calls <= {"connectors/tokens.py", "connectors/http.py"}


def test_one_function_alone_sends_a_write_and_it_needs_a_claim() -> None:
    sending = {
        (identify(path), function.name)
        for path in MODULES
        if room_of(path) not in ("connectors", "sandbox")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Attribute)
        and call.attr in ("create_order", "finalize_order", "delete_order", "cancel_order")
        and not (isinstance(call.value, ast.Name) and call.value.id in ("ordering", "deciding"))
    }
    claims = {
        identify(path)
        for path in MODULES
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Claim"
    }

    assert sending == {("writes/execution.py", "send")}
    assert claims == {"writes/journal.py"}
