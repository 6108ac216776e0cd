"""Each command that a document tells is parsed or run by a test, or stands here with the reason why none runs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module

import click
import psycopg
import pytest

from po_mcp.cli import COMMANDS
from tests.postgres import Cluster

from .package_copy import DOCS

ELSEWHERE = {
    "python packaging/make.py bundle": "tests/packaging/test_bundle.py makes the bundle",
    "npx @anthropic-ai/mcpb pack": "tests/packaging/test_bundle.py packs it by the same tool",
    "pip install": "tests/packaging/test_wheel.py installs the wheel with its extras",
    "scripts/check": "tests/docs/test_habits.py, and CI",
    ".venv/bin/python -m": "test_documents.py: the module is there; CI and the tier run it",
    "sudo -u postgres psql -c": "below, in a server of its own",
    "sudo install -m 0644 packaging/po-mcp.service": "tests/packaging/test_running.py verifies the unit",
}
"""What begins so is run, and by whom."""
NOT_RUN = {
    "docker": "it needs a daemon and a registry; tests/packaging/test_bundle.py lints the Dockerfile",
    "sudo python3 -m venv /opt": "it writes outside of the checkout, as root",
    "sudo install -d": "as above",
    "sudo systemctl": "it needs systemd as the first process",
}


def commands() -> Iterator[tuple[str, str]]:
    """Every command of the documents with its document, comments and settings before it taken off."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        rows = [row for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for row in _join(block)]
        rows += _join("\n".join(re.findall(r"^ {4}(\S.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)))
        for row in rows:
            words = [word for word in shlex.split(row, comments=True) if not re.match(r"PO_MCP_\w+=", word)]
            if words and words[0] != "export" and not re.match(r"\[|\w+ = ", row):
                yield path.name, shlex.join(words)


def _join(block: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", block).splitlines()


TOLD = sorted(set(commands()))


@pytest.mark.parametrize(("document", "line"), TOLD)
def test_a_command_that_is_written_is_run_or_has_a_reason(document: str, line: str) -> None:
    plain = " ".join(shlex.split(line))
    if plain.startswith("po-mcp "):
        parse(shlex.split(line)[1:])
    else:
        assert [known for known in (*ELSEWHERE, *NOT_RUN) if plain.startswith(known)] or plain == "..."


def parse(words: list[str]) -> None:
    """Parse the words behind `po-mcp` as the program does. Raises: `click.UsageError` for what it does not take."""
    name, *rest = words
    assert name in COMMANDS
    command: click.Command = import_module(f"po_mcp.commands.{name}").command
    with command.make_context(name, [word for word in rest if word != "..."]):
        pass


def test_an_option_that_is_not_there_is_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(["install", "cursor", "--show"])


def test_many_commands_are_written() -> None:
    assert sum(line.startswith("po-mcp ") for _, line in TOLD) >= 12
    reported = [" ".join(shlex.split(line)) for _, line in TOLD]
    assert [known for known in (*ELSEWHERE, *NOT_RUN) if not any(line.startswith(known) for line in reported)] == []


@pytest.mark.postgres
def test_the_role_that_trytons_tests_need_is_made_as_the_document_says(postgres: Cluster) -> None:
    [line] = [line for _, line in TOLD if "psql" in line]
    statement = shlex.split(line)[-1].replace("role tryton", "role told")
    with psycopg.connect(postgres.address, autocommit=True) as database:
        database.execute(statement.encode())
        row = database.execute("SELECT rolcanlogin, rolcreatedb FROM pg_roles WHERE rolname = 'told'").fetchone()
        database.execute("DROP ROLE told")

    assert row == (True, True)
