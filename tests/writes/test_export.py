"""The journal as a file, checked without the journal; and old entries that go without breaking the chain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, approver_pin, audit_log
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.journal.database import Mark
from po_mcp.writes.journal.export import check_lines
from po_mcp.writes.journal.pruning import Pruned
from tests.writes.making import Clock, create, guarded_operation, propose, take_to

DAY = 86_400.0


@pytest.fixture
def old(store: JournalStore, clock: Clock) -> JournalStore:
    """A PIN and two operations that ended long ago, and a day later one that is done and one that waits."""
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
    take_to(store, guarded_operation(), "DONE")
    take_to(store, create(), "DONE")
    clock.now += 400 * DAY
    take_to(store, guarded_operation("delete", "PO-2"), "DONE")
    propose(store, guarded_operation("cancel", "PO-3"))
    return store


def kept(lines: list[str]) -> Callable[[list[str]], None]:
    return lines.extend


def change_line(line: str, **values: Any) -> str:
    shown = json.loads(line)
    [inner] = [part for part in shown.values() if (isinstance(part, dict) and "place" in part) or "kind" in part]
    inner |= values
    return json.dumps(shown)


# Exporting


def test_an_export_is_checked_without_the_journal(old: JournalStore) -> None:
    checked = check_lines(old.upkeep.export())

    assert checked.faults == []
    assert (checked.operations, checked.events) == old.counts()
    assert len(checked.end) == 64


EDITS: dict[str, tuple[Callable[[list[str]], object], str]] = {
    "an event edited": (lambda lines: lines.__setitem__(3, change_line(lines[3], event="DECLINED")), "edited"),
    "an event cut out": (lambda lines: lines.pop(4), "an earlier event is missing"),
    "the first event cut out": (lambda lines: lines.pop(1), "an earlier event is missing"),
    "an operation edited": (lambda lines: lines.__setitem__(-1, change_line(lines[-1], number="PO-EDITED")), "edited"),
    "an operation cut out": (lambda lines: lines.pop(-1), "removed"),
    "an operation twice": (lambda lines: lines.append(lines[-1]), "has no events"),
    "another's head": (lambda lines: lines.__setitem__(0, "{}"), "not the beginning of an exported journal"),
    "no head": (lambda lines: lines.pop(0), "not the beginning of an exported journal"),
    "no line": (lambda lines: lines.clear(), "not the beginning of an exported journal"),
    "no JSON": (lambda lines: lines.__setitem__(5, "{"), "cannot be read"),
    "a list": (lambda lines: lines.__setitem__(5, "[]"), "cannot be read"),
    "nested without end": (lambda lines: lines.__setitem__(5, "[" * 100_000), "cannot be read"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_of_an_export_is_found(old: JournalStore, edit: str) -> None:
    lines = old.upkeep.export()
    change, said = EDITS[edit]
    change(lines)

    assert any(said in fault for fault in check_lines(lines).faults)


def test_events_that_are_cut_off_at_the_end_are_missed(old: JournalStore) -> None:
    lines = old.upkeep.export()
    last = max(place for place, line in enumerate(lines) if '"event": {' in line)
    del lines[last]

    assert "the last events are missing, or events were added" in check_lines(lines).faults


# Pruning


def test_old_operations_go_and_the_rest_is_still_whole(old: JournalStore, clock: Clock) -> None:
    lines: list[str] = []
    before = old.counts()
    gone = old.upkeep.prune(clock.now - 30 * DAY, kept(lines))

    assert gone == Pruned(2, 9)
    assert old.upkeep.verify() == []
    assert old.approver_pin().is_set
    assert check_lines(old.upkeep.export()).faults == []
    assert (check_lines(lines).operations, check_lines(lines).events, check_lines(lines).faults) == (2, 9, [])
    assert old.counts() == (before[0] - 2, before[1] - 9 + 2)
    take_to(old, create(number="PO-77"), "DONE")
    assert old.upkeep.verify() == []


def test_the_file_and_the_journal_join(old: JournalStore, clock: Clock) -> None:
    lines: list[str] = []
    old.upkeep.prune(clock.now - 30 * DAY, kept(lines))
    follows = json.loads(old.upkeep.export()[0])["begins_after"]

    assert follows == json.loads(lines[0])["ends_at"]
    assert follows["hash"] == check_lines(lines).end


def test_old_entries_go_again_and_again(old: JournalStore, clock: Clock) -> None:
    for _ in range(3):
        assert old.upkeep.prune(clock.now - 30 * DAY, kept([])).events > 0
        assert old.upkeep.verify() == []
        clock.now += 100 * DAY
        old.live(None)
        take_to(old, create(number=f"PO-{clock.now:.0f}"), "DONE")


@pytest.mark.parametrize("state", ["UNKNOWN", "SENT", "WATCHED"])
def test_an_open_operation_stays_with_all_that_came_after_it(store: JournalStore, clock: Clock, state: Any) -> None:
    operation_id = take_to(store, guarded_operation(), state)
    take_to(store, create(), "DONE")
    clock.now += 400 * DAY
    lines: list[str] = []

    assert store.upkeep.prune(clock.now - 30 * DAY, kept(lines)) == Pruned(0, 0)
    assert lines == []
    assert store.find(operation_id) is not None


def test_a_file_that_cannot_be_written_keeps_everything(old: JournalStore, clock: Clock) -> None:
    before = old.upkeep.export()

    def fail(lines: list[str]) -> None:
        raise JournalUnavailable("The disk is full.")

    with pytest.raises(JournalUnavailable):
        old.upkeep.prune(clock.now - 30 * DAY, fail)

    # What waited and whose time is over ended in the same transaction; it did not count either.
    assert old.upkeep.export() == before


def test_a_process_that_was_idle_meanwhile_goes_on(old: JournalStore, file: Path, clock: Clock) -> None:
    idle = JournalStore(file, clock=clock)
    take_to(idle, guarded_operation("delete", "PO-8"), "DONE")
    clock.now += 400 * DAY
    take_to(old, guarded_operation("delete", "PO-9"), "DONE")
    old.upkeep.prune(clock.now - 30 * DAY, kept([]))

    take_to(idle, guarded_operation("delete", "PO-10"), "DONE")
    assert idle.upkeep.verify() == []


def test_the_log_cannot_be_cut_after_a_prune(old: JournalStore, clock: Clock) -> None:
    old.upkeep.prune(clock.now - 30 * DAY, kept([]))

    with pytest.raises(JournalUnavailable), old._file.writing() as db:
        db.execute("DELETE FROM audit_log")


# Without the controls


def cut_more(old: JournalStore, file: Path, clock: Clock) -> list[str]:
    """What verify finds after somebody cut further events away, as a prune does and without its event."""
    old.upkeep.prune(clock.now - 30 * DAY, kept([]))
    with old._file.writing() as db:
        [sql] = db.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_log_is_not_cut'").fetchone()
        db.execute("DROP TRIGGER audit_log_is_not_cut")
        db.execute("DELETE FROM audit_log WHERE place = (SELECT MIN(place) FROM audit_log)")
        db.execute(sql)
    return old.upkeep.verify()


def test_a_cut_that_no_sealed_event_tells_of_is_found(old: JournalStore, file: Path, clock: Clock) -> None:
    assert any("an earlier event is missing" in fault for fault in cut_more(old, file, clock))


def test_without_the_sealed_event_a_prune_is_a_fault(
    old: JournalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "PRUNED", "pruned by nobody")
    monkeypatch.setattr(audit_log, "start_of", lambda db: Mark())
    old.upkeep.prune(clock.now - 30 * DAY, kept([]))

    assert any("an earlier event is missing" in fault for fault in old.upkeep.verify())


def test_without_the_carried_pin_a_prune_is_a_fault(
    old: JournalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approver_pin, "carry_over", lambda db, now: None)
    old.upkeep.prune(clock.now - 30 * DAY, kept([]))

    assert old.upkeep.verify() == ["approver PIN: edited"]
