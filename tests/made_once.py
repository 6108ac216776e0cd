"""What each test would make again, made once per process: the same each time, and half of the time of a test in memory.

The rows of a new sandbox book, the check of a schema, the pattern of a route, the arguments of a resource, and a
search for a package.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest
import starlette.routing
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from mcp.server.mcpserver.resources import templates
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata, func_metadata
from pydantic import validate_call

from po_mcp.sandbox import book
from po_mcp.sandbox.seed import seed
from po_mcp.sandbox.tables import Tables

Rows = Mapping[str, list[tuple[Any, ...]]]


def make_once(patch: pytest.MonkeyPatch) -> None:
    """Fill new books by copying, check each published schema once, and compile the path of each route once."""
    patch.setattr(book, "seed", CopiedSeed())
    patch.setattr(Draft202012Validator, "check_schema", CheckedOnce())
    patch.setattr(starlette.routing, "compile_path", cache(starlette.routing.compile_path))
    patch.setattr(templates, "func_metadata", MetadataOnce())
    patch.setattr(templates, "validate_call", cache(validate_call))
    if find_spec("sniffio") is None:
        # Each request to an application in memory tries to import it, and looks through every folder of the path.
        patch.setitem(sys.modules, "sniffio", None)


class CopiedSeed:
    """Seeds the first new book as the program does, and fills every later one with the same rows."""

    def __init__(self) -> None:
        self._rows: dict[date | None, Rows] = {}

    def __call__(self, tables: Tables, orders: int = 0, made_on: date | None = None) -> None:
        if orders:
            seed(tables, orders, made_on)
        elif made_on not in self._rows:
            seed(tables, made_on=made_on)
            self._rows[made_on] = rows_of(tables._connection)
        else:
            _insert(tables._connection, self._rows[made_on])


class MetadataOnce:
    """Makes the model of a function's arguments as the SDK does, once for each function."""

    def __init__(self) -> None:
        self._made: dict[tuple[Callable[..., Any], str], FuncMetadata] = {}
        self._make = func_metadata

    def __call__(self, function: Callable[..., Any], **more: Any) -> FuncMetadata:
        wanted = (function, repr(more))
        if wanted not in self._made:
            self._made[wanted] = self._make(function, **more)
        return self._made[wanted]


class CheckedOnce:
    """Checks a JSON schema as `jsonschema` does, unless the same schema was found right before."""

    def __init__(self) -> None:
        self._found_right: set[str] = set()
        self._check = Draft202012Validator.check_schema

    def __call__(self, schema: Any, **more: Any) -> None:
        text = json.dumps(schema, sort_keys=True)
        if text not in self._found_right:
            self._check(schema, **more)
            self._found_right.add(text)


def rows_of(db: sqlite3.Connection) -> Rows:
    """Every row of a database, by table, the tables in the order in which they were made."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    return {name: [tuple(row) for row in db.execute(f"SELECT * FROM {name}")] for (name,) in names.fetchall()}


def _insert(db: sqlite3.Connection, rows: Rows) -> None:
    for table, values in rows.items():
        if values:
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
