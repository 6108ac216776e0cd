"""A move of one message to PostgreSQL is made in the copy that the journal knows, and at the time of the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from po_mcp.writes.journal import JournalStore, at_once, postgres_at_once, watchdog
from po_mcp.writes.journal.postgres import _Time
from po_mcp.writes.journal.postgres_beginning import COPY
from po_mcp.writes.journal.restores import KNOWN
from tests.writes.editing import edit
from tests.writes.making import CONNECTION, guarded_operation, take_to
from tests.writes.test_at_once import Tried

pytestmark = pytest.mark.postgres
Patch = pytest.MonkeyPatch


@pytest.fixture
def store(address: str) -> Iterator[JournalStore]:
    """A journal by the clock of its database."""
    with closing(JournalStore(address)) as store:
        store.join(CONNECTION)
        yield store


@pytest.fixture
def tried(store: JournalStore, monkeypatch: Patch) -> Tried:
    return Tried(store, monkeypatch)


def test_by_the_clock_of_the_database_too(store: JournalStore, tried: Tried) -> None:
    operation_id = take_to(store, guarded_operation("finalize"), "DONE")

    assert tried.ends == [True, True, True]
    times = [event.at for event in store.events(operation_id)]
    assert times == sorted(times)
    assert store.upkeep.verify() == []


def claim_in_a_copy_that_is_not_known(store: JournalStore, address: str) -> bool:
    """The journal was noted in another copy of the database than this one is."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    edit(address, "UPDATE journal SET value = 'another' WHERE name = 'origin'")
    return store.claim(operation_id, CONNECTION) is not None


def claim_in_a_copy_that_was_changed(store: JournalStore, address: str) -> bool:
    """This process last saw the copy that the journal knows; what answers now is another one."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    edit(address, "UPDATE journal SET value = 'the former' WHERE name = 'origin'")
    database: Any = store._file
    database._origin = database._known = "the former"
    return store.claim(operation_id, CONNECTION) is not None


COPIES = [
    (claim_in_a_copy_that_is_not_known, f"{COPY} = ? AND ? != ''"),
    (claim_in_a_copy_that_was_changed, f"(? != '' AND ({KNOWN}) = ?)"),
]


@pytest.mark.parametrize("claim", [claim for claim, _ in COPIES], ids=lambda one: one.__name__)
def test_in_another_copy_nothing_is_claimed(
    store: JournalStore, address: str, tried: Tried, claim: Callable[..., bool]
) -> None:
    assert not claim(store, address)

    assert tried.ends == [True, False]
    assert store.upkeep.verify() == []


@pytest.mark.parametrize(("claim", "mutant"), COPIES)
def test_without_that_comparison_it_is(
    store: JournalStore, address: str, monkeypatch: Patch, claim: Callable[..., bool], mutant: str
) -> None:
    monkeypatch.setattr(postgres_at_once, "_IS_COPY", mutant)

    assert claim(store, address)


@pytest.mark.parametrize(("seconds", "is_made"), [(0.0, True), (60.0, False), (-60.0, False)])
def test_an_event_is_of_the_time_of_the_database(
    store: JournalStore, tried: Tried, seconds: float, is_made: bool
) -> None:
    operation_id = claim_by_a_time_that_is_wrong_by(store, seconds)

    assert tried.ends[-1] is is_made
    assert abs(store.events(operation_id)[-1].at - time.time()) < 30


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_without_the_comparison_it_is_of_another(store: JournalStore, monkeypatch: Patch, seconds: float) -> None:
    monkeypatch.setattr(postgres_at_once, "_IS_IN_TIME", "0 < CAST(? AS float8) + CAST(? AS float8)")
    monkeypatch.setattr(at_once, "_IS_END", at_once._IS_END.replace("at <= ?", "0 < ?"))

    operation_id = claim_by_a_time_that_is_wrong_by(store, seconds)

    assert abs(store.events(operation_id)[-1].at - time.time()) > 30


def claim_by_a_time_that_is_wrong_by(store: JournalStore, seconds: float) -> str:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    database: Any = store._file
    database._time = _Time(database._time.stored + seconds, database._time.monotonic)
    assert store.claim(operation_id, CONNECTION) is not None
    return operation_id


def test_where_the_connection_was_closed_a_move_is_made_in_the_usual_way(store: JournalStore, tried: Tried) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    for connection in store._file._connections._pool._pool:  # type: ignore[attr-defined]
        watchdog._cut(connection)

    assert store.claim(operation_id, CONNECTION) is not None

    assert tried.ends == [True, False]
