"""Past states of a book, without an API before it."""

from __future__ import annotations

from datetime import timedelta

from po_mcp.sandbox.history import SPARE, History
from po_mcp.sandbox.storage import Storage
from tests.sandbox.conftest import Clock

LAG = timedelta(seconds=3)


class Counting(Storage):
    """A storage that knows how many of its copies are open."""

    open_copies = 0

    def copy(self) -> Storage:
        original, copy = self, super().copy()

        class Copy(Storage):
            def close(self) -> None:
                original.open_copies -= 1
                super().close()

        copy.__class__ = Copy
        self.open_copies += 1
        return copy


def change(storage: Storage, times: int, clock: Clock, apart: timedelta) -> None:
    for _ in range(times):
        with storage.writing() as tables:
            tables.next("changes")
        clock.time += apart


def changes(storage: Storage) -> int:
    """How often `change` had been at work in that state of the book."""
    with storage.writing() as tables:
        return tables.next("changes") - 1


def test_the_state_of_some_seconds_before_is_returned(clock: Clock) -> None:
    storage = Storage(":memory:")
    storage.prepare(lambda _: None)
    history = History(storage, LAG, clock)

    change(storage, 5, clock, timedelta(seconds=1))

    assert changes(history.state_before(LAG)) == 3
    storage.close()


def test_without_a_later_change_the_book_itself_is_returned(clock: Clock) -> None:
    storage = Storage(":memory:")
    storage.prepare(lambda _: None)
    history = History(storage, LAG, clock)

    change(storage, 1, clock, LAG)

    assert history.state_before(LAG) is storage
    storage.close()


def test_states_that_are_too_old_are_closed(clock: Clock) -> None:
    storage = Counting(":memory:")
    storage.prepare(lambda _: None)
    History(storage, LAG, clock)

    change(storage, 100, clock, timedelta(seconds=1))
    kept = storage.open_copies
    storage.close()

    assert kept == (LAG + SPARE) / timedelta(seconds=1)
    assert storage.open_copies == 0
