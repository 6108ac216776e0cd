"""A journal that is years long answers as fast as a new one: counted in SQLite's steps, which no machine changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from po_mcp.orders import Vendor
from po_mcp.writes.journal import JournalStore, queries
from po_mcp.writes.journal.sqlite import SqliteFile
from po_mcp.writes.operation import Operation
from tests.writes.making import (
    CONNECTION,
    KEY,
    Clock,
    create,
    draft,
    fill_with_done,
    find_begun,
    find_recent,
    guarded_operation,
    take_to,
)

FEW, MANY = 250, 5_000
DONE = (create("PO-DONE"), guarded_operation("finalize", "PO-DONE"))
NEW = create(asked=draft("PO-NEW", vendor=Vendor(id="9", name="Central Supply Co.")), question=True)
CALLS: dict[str, Callable[[JournalStore], object]] = {
    "finalize": lambda store: take_to(store, guarded_operation("finalize", "PO-NEW"), "DONE"),
    "create": lambda store: take_to(store, NEW, "DONE"),
    "refusal": lambda store: take_to(store, NEW, "REFUSED"),
    "same create": lambda store: find_begun(store, NEW),
    "recent write": lambda store: find_recent(store, guarded_operation("finalize", "PO-NEW")),
    "live": lambda store: store.live(KEY),
    "latest": lambda store: store.latest(KEY, 10),
    "done lately": lambda store: store.done_since(KEY, ["create", "finalize"], store._clock() - 600, "nobody", 5),
    "may have news": lambda store: store.may_have_news(CONNECTION),
    "approver PIN": lambda store: store.approver_pin(),
    "tries of a PIN": lambda store: store.note_pin_try(DONE[0].id, "page"),
    "events": lambda store: store.events(DONE[0].id),
    "last no": lambda store: store.find_last_no(guarded_operation("finalize", "PO-NEW")),
    "begun call": lambda store: find_begun(store, guarded_operation("finalize", "PO-NEW")),
    "late news": lambda store: store.take_late_news(KEY),
}


Fill = Callable[[Operation, int], Path]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Fill:
    """Journals with so many operations at their end, each filled once."""
    folder = tmp_path_factory.mktemp("filled")

    @cache
    def fill(done: Operation, count: int) -> Path:
        file = folder / f"{done.kind} {count}.db"
        store = JournalStore(file, 600, Clock())
        store.join(CONNECTION)
        fill_with_done(store, done, count)
        store.close()
        return file

    return fill


def steps(file: Path, call: Callable[[JournalStore], object]) -> int:
    """Count the steps of a call in a journal."""
    store = JournalStore(file, 600, Clock())
    store.join(CONNECTION)
    store.live(KEY)  # opens both connections
    counted = 0

    def count_one() -> int:
        nonlocal counted
        counted += 1
        return 0

    assert isinstance(store._file, SqliteFile)
    for db in (store._file._writer, store._file._reader):
        assert db is not None
        db.set_progress_handler(count_one, 1)
    call(store)
    store.close()
    return counted


@pytest.mark.parametrize("done", DONE, ids=lambda one: one.kind)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_takes_hardly_more_steps_in_a_long_journal(
    tmp_path: Path, filled: Fill, call: str, done: Operation
) -> None:
    few, many = (
        steps(Path(shutil.copy(filled(done, count), tmp_path / f"{count}.db")), CALLS[call]) for count in (FEW, MANY)
    )

    assert few > 0
    assert many <= few * 1.5 + 50, (few, many)


def test_the_latest_done_creates_are_known_by_their_numbers(store: JournalStore) -> None:
    fill_with_done(store, create("PO-DONE"), 20)
    take_to(store, NEW, "REFUSED")

    assert store.numbers_of_creates(KEY) == {"PO-DONE", *(f"PO-DONE-{place}" for place in range(1, 21))}


@pytest.mark.parametrize(("most", "is_bounded"), [(FEW, True), (MANY, False)])
def test_the_latest_of_a_user_are_looked_for_in_so_many_operations_and_no_more(
    filled: Fill, monkeypatch: pytest.MonkeyPatch, most: int, *, is_bounded: bool
) -> None:
    monkeypatch.setattr(queries, "MAX_LOOKED_AT", most)
    few, many = (
        steps(filled(DONE[0], count), lambda store: store.latest(KEY, 10, user="nobody")) for count in (FEW, MANY)
    )

    assert (many <= few * 1.5 + 50) is is_bounded, (few, many)
