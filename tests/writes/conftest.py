"""A journal in a file of its own, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from po_mcp.writes.journal import JournalStore
from tests.writes.making import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.db"


@pytest.fixture
def store(file: Path, clock: Clock) -> Iterator[JournalStore]:
    store = JournalStore(file, 600, clock)
    yield store
    store.close()
