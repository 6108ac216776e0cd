"""Imports point inwards, and each foreign package stays in the rooms that may know it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.syntax import nodes, walk

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "po_mcp"
MODULES = sorted(PACKAGE.rglob("*.py"))

WRITE_KINDS = {"create", "finalize", "delete", "cancel"}
VOCABULARY = {"orders", "amounts", "errors", "untrusted", "concurrency", "garbage", "scopes", "telemetry"}
HEART = {"writes", "erp", *VOCABULARY}
FRONT = {"server", "tools", "approvals", "desk", "config", *HEART}
MAY_IMPORT: dict[str, set[str]] = {
    "amounts": set(),
    "orders": {"amounts", "untrusted"},
    "errors": set(),
    "concurrency": {"errors"},
    "garbage": set(),
    "untrusted": set(),
    "scopes": set(),
    "sealed_text": set(),
    "telemetry": set(),
    "erp": VOCABULARY,
    "writes": {"erp", *VOCABULARY},
    "desk": HEART,
    "approvals": {"transports", *HEART},
    "tools": {"desk", "approvals", *HEART},
    "config": {"config_values", "connectors", "errors", "amounts", "scopes"},
    "config_values": set(),
    "connectors": {"config_values", "erp", "sandbox", "sealed_text", *VOCABULARY},
    "sandbox": set(),
    "cards": set(),
    "server": {"cards", *FRONT} - {"server"},
    "bootstrap": {"cards", "connectors", *FRONT},
    "sign_in": {"config", "connectors", "sealed_text", *VOCABULARY},
    "transports": {"bootstrap", "sign_in", *FRONT},
    "commands": {"transports", "bootstrap", "connectors", "sandbox", "sign_in", "hosts", *FRONT},
    "hosts": {"errors", "config"},
    "cli": {"commands", "transports", "config", "errors", "garbage"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Room -> the rooms that it may import. `po_mcp` itself (the version) is open to all."""
PART_OF = {"config_sources": "config", "config_secrets": "config", "config_keys": "config"}
"""Module -> the room that it is a part of."""


@cache
def source(path: Path) -> str:
    """The text of a file: what is not in it needs no parsing."""
    return path.read_text(encoding="utf-8")


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in the file, as a dotted name."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = ("po_mcp", *path.relative_to(PACKAGE).parent.parts)
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module) if part)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names if name in ("po_mcp", "po_mcp.connectors"))


@cache
def room(dotted: str) -> str | None:
    """The room of po_mcp that a dotted name lies in; None for the package itself and for foreign names."""
    parts = dotted.split(".")
    if parts[0] != "po_mcp" or len(parts) == 1:
        return None
    is_room = (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists()
    return PART_OF.get(parts[1], parts[1]) if is_room else None


def room_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return PART_OF.get(name, name)


def identify(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


# One test of all modules, and not one of each: whichever process runs it parses every file.
def test_a_room_imports_only_the_rooms_inside_it() -> None:
    outwards = {
        (identify(path), found)
        for path in MODULES
        for name in imports(path)
        if (found := room(name)) not in (None, own := room_of(path)) and found not in MAY_IMPORT[own]
    }

    assert outwards == set()


KNOWS_MCP = {"tools", "cards", "server", "bootstrap", "sign_in", "transports", "commands"}
SPEAKS_HTTP = {"approvals", "sign_in", "transports", "commands", "sandbox"}
FOREIGN: dict[str, set[str]] = {
    "mcp": KNOWS_MCP,
    "mcp_types": KNOWS_MCP,
    "httpx2": {"connectors"},
    "jinja2": SPEAKS_HTTP,
    "starlette": SPEAKS_HTTP,
    "uvicorn": SPEAKS_HTTP,
    "opentelemetry": {"transports"},
    "sqlite3": {"sandbox", "writes"},
    "psycopg": {"writes"},
    "psycopg_pool": {"writes"},
}
"""Package -> the rooms that may know it."""
MAY_KNOW_MCP = {"approvals/elicitation.py", "approvals/caller.py"}


def test_foreign_packages_stay_where_they_belong() -> None:
    astray = {
        (identify(path), package)
        for path in MODULES
        for package in {name.split(".")[0] for name in imports(path)} & FOREIGN.keys()
        if room_of(path) not in FOREIGN[package] and not (package.startswith("mcp") and identify(path) in MAY_KNOW_MCP)
    }

    assert astray == set()


def test_the_environment_is_read_by_settings_and_commands_alone() -> None:
    reading = {room_of(path) for path in MODULES if "os" in imports(path) and "environ" in source(path)}

    assert reading <= {"config", "commands"}


def test_one_connector_never_imports_another() -> None:
    folders = [folder for folder in (PACKAGE / "connectors").iterdir() if (folder / "translate.py").exists()]

    assert len(folders) >= 3
    for folder in folders:
        others = {f"po_mcp.connectors.{other.name}" for other in folders if other != folder}
        for path in folder.glob("*.py"):
            assert not any(name.startswith(other) for name in imports(path) for other in others)


def test_only_its_connector_and_the_commands_know_the_sandbox() -> None:
    knowing = {identify(path) for path in MODULES if "sandbox" in {room(name) for name in imports(path)}}

    assert {name for name in knowing if not name.startswith(("sandbox/", "commands/"))} == {"connectors/sandbox.py"}


PURE = sorted([*PACKAGE.rglob("translate.py"), PACKAGE / "connectors/tryton/drafts.py"])


@pytest.mark.parametrize("path", PURE, ids=identify)
def test_a_translator_does_no_input_or_output(path: Path) -> None:
    names = {name.split(".")[0] for name in imports(path)}

    assert not names & {"httpx2", "anyio", "asyncio", "socket", "os", "pathlib", "logging", "time"}
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in nodes(path))


def test_every_tool_is_one_file_of_its_name() -> None:
    from po_mcp.tools import REGISTRY

    files = {path.stem for path in (PACKAGE / "tools").glob("[!_]*.py")}

    assert {tool.function.__name__ for tool in REGISTRY} == files


def test_no_float_is_made_in_the_path_of_money() -> None:
    """The word float( stands only where seconds are meant."""
    calls = {
        identify(path)
        for path in MODULES
        if "float(" in source(path)
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    }

    seconds = {"connectors/http/tokens.py", "connectors/http/client.py"}
    assert calls <= {*seconds, "writes/journal/moves.py", "writes/journal/restores.py"}


SENDS = {"create_order", "finalize_order", "delete_order", "cancel_order"}
"""The methods of the port that write."""


@cache
def attributes(path: Path) -> tuple[tuple[str, ast.Attribute], ...]:
    """Every attribute in a function of a file, with the function's name; one in a nested function stands in both."""
    return tuple(
        (function.name, node)
        for function in nodes(path)
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        for node in walk(function)
        if isinstance(node, ast.Attribute)
    )


def functions_that_use(names: set[str], *, outside: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """Every function in which an attribute of these names stands, as (file, function)."""
    return {
        (identify(path), function)
        for path in MODULES
        if room_of(path) not in outside and any(f".{name}" in source(path) for name in names)
        for function, node in attributes(path)
        if node.attr in names and not (isinstance(node.value, ast.Name) and node.value.id == "create_order")
    }


def test_a_write_is_sent_by_its_kind_alone() -> None:
    sending = functions_that_use(SENDS, outside=("connectors", "sandbox"))

    assert sending == {(f"writes/kinds/{kind}.py", "send") for kind in ("create", "finalize", "delete", "cancel")}


def test_a_kind_of_write_is_asked_what_it_is_and_not_known_by_its_name() -> None:
    """What is compared with a name is not asked of a new kind; that a create is a new order stands once."""
    compared = {
        identify(path)
        for path in MODULES
        if re.search(r"\bkind (==|!=|in|not in) ", source(path))
        and "kinds" not in path.parts
        and "sandbox" not in path.parts
        for node in nodes(path)
        if isinstance(node, ast.Compare)
        and any(isinstance(one, ast.Constant) and one.value in WRITE_KINDS for one in (node.left, *node.comparators))
        and any(_last_name(one) == "kind" for one in (node.left, *node.comparators))
    }

    # A journal of version 1 is brought over, which had these kinds and no others.
    assert compared == {"writes/operation.py", "writes/journal/migration.py"}


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_a_kind_sends_for_the_executor_alone_which_reads_again_before() -> None:
    outside = ("connectors", "sandbox", "server", "approvals", "transports")  # where `send` is a word of HTTP
    sending = {place for place in functions_that_use({"send"}, outside=outside) if place[0].startswith("writes/")}

    assert sending == {("writes/executor.py", "_send")}
    assert functions_that_use({"find_change"}) == {("writes/executor.py", "_execute_approved")}
    assert functions_that_use({"claim"}, outside=("connectors",)) == {
        ("writes/executor.py", "_claim_and_send"),
        ("writes/journal/__init__.py", "claim"),
    }


def test_a_claim_is_made_by_the_journal_alone() -> None:
    claims = {
        identify(path)
        for path in MODULES
        if "Claim(" in source(path)
        for call in nodes(path)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Claim"
    }

    assert claims == {"writes/journal/store.py"}


def test_the_journals_threads_are_used_by_its_face_alone() -> None:
    """A method of the store called on the event loop would stop everything while the file is locked."""
    naming = {
        identify(path) for path in MODULES if "JournalStore" in source(path) and room_of(path) not in ("commands",)
    }

    assert naming == {"writes/journal/__init__.py", "writes/journal/store.py", "bootstrap.py"}
