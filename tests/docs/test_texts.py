"""What po-mcp says is what was decided: `texts.toml` holds the words, the program must hold each of them."""

from __future__ import annotations

import tomllib

import pytest

from .package_copy import ROOT
from .program_texts import every_text, is_said

_FILE = tomllib.loads((ROOT / "tests/docs/texts.toml").read_text(encoding="utf-8"))
GONE: list[str] = _FILE.pop("gone")
OTHERWISE: list[tuple[str, str, str]] = [tuple(one) for one in _FILE.pop("otherwise")]
DECIDED: dict[str, list[str]] = _FILE


def test_many_texts_are_decided() -> None:
    every = [text for section in DECIDED.values() for text in section]

    assert len(every) > 450
    assert len(every) == len(set(every))


@pytest.mark.parametrize("section", DECIDED)
def test_the_program_says_what_was_decided(section: str) -> None:
    assert [text for text in DECIDED[section] if not is_said(text, every_text())] == []


@pytest.mark.parametrize(("ruled", "says", "because"), OTHERWISE)
def test_a_text_decided_otherwise_is_written_so_and_has_a_reason(ruled: str, says: str, because: str) -> None:
    assert not is_said(ruled, every_text())
    assert is_said(says, every_text())
    assert because.strip()


@pytest.mark.parametrize("text", GONE)
def test_the_program_no_longer_says_it(text: str) -> None:
    assert [one for one in every_text() if text in one] == []


@pytest.mark.parametrize("text", ["The ERP is on holiday.", "Order … was … by mistake."])
def test_a_text_that_is_missing_is_noticed(text: str) -> None:
    assert not is_said(text, every_text())
