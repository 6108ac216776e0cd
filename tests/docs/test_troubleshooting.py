"""Each text that docs/troubleshooting.md names is one that the program says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from .package_copy import DOCS, ROOT

PAGE = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
NAMED = [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in ROWS]
TEXTS = [text for texts in NAMED for text in texts]


def said() -> Iterator[str]:
    """Every text of the program; what is filled in when it runs is `…`."""
    for path in (ROOT / "po_mcp").rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value


SAID = list(said())


def test_many_texts_are_named() -> None:
    assert len(TEXTS) > 40
    assert len(TEXTS) == len(set(TEXTS))


@pytest.mark.parametrize("text", TEXTS)
def test_the_program_says_it(text: str) -> None:
    parts = [re.escape(part) for part in text.split("…")]
    pattern = re.compile(".*?".join(parts))

    assert any(pattern.search(one) for one in SAID)


@pytest.mark.parametrize("text", ["The ERP is on holiday.", "cannot be reached. Everything was sent."])
def test_a_text_that_nothing_says_is_noticed(text: str) -> None:
    assert not any(text in one for one in SAID)
