"""Every text that the program says, read from its source; what is filled in when it runs is `…`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import get_args

from po_mcp.errors import Effect, PurchaseOrderError
from tests.syntax import nodes

from .package_copy import ROOT

Assigned = Mapping[str, Sequence[ast.expr]]
"""What is assigned to a name in a file."""
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
    assigned = find_assignments(known)
    for node in known:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield on_one_line(node.value)
        elif isinstance(node, ast.Call):
            yield from _error_texts(node, assigned)
        elif isinstance(node, _DOCUMENTED) and ("commands" in path.parts or path.stem == "cli"):
            yield on_one_line(ast.get_docstring(node) or "")


def _error_texts(call: ast.Call, assigned: Assigned) -> Iterator[str]:
    """Yield what an error says that is made here with its effect, which its text takes from `po_mcp.errors`."""
    given = {word.arg: word.value for word in call.keywords}
    effect = next((one for one in get_args(Effect) if one == getattr(given.get("effect"), "value", None)), None)
    if effect is None or not call.args:
        return
    behind = {name: next(read_text(given[name], assigned), "…") for name in ("detail", "next_step") if name in given}
    for what in read_text(call.args[0], assigned):
        yield on_one_line(str(PurchaseOrderError(what, effect=effect, **behind)))


def read_text(node: ast.AST, assigned: Assigned) -> Iterator[str]:
    """Yield each text that an expression may be; a name may be each that is assigned to it in its file."""
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.JoinedStr(parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
        case ast.Name(name):
            for value in assigned.get(name, ()):
                if not isinstance(value, ast.Name):  # two that are assigned to each other are no text
                    yield from read_text(value, assigned)
        case _:
            yield "…"


def find_assignments(known: Iterable[ast.AST]) -> Assigned:
    """Return by name what is assigned to it in these nodes of a file."""
    found: dict[str, list[ast.expr]] = {}
    for node in known:
        if isinstance(node, ast.Assign):
            for to in node.targets:
                if isinstance(to, ast.Name):
                    found.setdefault(to.id, []).append(node.value)
    return found


def is_said(text: str, said: Sequence[str]) -> bool:
    """Tell whether one of the program's texts holds this one."""
    parts = text.split("…")
    pattern = re.compile(".{0,80}?".join(re.escape(part) for part in parts))
    longest = max(parts, key=len)  # to look for a part takes a hundredth of the time of the pattern
    return any(longest in one and pattern.search(one) for one in said)


def on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
