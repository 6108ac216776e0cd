"""What goes to PostgreSQL as one message, and what comes back: every value is what it was, and no text is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, postgres_message
from po_mcp.writes.journal.database import Ask
from po_mcp.writes.journal.postgres_connections import _OF_EACH
from po_mcp.writes.journal.postgres_transaction import ask_together
from tests.postgres import Cluster
from tests.writes.making import guarded_operation, propose

pytestmark = pytest.mark.postgres
Patch = pytest.MonkeyPatch
Connection = psycopg.Connection[Any]
WAITS = [postgres_message._wait_by_poll, postgres_message._wait_by_select]


def connect(cluster: Cluster, **more: Any) -> Connection:
    of_each: dict[str, Any] = {**_OF_EACH, **more}
    return psycopg.connect(cluster.address, **of_each)


@pytest.fixture
def connection(postgres: Cluster) -> Iterator[Connection]:
    with connect(postgres) as connection:
        yield connection


@pytest.fixture(params=WAITS, ids=lambda one: one.__name__)
def wait(request: pytest.FixtureRequest, monkeypatch: Patch) -> None:
    monkeypatch.setattr(postgres_message, "_wait", request.param)


@pytest.mark.parametrize("text", ["", "it's", "\\", "\\'; DROP TABLE x; --", "$1 %s ?", "Ä\U0001f600", "\ud7ff\x01\n"])
def test_a_text_comes_back_as_it_was(connection: Connection, text: str) -> None:
    [[row]] = ask_together(connection, [Ask("SELECT ?::text AS it, 1 AS one", (text,))])

    assert row["it"] == row[0] == text
    assert (list(row.keys()), row["one"]) == (["it", "one"], 1)


@pytest.mark.parametrize("number", [0, -1, 2**62, -(2**62), 1_800_000_000.123_456_7, -0.1, 1e-300, 1.7e308])
def test_a_number_comes_back_as_it_was(connection: Connection, number: float) -> None:
    type_name = "bigint" if isinstance(number, int) else "float8"

    [[[found, sum_]]] = ask_together(connection, [Ask(f"SELECT (?)::{type_name}, 0-?", (number, number))])

    assert (found, type(found)) == (number, type(number))
    assert float(sum_) == -number


@pytest.mark.parametrize("type_name", ["bool", "numeric", "name", "regclass", "int2"])
def test_what_is_asked_seldom_is_read_as_psycopg_reads_it(connection: Connection, type_name: str) -> None:
    value = {"bool": "true", "numeric": "12.50", "name": "it", "regclass": "pg_class", "int2": "7"}[type_name]
    statement = f"SELECT '{value}'::{type_name}, NULL::{type_name}"

    [[row]] = ask_together(connection, [Ask(statement)])

    assert tuple(row) == tuple(connection.execute(statement.encode()).fetchone() or ())
    assert row[1] is None


@pytest.mark.usefixtures("wait")
def test_what_fills_every_buffer_comes_back_whole(connection: Connection) -> None:
    long = "'\\ä" * 1_000_000

    found = ask_together(connection, [Ask("SELECT ?::text", (long,)), Ask("SELECT ?::text || 'b'", (long,))])

    assert found == [[(long,)], [(long + "b",)]]


def test_in_an_encoding_of_its_own_a_text_comes_back_as_it_was(postgres: Cluster) -> None:
    with connect(postgres, client_encoding="latin1") as connection:
        assert ask_together(connection, [Ask("SELECT ?::text, length(?)", ("Ä", "Ä"))]) == [[("Ä", 1)]]


def test_a_statement_that_fails_is_told_by_its_error_and_the_connection_goes_on(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        ask_together(connection, [Ask("SELECT 1"), Ask("SELECT 1 / ?", (0,)), Ask("SELECT 2")])

    assert ask_together(connection, [Ask("SELECT 3")]) == [[(3,)]]


@pytest.mark.usefixtures("wait")
def test_a_connection_that_ends_meanwhile_is_told(connection: Connection, postgres: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError):
        ask_together(connection, [Ask("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(9)")])

    assert connection.broken


@pytest.mark.parametrize("value", ["cut\0here", True, b"bytes", [1]], ids=repr)
def test_a_value_that_would_become_another_one_is_sent_nowhere(connection: Connection, value: object) -> None:
    with pytest.raises((psycopg.DataError, psycopg.ProgrammingError)):
        ask_together(connection, [Ask("SELECT ?::text", (value,))])


def propose_with_nul(store: JournalStore) -> str:
    """Return the number under which an order is recorded whose number has a NUL."""
    return propose(store, guarded_operation(number="PO-1\0")).operation.id


@pytest.fixture
def store(address: str) -> Iterator[JournalStore]:
    store = JournalStore(address)
    yield store
    store.close()


def test_a_text_with_nul_is_not_recorded(store: JournalStore) -> None:
    with pytest.raises(JournalUnavailable):
        propose_with_nul(store)

    assert store.live(None) == []


def test_without_that_it_is_recorded_as_another_text(store: JournalStore, monkeypatch: Patch) -> None:
    quote: Callable[..., bytes] = postgres_message._quote

    def leave_it_to_libpq(value: Any, escaping: Any, encoding: str) -> bytes:
        return escaping.escape_literal(value.encode()) if isinstance(value, str) else quote(value, escaping, encoding)

    monkeypatch.setattr(postgres_message, "_quote", leave_it_to_libpq)

    propose_with_nul(store)

    assert [one.operation.number for one in store.live(None)] == ["PO-1"]
