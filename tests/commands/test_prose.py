"""Sentences in a narrow terminal: each line ends between two words, and what is copied stays in one piece."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from po_mcp.commands._prose import wrap
from tests.commands.pseudo_terminal import at_terminal, environment
from tests.commands.test_sandbox_command import Running, running

COLUMNS = 50


@pytest.fixture(scope="module")
def erp() -> Iterator[Running]:
    with running("--client-id", "an-id", "--client-secret", "canary-secret") as started:
        yield started


def too_long(screen: str) -> list[str]:
    """The lines that a terminal would break: longer than it is wide, and of more than one word behind its label."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen).replace("\r", "\n")
    lines = [line for line in plain.split("\n") if len(line) > COLUMNS]
    # A line of a file that is to be written, and a question with what is typed behind it, are no prose.
    return [
        line
        for line in lines
        if " " in line[12:].strip()
        and not any(sign in line for sign in (" = ", "  + "))
        and ": " not in line[COLUMNS - 12 :]
    ]


WRONG = [("Which ERP", "2"), ("Address", "{url}"), ("Client id", "an-id"), ("Client secret", "wrong")]


@pytest.mark.parametrize(
    ("arguments", "answers"),
    [
        (["init"], [*WRONG, ("Enter it again?", "n"), ("by reading only?", "n"), ("Write this?", "n")]),
        (["install", "cursor"], [("Write this?", "n")]),
        (["uninstall", "jetbrains"], []),
        (["doctor"], []),
        (["approve"], []),
        (["approve", "--set-pin"], [("New PIN", "abcdefg"), ("The same again", "abcdefg")]),
    ],
)
def test_a_narrow_terminal_breaks_no_sentence_within_a_word(
    erp: Running, tmp_path: Path, arguments: Sequence[str], answers: Sequence[tuple[str, str]]
) -> None:
    settings = {"COLUMNS": str(COLUMNS), "PO_MCP_SANDBOX": str(tmp_path / "book.db")}
    given = [(question, answer.format(url=erp.url)) for question, answer in answers]
    _, screen = at_terminal(arguments, given, environment(tmp_path, **settings))

    assert screen.strip()
    assert "Traceback" not in screen
    assert too_long(screen) == []


def test_a_wrong_setting_is_one_line_in_a_pipe_and_whole_words_in_a_terminal(tmp_path: Path) -> None:
    variables = environment(tmp_path, COLUMNS=str(COLUMNS), PO_MCP_BASE_URL="http://erp.example.com")
    status, screen = at_terminal(["doctor"], [], variables)

    assert status == 2
    assert too_long(screen) == []
    assert "http:// works for this computer only" in " ".join(screen.split())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four five six", ["one two three four", "five six"]),
        ("  one two three four five", ["  one two three", "  four five"]),
        ("see /a/path/that/is/longer/than/it for it", ["see", "/a/path/that/is/longer/than/it", "for it"]),
        ("first\n\nsecond", ["first", "", "second"]),
        ("half-words stay-whole here", ["half-words", "stay-whole here"]),
    ],
)
def test_lines_end_between_words(text: str, lines: list[str]) -> None:
    assert wrap(text, 20).split("\n") == lines
