"""A journal in a place of its own, a file or a schema of PostgreSQL, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from po_mcp.writes.journal import JournalStore
from tests.writes.making import Clock, JournalPlace

if TYPE_CHECKING:
    from tests.postgres import Cluster  # it needs psycopg, which only its own tests load

_ABOUT_THE_FILE = {
    f"tests.writes.test_{name}" for name in ("journal_file", "locked_journal", "long_journal", "migration")
}

_BEHIND_A_POOLER = {f"tests.writes.test_{name}" for name in ("audit_log", "export")}
"""What a pooler in transaction mode could break: transactions, locks, the clock, rows read as a stream."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is said of every journal in both places; what asks for `file` is about the file."""
    is_of_file = metafunc.module.__name__ in _ABOUT_THE_FILE or "file" in metafunc.fixturenames
    if "journal_at" in metafunc.fixturenames and not is_of_file:
        servers = ["postgres"]
        if metafunc.module.__name__ in _BEHIND_A_POOLER:
            servers.append("pooler")
        places = ["sqlite", *(pytest.param(server, marks=pytest.mark.postgres) for server in servers)]
        metafunc.parametrize("journal_at", places, indirect=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal_at(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Where the journal is: a path, or an address of PostgreSQL or of a PgBouncer before it."""
    place = getattr(request, "param", "sqlite")
    if place == "pooler":
        name = request.getfixturevalue("postgres").new_database()
        behind: str = request.getfixturevalue("pooler")(name)
        return behind
    if place == "postgres":
        address: str = request.getfixturevalue("postgres").new_schema()
        return address
    return tmp_path / "folder" / "journal.db"


@pytest.fixture
def address(postgres: Cluster) -> str:
    """Of an empty schema in PostgreSQL, for a journal."""
    return postgres.new_schema()


@pytest.fixture
def file(journal_at: JournalPlace) -> Path:
    assert isinstance(journal_at, Path)
    return journal_at


@pytest.fixture
def store(journal_at: JournalPlace, clock: Clock) -> Iterator[JournalStore]:
    store = JournalStore(journal_at, 600, clock)
    yield store
    store.close()
