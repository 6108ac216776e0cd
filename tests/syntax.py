"""The syntax of a Python file, for tests that read the program's source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_LEAVES = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
"""Nodes that hold no other and say nothing by themselves: a third of all."""


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node that may hold others, in any order: `ast.walk` takes three times as long."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, list):
                waiting.extend(one for one in value if isinstance(one, ast.AST) and not isinstance(one, _LEAVES))
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                waiting.append(value)


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yield every node of a file that may hold others."""
    return walk(ast.parse(path.read_text(encoding="utf-8")))
