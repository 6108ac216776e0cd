"""The documents name what the code has, and nothing else: settings, commands, tools, outcomes, states, rooms, paths."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from po_mcp.cli import COMMANDS
from po_mcp.commands.journal import command as journal
from po_mcp.config import PREFIX, Settings
from po_mcp.connectors.registry import REGISTRY as ERPS
from po_mcp.connectors.registry import declared_settings
from po_mcp.tools import REGISTRY
from po_mcp.writes.kinds import kinds
from po_mcp.writes.operation import State, WriteOutcome
from tests.test_architecture import MAY_IMPORT, VOCABULARY

from .package_copy import DOCS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS_PAGE = (DOCS / "settings.md").read_text(encoding="utf-8")
COMMANDS_PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
TOOLS_PAGE = (DOCS / "tools.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    [
        *DOCS.glob("*.md"),
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "tests/README.md",
        ROOT / "examples/README.md",
    ]
)
SETTINGS = {f"{PREFIX}{name.upper()}" for name in (*Settings.model_fields, *declared_settings())}
TEST_SETTINGS = {"PO_MCP_TEST_TRYTON", "PO_MCP_TEST_TRYTON_POSTGRESQL", "PO_MCP_TEST_TRYTON_SERIES"}
"""Read by the tests alone."""


def first_cells(text: str, head: str) -> list[str]:
    """The first cell of each row of the table whose head begins with these cells."""
    lines = text.splitlines()
    [start] = [number for number, line in enumerate(lines) if line.startswith(head)]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line.split("|")[1])
    return rows


def find_quoted(cells: list[str]) -> Iterator[str]:
    for cell in cells:
        yield from re.findall(r"`([^`]+)`", cell)


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_settings_have_a_row_each_and_no_other() -> None:
    named = list(find_quoted(first_cells(SETTINGS_PAGE, "| setting |")))

    assert sorted(named) == sorted(SETTINGS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_document_names_no_setting_that_is_not_there(path: Path) -> None:
    named = set(re.findall(r"\bPO_MCP_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    files = {f"{name}_FILE" for name in SETTINGS}

    assert named <= SETTINGS | TEST_SETTINGS | files | EXAMPLES.get(path.name, set())


EXAMPLES = {"adding-an-erp.md": {"PO_MCP_ACCOUNT"}}
"""Settings that a recipe makes up."""


def test_the_settings_name_each_erp() -> None:
    row = next(line for line in SETTINGS_PAGE.splitlines() if line.startswith("| `PO_MCP_ERP` |"))

    assert set(re.findall(r"`([a-z-]+)`", row)) == set(ERPS)


def test_the_readme_and_how_to_connect_name_each_erp() -> None:
    titles = [erp.title for erp in ERPS.values() if not erp.is_trial]
    connect = (DOCS / "connect.md").read_text(encoding="utf-8")

    assert all(f"\n## {title}\n" in connect for title in titles)
    assert all(title in README for title in titles)


def test_the_commands_have_a_row_each_and_no_other() -> None:
    commands = [name.split() for name in find_quoted(first_cells(COMMANDS_PAGE, "| command |"))]

    assert {words[1] for words in commands if len(words) > 1} == set(COMMANDS)
    assert ["po-mcp"] in commands


def test_the_commands_name_each_of_the_journal_and_no_other() -> None:
    assert isinstance(journal, click.Group)
    rows = [line for line in COMMANDS_PAGE.splitlines() if line.startswith("| `po-mcp journal")]

    named = {name for row in rows for name in re.findall(r"`(?:po-mcp journal )?([a-z]+)(?: [A-Z]+)?`", row)}

    assert named == set(journal.commands)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_document_names_no_command_that_is_not_there(path: Path) -> None:
    named = re.findall(r"(?:`|^    )po-mcp ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(named) <= set(COMMANDS)


def test_the_dependencies_have_a_reason_each_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[\[<>=~; ]", one)[0] for one in wanted} - {project["name"]}
    rows = first_cells((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "| package |")
    named = find_quoted([re.sub(r"\(extra `\w+`\)|`check`:|with `cryptography`|not taken.*", "", row) for row in rows])

    assert sorted(named) == sorted(names)


def test_the_outcomes_have_a_row_each_and_no_other() -> None:
    statuses = get_args(WriteOutcome.model_fields["status"].annotation)

    assert sorted(find_quoted(first_cells(TOOLS_PAGE, "| outcome |"))) == sorted(statuses)


def test_the_states_of_an_operation_stand_in_reliability() -> None:
    table = set(find_quoted(first_cells((DOCS / "reliability.md").read_text(encoding="utf-8"), "| state |")))

    assert table == set(get_args(State))


def test_the_architecture_names_each_kind_of_write() -> None:
    row = next(line for line in architecture().splitlines() if line.startswith("| kind |"))

    assert set(re.findall(r"[a-z]+", row.split("|")[2])) == {kind.name for kind in kinds()}


def architecture() -> str:
    return (DOCS / "architecture.md").read_text(encoding="utf-8")


def test_the_arrows_of_the_architecture_are_those_of_the_test() -> None:
    table = architecture().partition("| room | may import |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]

    drawn = {room.strip(" `"): set(re.findall(r"`(\w+)`", inner)) for room, inner in rows}

    rooms = {room for room in MAY_IMPORT if not room.startswith("__")} - VOCABULARY
    assert drawn == {room: MAY_IMPORT[room] - VOCABULARY for room in rooms}


def test_the_architecture_has_a_row_for_each_room() -> None:
    named = "".join(first_cells(architecture(), "| room | what"))
    there = {
        path.name for path in (ROOT / "po_mcp").iterdir() if not path.name.startswith("_") and path.suffix != ".typed"
    }

    for name in there:
        assert f"`po_mcp/{name}" in named, name


def test_the_tests_readme_has_each_folder() -> None:
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")

    for folder in (ROOT / "tests").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"`tests/{folder.name}/`" in text, folder.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_documents_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'\bsrc(?:set)?="([^"]+)"', text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        file = path.parent / name if name else path
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


def anchors(path: Path) -> set[str]:
    """The headings of a document as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_document_names_no_path_that_does_not_exist(path: Path) -> None:
    text = re.sub(r"https?://\S+", "", path.read_text(encoding="utf-8"))
    named = re.findall(
        r"(?<![\w/.~-])((?:po_mcp|tests|docs|examples|benchmarks|scripts|packaging)/[\w./*{}-]*[\w/*}])", text
    )

    for name in named:
        if "{" not in name:
            assert list(ROOT.glob(name.rstrip("/"))), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_module_that_a_document_runs_is_there(path: Path) -> None:
    for module in re.findall(r"python -m ((?:tests|po_mcp)[\w.]*)", path.read_text(encoding="utf-8")):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_a_document_names_no_tool_that_is_not_there(path: Path) -> None:
    named = set(
        re.findall(r"`((?:list|get|create|finalize|delete|cancel|search)_[a-z]+(?:_[a-z]+)?)`", path.read_text())
    )
    tools = {tool.name for tool in REGISTRY}

    assert {name for name in named if name not in tools and name.endswith(("_order", "_orders"))} - PORT == set()


PORT = {"get_order", "create_order", "finalize_order", "delete_order", "cancel_order"}
"""Methods of the port, and a module of the desk."""
