"""The approver's PIN in the journal: one hash for all processes, and wrong tries that count by place and hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from po_mcp.approvals.pin import say_wrong_pins
from po_mcp.errors import ConfigurationError
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.pin_setting import PinSetting
from tests.writes.editing import edit
from tests.writes.making import Clock, JournalPlace


def test_tries_of_one_hour_are_limited_in_all_processes(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    other = JournalStore(journal_at, 600, clock)

    tries = [one.note_pin_try("", "page") for one in (store, other) * 5]

    assert tries == [0.0] * 10
    assert store.note_pin_try("", "page") == other.note_pin_try("", "page") == 3600.0
    clock.now += 3601
    assert store.note_pin_try("", "page") == 0.0


def test_a_terminal_slows_down_and_a_pin_that_fits_counts_as_no_wrong_one(store: JournalStore, clock: Clock) -> None:
    for _ in range(3):
        store.note_pin_try("", "terminal")
        store.note_pin_fit("", "terminal")
    first = [store.note_pin_try("", "terminal") for _ in range(10)]
    clock.now += 59
    too_soon = store.note_pin_try("", "terminal")
    clock.now += 1
    after_a_minute = [store.note_pin_try("", "terminal"), store.note_pin_try("", "terminal")]

    assert (first, too_soon, after_a_minute) == ([0.0] * 10, 1.0, [0.0, 60.0])


def test_a_pin_that_fitted_excuses_no_wrong_one_after_it(store: JournalStore, clock: Clock) -> None:
    store.note_pin_try("", "page")
    clock.now += 60
    store.note_pin_fit("", "page")
    clock.now += 3570  # its try is over an hour old, and it is not
    tries = [store.note_pin_try("", "page") for _ in range(11)]

    assert tries == [*[0.0] * 10, 3600.0]


def test_the_page_is_locked_as_long_as_it_says_whatever_fitted_before(store: JournalStore, clock: Clock) -> None:
    store.note_pin_try("", "page")
    store.note_pin_fit("", "page")
    clock.now += 1800
    for _ in range(10):
        store.note_pin_try("", "page")
        clock.now += 1
    said = store.seconds_to_pin_try("page")
    clock.now += said - 1
    before = store.note_pin_try("", "page")
    clock.now += 2
    after = store.note_pin_try("", "page")

    assert (said, before, after) == (3590.0, 1.0, 0.0)


def test_page_and_terminal_count_apart(store: JournalStore) -> None:
    store.upkeep.set_approver_pin("a hash", None, "PIN set")
    for place in ("page", "terminal", "terminal"):
        store.note_pin_try("", place)

    assert store.approver_pin().wrong_tries == {"page": 1, "terminal": 2}
    assert (
        say_wrong_pins({"page": 1, "terminal": 2}) == "Wrong PINs in the last hour: 1 on the page and 2 in a terminal."
    )
    assert say_wrong_pins({"page": 0, "terminal": 0}) == ""


def test_a_pin_is_set_in_the_place_of_the_one_before_it_alone(store: JournalStore, journal_at: JournalPlace) -> None:
    first, second, third = hash_pin("correct horse"), hash_pin("another one"), hash_pin("a third one")

    done = [
        store.upkeep.set_approver_pin(first, None, "PIN set"),
        store.upkeep.set_approver_pin(second, None, "PIN set"),
        store.upkeep.set_approver_pin(third, first, "PIN changed"),
    ]
    held = JournalStore(journal_at).approver_pin()

    assert done == [True, False, True]
    assert (held.fits("a third one"), held.fits("correct horse"), held.fits("")) == (True, False, False)
    assert [event.event for event in store.events("")] == ["PIN set", "PIN changed"]
    assert not isinstance(journal_at, Path) or b"a third one" not in journal_at.read_bytes()


@pytest.mark.parametrize("change", ["DELETE FROM journal", "UPDATE journal SET value = 'scrypt$00$00'"])
def test_verify_finds_a_pin_that_was_put_there_behind_the_journals_back(
    store: JournalStore, journal_at: JournalPlace, change: str
) -> None:
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
    assert store.upkeep.verify() == []

    edit(journal_at, f"{change} WHERE name = 'approver_pin'")

    assert store.upkeep.verify() == ["approver PIN: edited"]


async def test_a_setting_that_is_not_the_pin_stops_questions_by_name(store: JournalStore) -> None:
    async def fault(pin: str | None) -> str:
        return await PinSetting(Journal(store), pin).find_fault()

    before = await fault("correct horse")
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
    found = [await fault(pin) for pin in ("another one", "correct horse", None)]

    assert before == "PO_MCP_APPROVER_PIN is set, but the approver PIN itself is not set yet."
    assert found == ["PO_MCP_APPROVER_PIN is not the approver PIN that was set.", "", ""]
    assert store.approver_pin().fits("correct horse")


async def test_a_setting_follows_a_pin_that_is_changed(store: JournalStore) -> None:
    setting = PinSetting(Journal(store), "correct horse")
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
    before = "".join([await setting.find_fault() for _ in range(3)])
    store.upkeep.set_approver_pin(hash_pin("another one"), store.approver_pin().hash, "PIN changed")

    assert (before, bool(await setting.find_fault())) == ("", True)


def test_a_reset_is_shown_for_seven_days(store: JournalStore, clock: Clock) -> None:
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")
    store.upkeep.set_approver_pin(hash_pin("another one"), store.approver_pin().hash, "PIN reset")
    at = clock.now
    clock.now += 7 * 86_400 - 1
    shown = store.approver_pin().reset_at
    clock.now += 2

    assert (shown, store.approver_pin().reset_at) == (at, None)


def test_a_pin_and_its_file_are_absent_until_one_is_set(file: Path) -> None:
    assert not JournalStore(file).approver_pin().is_set
    assert not file.exists()


@pytest.mark.parametrize(
    ("pin", "held", "next_step"),
    [
        ("correct horse", None, "To set it, run in a terminal: po-mcp approve --set-pin"),
        ("another one", "correct horse", "Your administrator must correct PO_MCP_APPROVER_PIN or take it out"),
    ],
)
async def test_a_question_that_nobody_could_answer_is_not_asked_and_says_the_way_out(
    store: JournalStore, pin: str, held: str | None, next_step: str
) -> None:
    if held is not None:
        store.upkeep.set_approver_pin(hash_pin(held), None, "PIN set")

    with pytest.raises(ConfigurationError, match="Nothing was sent") as error:
        await PinSetting(Journal(store), pin).need_match()
    assert next_step in str(error.value)


async def test_a_question_is_asked_where_the_setting_is_the_pin(store: JournalStore) -> None:
    store.upkeep.set_approver_pin(hash_pin("correct horse"), None, "PIN set")

    for pin in ("correct horse", None):
        await PinSetting(Journal(store), pin).need_match()
