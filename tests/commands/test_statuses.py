"""What each command ends with, as docs/commands.md has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from po_mcp.cli import COMMANDS
from tests.commands.pseudo_terminal import CTRL_C, at_terminal, environment, run_as_script

DELETE = ("call", "delete_purchase_order", "number=PO-2025-0038")
ORDER = 'lines=[{"item":"bolt","quantity":"1","unit_price":"1","warehouse":"1"}]'


MISUSED: dict[str, Sequence[str]] = {
    "no such command": ["orders"],
    "an unknown option": ["--verbose"],
    "init": ["init", "now"],
    "install": ["install", "netscape"],
    "uninstall": ["uninstall"],
    "serve: an address": ["serve", "--host", "8.8.8.8"],
    "serve: a port": ["serve", "--port", "x"],
    "demo": ["demo", "--pace", "x"],
    "call: no such tool": ["call", "get_order"],
    "call: an argument is missing": ["call", "get_purchase_order"],
    "call: an argument is unknown": ["call", "get_purchase_order", "number=1", "yes=1"],
    "call: an argument has no value": ["call", "get_purchase_order", "number"],
    "call: a value does not fit": ["call", "list_purchase_orders", "limit=9999"],
    "call: lines that are none": ["call", "create_purchase_order", "vendor=acme", "lines=[1]"],
    "approve": ["approve", "--pin"],
    "journal": ["journal", "show"],
    "journal: no such command": ["journal", "edit"],
    "doctor": ["doctor", "now"],
    "sandbox": ["sandbox", "--fault", "earthquake"],
}


def test_every_command_is_misused_once() -> None:
    assert {name.partition(":")[0] for name in MISUSED} >= set(COMMANDS)


@pytest.mark.parametrize("how", MISUSED)
def test_a_wrong_argument_ends_with_2_and_names_it(tmp_path: Path, how: str) -> None:
    ended = run_as_script(tmp_path, *MISUSED[how])

    assert (ended.returncode, ended.stdout, "Traceback" in ended.stderr) == (2, "", False), ended
    assert ended.stderr.strip()


READERS = [
    ["call", "list_purchase_orders"],
    DELETE,
    ["approve"],
    ["journal"],
    ["journal", "verify"],
    ["doctor"],
    ["serve", "--port", "0"],
    [],
]
"""Commands that need the settings."""


@pytest.mark.parametrize("arguments", READERS, ids=" ".join)
@pytest.mark.parametrize(("name", "value"), [("PO_MCP_ERP", "sap"), ("PO_MCP_JOURNAL", "/etc")])
def test_a_wrong_setting_ends_with_2_and_one_line_that_names_it(
    tmp_path: Path, name: str, value: str, arguments: list[str]
) -> None:
    ended = run_as_script(tmp_path, *arguments, **{name: value})

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1), ended
    assert name in ended.stderr


def test_a_pin_that_is_not_the_one_that_was_set_is_a_wrong_setting(tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, *DELETE, PO_MCP_APPROVER_PIN="correct horse")

    assert ended.returncode == 2
    assert "PO_MCP_APPROVER_PIN is set, but the approver PIN itself is not set yet." in " ".join(ended.stderr.split())


def test_a_journal_that_cannot_be_made_is_named_by_what_reads(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    setting = {"PO_MCP_JOURNAL": str(tmp_path / "taken" / "journal.db")}

    read, doctor = (
        run_as_script(tmp_path, "call", "list_purchase_orders", **setting),
        run_as_script(tmp_path, "doctor", **setting),
    )
    served = run_as_script(tmp_path, **setting)

    assert (read.returncode, doctor.returncode) == (0, 1)
    for said in (read.stderr, doctor.stdout):
        assert "taken is no folder. " in " ".join(said.split())
    assert "nothing can be changed" in doctor.stdout
    assert (served.returncode, served.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "question", "before"),
    [
        (DELETE, "Type PO-2025-0038", ()),
        (("call", "finalize_purchase_order", "number=PO-2025-0037"), "Choice", ()),
        (("call", "create_purchase_order", "vendor=acme", ORDER), "Choice", ()),
        (("approve", "--set-pin"), "New PIN", ()),
        (("approve", "PO-2025-0038"), "Type PO-2025-0038", DELETE),
        (("install", "cursor"), "Write this?", ()),
    ],
    ids=["delete", "close", "which", "PIN", "approve", "install"],
)
def test_ctrl_c_at_a_question_ends_with_3(
    tmp_path: Path, arguments: Sequence[str], question: str, before: Sequence[str]
) -> None:
    if before:
        assert run_as_script(tmp_path, *before).returncode == 3

    status, screen = at_terminal(arguments, [(question, CTRL_C)], environment(tmp_path))

    assert (status, "Traceback" in screen, "Aborted" in screen) == (3, False, False), screen


def test_without_a_terminal_what_needs_a_person_ends_with_3(tmp_path: Path) -> None:
    for arguments in (DELETE, ["approve"], ["init"], ["journal", "adopt"]):
        assert run_as_script(tmp_path, *arguments).returncode == 3
