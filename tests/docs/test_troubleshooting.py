"""Each text that docs/troubleshooting.md names is one that the program says."""

from __future__ import annotations

import re

import pytest

from .package_copy import DOCS
from .program_texts import every_text, is_said

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
NAMED = [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in ROWS]
TEXTS = [text for texts in NAMED for text in texts]


def test_many_texts_are_named() -> None:
    assert len(TEXTS) > 40
    assert len(TEXTS) == len(set(TEXTS))


@pytest.mark.parametrize("text", TEXTS)
def test_the_program_says_it(text: str) -> None:
    assert is_said(text, every_text())


@pytest.mark.parametrize("text", ["The ERP is on holiday.", "cannot be reached. Everything was sent."])
def test_a_text_that_nothing_says_is_noticed(text: str) -> None:
    assert not any(text in one for one in every_text())
