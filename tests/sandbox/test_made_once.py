"""The speed-ups of the tests change nothing that the tests see."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import SchemaError  # type: ignore[import-untyped]  # it ships no types

from po_mcp.sandbox import book
from po_mcp.sandbox.book import Book
from po_mcp.sandbox.seed import seed
from tests.made_once import CheckedOnce, CopiedSeed, Rows, rows_of


def rows_in(path: Path) -> Rows:
    opened = Book.open(path)
    try:
        return rows_of(opened._storage._connection)
    finally:
        opened.close()


def test_a_copied_book_has_every_row_of_a_seeded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "seed", seed)
    seeded = rows_in(tmp_path / "seeded")
    monkeypatch.setattr(book, "seed", CopiedSeed())

    assert [rows_in(tmp_path / name) for name in ("first", "copied")] == [seeded, seeded]
    assert len(seeded["orders"]) > 28


def test_a_schema_is_checked_until_it_was_right() -> None:
    check = CheckedOnce()

    for _ in range(2):
        check({"type": "object"})
        with pytest.raises(SchemaError):
            check({"type": "no such type"})
