"""Several people must agree: each counts once, all to the same thing, and only together they release the write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from po_mcp.writes.consent import Agreement, Consent, Consented
from po_mcp.writes.journal import JournalStore, agreements, moves
from po_mcp.writes.operation import Operation
from po_mcp.writes.payloads import FinalizePayload
from tests.writes.making import CONNECTION, Clock, JournalPlace, find, guarded_operation, propose, state_of
from tests.writes.racing import race

Patch = pytest.MonkeyPatch
BOB, CAROL = "https://login.example.com bob", "https://login.example.com carol"


def needing(people: int, kind: str = "delete", number: str = "PO-7") -> Operation:
    operation = guarded_operation(kind, number)
    consent = Consent(requested_by="Alice", needed=people)
    return replace(operation, payload=operation.payload.model_copy(update={"consent": consent}))


def agree(store: JournalStore, operation: Operation, by: str, what: str = "shown", needed: int = 1) -> Consented:
    said = Agreement(by=by, name=by.rpartition(" ")[2].title(), what=what)
    return store.agree(operation.id, operation.payload, said, needed, {"by": by, "through": "page"})


def list_agreed(store: JournalStore, operation: Operation) -> list[str]:
    return [one.name for one in find(store, operation.id).operation.payload.consent.given]


def test_one_person_approves_what_needs_one(store: JournalStore) -> None:
    operation = propose(store, needing(1)).operation

    assert agree(store, operation, BOB) == "approved"
    assert (state_of(store, operation.id), list_agreed(store, operation)) == ("APPROVED", ["Bob"])
    assert store.claim(operation.id, CONNECTION) is not None


def test_two_people_approve_what_needs_two(store: JournalStore) -> None:
    operation = propose(store, needing(2)).operation

    first = agree(store, operation, BOB)
    between = state_of(store, operation.id), store.claim(operation.id, CONNECTION)
    second = agree(store, operation, CAROL)

    assert (first, between, second) == ("first", ("PROPOSED", None), "approved")
    assert list_agreed(store, operation) == ["Bob", "Carol"]
    assert [event.event for event in store.events(operation.id)] == ["PROPOSED", agreements.FIRST_YES, "APPROVED"]
    assert store.events(operation.id)[1].detail == {"by": BOB, "through": "page", "people": 1, "needed": 2}
    assert store.upkeep.verify() == []


def test_a_first_yes_survives_a_new_start_and_is_seen_by_another_process(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    operation = propose(store, needing(2)).operation
    agree(store, operation, BOB)

    other = JournalStore(journal_at, 600, clock)

    assert list_agreed(other, operation) == ["Bob"]
    assert agree(other, operation, CAROL) == "approved"


def test_a_first_yes_gives_the_second_person_the_whole_time(store: JournalStore, clock: Clock) -> None:
    operation = propose(store, needing(2)).operation
    clock.now += 599
    agree(store, operation, BOB)
    clock.now += 599

    assert agree(store, operation, CAROL) == "approved"
    assert find(store, operation.id).expires_at == clock.now + 1


def test_a_stricter_setting_counts_for_what_was_asked_before(store: JournalStore) -> None:
    operation = propose(store, needing(1)).operation

    assert agree(store, operation, BOB, needed=2) == "first"
    assert agree(store, operation, CAROL, needed=1) == "approved"


@pytest.mark.parametrize("state", ["declined", "expired", "approved"])
def test_a_yes_to_what_is_decided_records_nothing(store: JournalStore, clock: Clock, state: str) -> None:
    operation = propose(store, needing(1)).operation
    if state == "declined":
        store.decline(operation.id, {})
    if state == "approved":
        agree(store, operation, BOB)
    if state == "expired":
        clock.now += 600

    assert agree(store, operation, CAROL) == "late"
    assert "Carol" not in list_agreed(store, operation)


# Each control is taken away, and the harm that it prevents happens.


def one_person_twice(store: JournalStore) -> bool:
    operation = propose(store, needing(2)).operation
    agree(store, operation, BOB)
    agree(store, operation, BOB)
    return state_of(store, operation.id) == "APPROVED"


def two_people_for_different_things(store: JournalStore) -> bool:
    operation = propose(store, needing(2, "finalize")).operation
    assert isinstance(operation.payload, FinalizePayload)
    agree(store, operation, BOB, "with a backorder")
    agree(store, operation, CAROL, "without one")
    return state_of(store, operation.id) == "APPROVED"


def a_yes_of_nobody_in_particular(store: JournalStore) -> bool:
    operation = propose(store, needing(1)).operation
    return store.approve(operation.id, operation.payload, {"through": "page"})


def a_send_with_one_yes_of_two(store: JournalStore) -> bool:
    """However it came to be approved: here a program of an older version takes the first yes for enough."""
    operation = propose(store, needing(2)).operation
    agree(store, operation, BOB)
    with store._moving() as db:
        moves.move(db, operation.id, "PROPOSED", "APPROVED", {}, store.now())
    return store.claim(operation.id, CONNECTION) is not None


def two_first_yeses_at_once_of_which_one_is_forgotten(store: JournalStore) -> bool:
    """Another transaction writes between the reading and the writing, as a store without a lock would let it."""
    operation = propose(store, needing(3)).operation
    judge, hers = Consent.judge, Agreement(by=CAROL, name="Carol", what="shown")
    consent = operation.payload.consent.add(hers, 3)
    overtaking = operation.payload.model_copy(update={"consent": consent}).model_dump_json()
    with pytest.MonkeyPatch.context() as patch, store._moving() as db:

        def overtaken(self: Consent, agreement: Agreement) -> object:
            db.execute("UPDATE write_operations SET payload = ? WHERE id = ?", (overtaking, operation.id))
            return judge(self, agreement)

        patch.setattr(Consent, "judge", overtaken)
        his = Agreement(by=BOB, name="Bob", what="shown")
        agreements.agree(db, operation.id, operation.payload, his, 1, {}, store.now(), 600)
    return "Carol" not in list_agreed(store, operation)


def each_yes_counts(patch: Patch) -> None:
    patch.setattr(Consent, "judge", lambda self, agreement: None)


def anybodys_yes_counts(patch: Patch) -> None:
    patch.setattr(agreements, "is_of_team", lambda rows: False)


def nothing_is_missing(patch: Patch) -> None:
    patch.setattr(Consent, "missing", 0)


def the_payload_is_not_compared(patch: Patch) -> None:
    class Blind:
        end = None

        def __init__(self, db: object) -> None:
            self._db = db

        def execute(self, sql: str, values: tuple[object, ...] = ()) -> object:
            if "AND payload = ?" in sql:
                sql, values = sql.replace(" AND payload = ?", ""), values[:-1]
            return self._db.execute(sql, values)  # type: ignore[attr-defined]

    intact = agreements.agree
    patch.setattr(agreements, "agree", lambda db, *given: intact(Blind(db), *given))  # type: ignore[arg-type]


MUTANTS: list[tuple[Callable[[Patch], None], Callable[[JournalStore], bool]]] = [
    (each_yes_counts, one_person_twice),
    (each_yes_counts, two_people_for_different_things),
    (anybodys_yes_counts, a_yes_of_nobody_in_particular),
    (nothing_is_missing, a_send_with_one_yes_of_two),
    (the_payload_is_not_compared, two_first_yeses_at_once_of_which_one_is_forgotten),
]


@pytest.mark.parametrize(("mutant", "harm"), MUTANTS, ids=lambda value: value.__name__)
def test_a_harm_happens_only_without_its_control(
    tmp_path: Path, clock: Clock, mutant: Callable[[Patch], None], harm: Callable[[JournalStore], bool]
) -> None:
    intact = harm(JournalStore(tmp_path / "intact.db", 600, clock))
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = harm(JournalStore(tmp_path / "mutated.db", 600, clock))

    assert (intact, mutated) == (False, True)


RACE = """
import sys
from po_mcp.writes.journal import JournalStore
from tests.writes.test_agreements import agree
store, by = JournalStore(sys.argv[1]), f"https://login.example.com {sys.argv[2]}"
waiting = store.live(None)
print("ready", flush=True)
sys.stdin.readline()
print(*(agree(store, one.operation, by) for one in waiting), flush=True)
"""


@pytest.mark.process
def test_four_processes_of_two_people_give_each_yes_once(journal_at: JournalPlace) -> None:
    store = JournalStore(journal_at)
    store.join(CONNECTION)
    for number in range(20):
        propose(store, needing(2, number=f"PO-{number}"), connection=CONNECTION)
    said = " ".join(race(RACE, [(str(journal_at), who) for who in ("bob", "bob", "carol", "carol")])).split()

    assert (said.count("first"), said.count("approved")) == (20, 20)
    assert all(len(one.operation.payload.consent.given) == 2 for one in store.live(None))
    assert store.upkeep.verify() == []
