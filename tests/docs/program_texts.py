"""Every text that the program says, read from its source; what is filled in when it runs is `…`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.syntax import nodes

from .package_copy import ROOT

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def texts(files: str = "**/*.py") -> Iterator[str]:
    """Yield every string of the program's files, the help of its commands, and its pages, each on one line."""
    for path in (ROOT / "po_mcp").glob(files):
        yield from _texts_of(path)
    yield from (on_one_line(page.read_text(encoding="utf-8")) for page in (ROOT / "po_mcp").rglob("*.html"))


@cache
def every_text() -> tuple[str, ...]:
    """Every text of the program; they are read once, and only by a test that runs."""
    return tuple(texts())


@cache
def _texts_of(path: Path) -> tuple[str, ...]:
    return tuple(_read_texts(path))


def _read_texts(path: Path) -> Iterator[str]:
    known = list(nodes(path))
    docstrings = {id(node.value) for node in known if isinstance(node, ast.Expr)}
    for node in known:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield on_one_line(node.value)
        elif isinstance(node, _DOCUMENTED) and ("commands" in path.parts or path.stem == "cli"):
            yield on_one_line(ast.get_docstring(node) or "")


def is_said(text: str, said: Sequence[str]) -> bool:
    """Tell whether one of the program's texts holds this one."""
    parts = text.split("…")
    pattern = re.compile(".{0,80}?".join(re.escape(part) for part in parts))
    longest = max(parts, key=len)  # to look for a part takes a hundredth of the time of the pattern
    return any(longest in one and pattern.search(one) for one in said)


def on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
