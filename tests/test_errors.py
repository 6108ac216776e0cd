"""The effect of an error is data: its text says it where it is given, in one place, and nobody types it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from po_mcp.errors import (
    Conflict,
    InvalidInput,
    OperationUnderWay,
    PurchaseOrderError,
    Unreachable,
    ahead_of_a_write,
)
from tests.docs.program_texts import find_assignments, read_text
from tests.syntax import nodes, walk

PROGRAM = Path(__file__).parents[1] / "po_mcp"
TYPED = re.compile(r"nothing was (sent|changed)", re.IGNORECASE)


def test_the_effect_of_an_error_is_said_where_it_is_given() -> None:
    error = InvalidInput("That is no number.", effect="nothing_sent", next_step="Give a number.")

    assert error.effect == "nothing_sent"
    assert error.reason == "That is no number."
    assert error.message == "That is no number. Nothing was sent."
    assert str(error) == "That is no number. Nothing was sent. Give a number."


def test_the_effect_of_a_class_is_not_said() -> None:
    error = Conflict("It is closed.")

    assert error.effect == "nothing_changed"
    assert error.message == "It is closed."


def test_what_else_there_is_to_say_stands_behind_the_effect() -> None:
    error = OperationUnderWay("It has a request.", effect="nothing_changed", detail="Operation 1.", operation_id="1")

    assert error.message == "It has a request. Nothing was changed. Operation 1."
    assert error.reason == "It has a request. Operation 1."


def test_no_sentence_is_said_of_an_unknown_effect() -> None:
    assert str(PurchaseOrderError("It was sent.", effect="unknown", next_step="Look.")) == "It was sent. Look."


def test_other_words_stand_in_the_text_of_the_error() -> None:
    error = Unreachable("Acme failed.", effect="nothing_changed", detail="Acme was tried twice.", next_step="Ask Acme.")

    error.replace_words(lambda text: text.replace("Acme", "The sandbox"))

    assert str(error) == "The sandbox failed. Nothing was changed. The sandbox was tried twice. Ask The sandbox."


def test_an_error_ahead_of_a_write_says_that_the_write_was_not_sent() -> None:
    with pytest.raises(Unreachable) as caught, ahead_of_a_write():
        raise Unreachable("The sign-in failed (HTTP 503).", effect="nothing_changed")

    assert caught.value.effect == "nothing_sent"
    assert caught.value.message == "The sign-in failed (HTTP 503). Nothing was sent."


def test_no_error_has_its_effect_typed_into_its_text() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in PROGRAM.rglob("*.py")}
    errors = _names_of_errors("\n".join(sources.values()))
    # Where the words do not stand nothing is typed; to parse a file takes a thousand times as long.
    holding = [path for path, source in sources.items() if "othing was" in source]

    typed = [text for path in holding for text in _made(list(nodes(path)), errors) if TYPED.search(text)]

    assert {"InvalidInput", "OutcomeUnknown", "HostFileNotChanged"} <= errors
    assert len(holding) > 20
    assert typed == []


@pytest.mark.parametrize(
    "source",
    [
        'raise InvalidInput("No. Nothing was sent.")',
        'raise InvalidInput(f"{why} Nothing was changed.")',
        'what = "No. Nothing was sent."\nraise InvalidInput(what)',
        'raise InvalidInput("No.", detail="Nothing was changed.")',
        'raise InvalidInput("No.", next_step="Nothing was sent. Try again.")',
        'raise InvalidInput(" ".join(words) + " Nothing was sent.")',
    ],
)
def test_an_effect_that_is_typed_is_noticed(source: str) -> None:
    assert any(TYPED.search(text) for text in _made(list(walk(ast.parse(source))), {"InvalidInput"}))


def _names_of_errors(source: str) -> set[str]:
    bases = re.findall(r"^class (\w+)\((\w+)\)", source, re.MULTILINE)
    names = {PurchaseOrderError.__name__}
    while more := {name for name, base in bases if base in names} - names:
        names |= more
    return names


def _made(known: Sequence[ast.AST], errors: set[str]) -> Iterator[str]:
    """Yield each text with which an error is made in these nodes of a file."""
    assigned = find_assignments(known)
    calls = [node for node in known if isinstance(node, ast.Call)]
    for call in (one for one in calls if isinstance(one.func, ast.Name) and one.func.id in errors):
        for given in (*call.args, *(word.value for word in call.keywords if word.arg != "effect")):
            for part in walk(given):
                yield from read_text(part, assigned)
