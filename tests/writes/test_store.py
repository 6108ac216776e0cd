"""The journal's moves: one live operation per order, one claim each, every move a compare-and-set."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import product

import pytest

from po_mcp.erp import Connection
from po_mcp.errors import OperationUnderWay, TooManyQuestions
from po_mcp.writes.journal import JournalStore, proposals, proposing
from po_mcp.writes.journal.proposals import MAX_OPEN_QUESTIONS, MAX_PROPOSALS
from po_mcp.writes.operation import LIVE, MOVES, Recorded, State
from po_mcp.writes.payloads import FinalizePayload
from tests.writes.making import (
    ADA,
    BOB,
    CONNECTION,
    ROADS,
    Clock,
    JournalPlace,
    create,
    find,
    find_begun,
    find_recent,
    guarded_operation,
    outcome,
    propose,
    state_of,
    take_to,
)
from tests.writes.racing import race


def test_a_recorded_operation_is_found_by_another_process(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    recorded = propose(store, guarded_operation())

    its = Recorded(recorded.operation, recorded.state, recorded.expires_at, proposed_at=clock.now)
    assert JournalStore(journal_at, 600, clock).find(recorded.operation.id) == its


@pytest.mark.parametrize("kind", ["create", "delete", "finalize", "cancel"])
def test_an_operation_of_every_kind_is_read_back_as_it_was(store: JournalStore, clock: Clock, kind: str) -> None:
    operation = create(question=True) if kind == "create" else guarded_operation(kind)

    recorded = propose(store, operation)

    expected = Recorded(recorded.operation, recorded.state, recorded.expires_at, proposed_at=clock.now)
    assert find(store, operation.id) == expected
    assert recorded.operation == operation


def test_an_operation_is_sent_only_after_it_was_approved(store: JournalStore) -> None:
    operation = propose(store, guarded_operation()).operation

    assert store.claim(operation.id, CONNECTION) is None
    assert store.approve(operation.id, operation.payload, {})
    assert store.claim(operation.id, CONNECTION) is not None


def test_an_operation_is_claimed_once(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")

    claims = [store.claim(operation_id, CONNECTION) for _ in range(5)]

    assert [claim is not None for claim in claims] == [True] + [False] * 4


def test_the_choice_of_the_person_is_sent(store: JournalStore) -> None:
    operation = propose(store, guarded_operation("finalize")).operation
    assert isinstance(operation.payload, FinalizePayload)
    chosen = operation.payload.model_copy(update={"create_backorder": True})

    store.approve(operation.id, chosen, {})
    claim = store.claim(operation.id, CONNECTION)

    assert claim is not None
    assert claim.operation.payload == chosen


RACE = """
import sys
from po_mcp.writes.journal import JournalStore
from tests.writes.making import CONNECTION, create
store = JournalStore(sys.argv[1])
store.join(CONNECTION)
print("ready", flush=True)
sys.stdin.readline()
won = 0
for n in range(40):
    operation = create(f"PO-{n}", content_digest="", vendor="", items=frozenset())
    recorded = store.propose(operation, {}, approved=True)
    won += store.claim(recorded.operation.id, CONNECTION) is not None
print(won, flush=True)
"""


@pytest.mark.process
def test_four_processes_that_race_for_forty_operations_claim_each_once(journal_at: JournalPlace) -> None:
    won = map(int, race(RACE, [(str(journal_at),)] * 4))

    assert sum(won) == 40
    assert JournalStore(journal_at).upkeep.verify() == []


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
def test_an_approval_that_ran_out_cannot_be_sent(store: JournalStore, clock: Clock, state: State) -> None:
    operation = guarded_operation()
    take_to(store, operation, state)
    clock.now += 600

    assert state_of(store, operation.id) == "EXPIRED"
    assert not store.approve(operation.id, operation.payload, {})
    assert store.claim(operation.id, CONNECTION) is None
    assert [event.event for event in store.events(operation.id)][-1] == "EXPIRED"
    assert store.live(None) == []


def test_asking_again_gives_the_whole_time_again(store: JournalStore, clock: Clock) -> None:
    first = propose(store, guarded_operation())
    clock.now += 599
    again = propose(store, guarded_operation())
    clock.now += 300

    assert again.operation.id == first.operation.id
    assert store.approve(again.operation.id, again.operation.payload, {})


def test_asking_again_does_not_prolong_what_is_approved(store: JournalStore, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    clock.now += 599
    assert propose(store, guarded_operation()).operation.id == operation_id
    clock.now += 1

    assert state_of(store, operation_id) == "EXPIRED"


def test_a_proposal_for_something_else_takes_the_place_of_one_that_nobody_approved(store: JournalStore) -> None:
    first = propose(store, guarded_operation("delete")).operation
    second = propose(store, guarded_operation("finalize"))

    assert (state_of(store, first.id), second.state) == ("STALE", "PROPOSED")
    assert not store.approve(first.id, first.payload, {})


def test_the_same_call_about_a_changed_order_takes_the_place_of_the_former(store: JournalStore) -> None:
    first = propose(store, guarded_operation()).operation
    second = propose(store, guarded_operation(order_digest="it changed"))

    assert (state_of(store, first.id), second.state) == ("STALE", "PROPOSED")


@pytest.mark.parametrize("state", ["APPROVED", "SENT", "WATCHED", "UNKNOWN"])
def test_a_proposal_does_not_replace_an_approved_or_sent_operation(store: JournalStore, state: State) -> None:
    first = take_to(store, guarded_operation("delete"), state)

    with pytest.raises(OperationUnderWay) as refused:
        store.propose(guarded_operation("finalize"), {})

    assert refused.value.operation_id == first
    assert state_of(store, first) == state


def test_a_new_order_takes_the_next_number_and_does_not_replace_another_question(
    store: JournalStore, clock: Clock
) -> None:
    """Two new orders at once are given the same next number; one whose number the caller gave replaces the other."""
    first = propose(store, create(question=True))
    second = create(question=True, content_digest="another", arguments='{"vendor":"another"}')

    with pytest.raises(OperationUnderWay) as refused:
        store.propose(second, {}, read_at=clock.now)
    assert refused.value.operation_id == first.operation.id
    assert state_of(store, first.operation.id) == "PROPOSED"

    assert isinstance(store.propose(second, {}), Recorded)
    assert state_of(store, first.operation.id) == "STALE"


def test_without_the_control_a_new_order_replaces_anothers_question(
    store: JournalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "_can_take_another_number", lambda proposal, seen: False)
    first = propose(store, create(question=True))

    store.propose(create(question=True, content_digest="another", arguments="{}"), {}, read_at=clock.now)

    assert state_of(store, first.operation.id) == "STALE"


def test_a_new_order_takes_the_number_of_a_question_that_was_declined(store: JournalStore, clock: Clock) -> None:
    first = propose(store, create(question=True))
    store.note_unanswered(first.operation.id, {}, is_decline=True)

    second = create(question=True, content_digest="another", arguments='{"vendor":"another"}')

    assert isinstance(store.propose(second, {}, read_at=clock.now), Recorded)
    assert state_of(store, first.operation.id) == "STALE"


def test_an_order_that_was_read_before_a_write_on_it_was_done_is_not_put_to_a_person(
    store: JournalStore, clock: Clock
) -> None:
    read_at = clock.now
    done = take_to(store, guarded_operation("finalize"), "DONE")

    with pytest.raises(OperationUnderWay) as refused:
        store.propose(guarded_operation("delete"), {}, read_at=read_at)
    assert refused.value.operation_id == done

    clock.now -= 100  # it was ahead when the write was done
    assert isinstance(store.propose(guarded_operation("delete"), {}, read_at=clock.now), Recorded)

    clock.now += 101
    assert isinstance(store.propose(guarded_operation("delete", "PO-2"), {}, read_at=read_at), Recorded)
    assert isinstance(store.propose(guarded_operation("delete"), {}, read_at=clock.now), Recorded)


def record_after_a_wait(store: JournalStore, journal_at: JournalPlace, clock: Clock) -> None:
    """Propose at another replica, which waits ten seconds for its turn; the order is written to meanwhile."""
    read_at = clock.now
    clock.now += 8
    take_to(store, guarded_operation("finalize"), "DONE")
    times = iter([read_at])
    with closing(JournalStore(journal_at, 600, lambda: next(times, read_at + 10))) as waiting:
        waiting.propose(guarded_operation("delete"), {}, read_at=read_at)


def test_what_was_done_while_a_proposal_waited_for_its_turn_is_seen(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    with pytest.raises(OperationUnderWay):
        record_after_a_wait(store, journal_at, clock)


def test_what_was_done_meanwhile_is_missed_where_the_first_answer_counts_for_long(
    store: JournalStore, journal_at: JournalPlace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing, "ASKED_LATELY_S", 60.0)

    record_after_a_wait(store, journal_at, clock)

    assert [recorded.state for recorded in store.live(None)] == ["PROPOSED"]


def test_another_order_or_another_connection_is_not_in_the_way(store: JournalStore) -> None:
    take_to(store, guarded_operation("delete"), "UNKNOWN")

    assert propose(store, guarded_operation("finalize", "PO-2")).state == "PROPOSED"
    assert propose(store, guarded_operation("finalize", connection="another")).state == "PROPOSED"


@pytest.mark.parametrize("after", ["REFUSED", "NOT_APPLIED", "CONFLICT", "DECLINED"])
def test_an_operation_without_effect_may_be_asked_for_again(store: JournalStore, after: State) -> None:
    first = take_to(store, guarded_operation(), after)
    again = propose(store, guarded_operation())

    assert again.state == "PROPOSED"
    assert again.operation.id != first


def test_an_unknown_operation_blocks_its_order_for_ever(store: JournalStore, clock: Clock) -> None:
    first = take_to(store, guarded_operation(), "UNKNOWN")
    clock.now += 10_000_000

    again = propose(store, guarded_operation())

    assert (again.operation.id, again.state) == (first, "UNKNOWN")
    assert store.claim(first, CONNECTION) is None


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED", "SENT", "WATCHED", "UNKNOWN"])
def test_only_operations_before_their_end_are_live(store: JournalStore, state: State) -> None:
    live = take_to(store, guarded_operation(), state)
    take_to(store, guarded_operation(number="PO-2"), "DONE")

    assert [one.operation.id for one in store.live(CONNECTION.key)] == [live]
    assert [one.operation.number for one in store.latest(CONNECTION.key, 9)] == ["PO-2"]
    assert store.live("another") == []


def test_a_watch_is_recorded_with_its_time_and_seen_by_other_processes(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    operation_id = take_to(store, guarded_operation(), "WATCHED")

    [seen] = JournalStore(journal_at, 600, clock).live(CONNECTION.key)

    assert (seen.operation.id, seen.state, seen.watched_until) == (operation_id, "WATCHED", clock.now + 30)


FINISHES = [(before, after) for before in ("SENT", "WATCHED", "UNKNOWN") for after in sorted(MOVES[before])]


@pytest.mark.parametrize(("before", "after"), FINISHES)
def test_an_end_is_recorded_once(store: JournalStore, before: State, after: State) -> None:
    operation_id = take_to(store, guarded_operation(), before)

    assert store.finish(operation_id, before, after, outcome(), {})
    assert not store.finish(operation_id, before, after, outcome("refused"), {})
    recorded = find(store, operation_id)
    assert (recorded.state, recorded.outcome) == (after, outcome())
    assert store.upkeep.verify() == []


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in product(sorted(MOVES), repeat=2) if pair[1] not in MOVES[pair[0]]]
)
def test_no_other_move_is_made(store: JournalStore, before: State, after: State) -> None:
    operation_id = (
        take_to(store, guarded_operation(), before)
        if before in ROADS
        else propose(store, guarded_operation()).operation.id
    )

    with pytest.raises(AssertionError):
        store.finish(operation_id, before, after, outcome(), {})


def test_an_approval_is_taken_back_before_it_is_sent(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")

    assert store.take_back(operation_id, {"through": "page"})
    assert store.claim(operation_id, CONNECTION) is None
    assert state_of(store, operation_id) == "DECLINED"


@pytest.mark.parametrize("state", sorted(set(ROADS) - {"APPROVED"}))
def test_only_an_approved_operation_is_taken_back(store: JournalStore, state: State) -> None:
    operation_id = take_to(store, guarded_operation(), state)

    assert not store.take_back(operation_id, {})
    assert state_of(store, operation_id) == state


def test_after_the_claim_taking_back_comes_too_late(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    claim = store.claim(operation_id, CONNECTION)

    assert claim is not None
    assert not store.take_back(operation_id, {})


def test_the_claim_tells_when_it_was_made_by_the_journals_clock(store: JournalStore, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    clock.now += 5

    claim = store.claim(operation_id, CONNECTION)

    assert claim is not None
    assert claim.sent_at == clock.now == find(store, operation_id).sent_at


# The same call


def test_the_same_create_of_the_same_user_is_found_for_ten_minutes(store: JournalStore, clock: Clock) -> None:
    first = take_to(store, create(), "DONE")
    clock.now += 599
    assert propose(store, create()).operation.id == first

    clock.now += 1
    assert find_begun(store, create()) is None


def test_the_same_create_of_another_user_is_not_the_same_call(store: JournalStore) -> None:
    take_to(store, create(), "DONE")

    assert find_begun(store, create(requester=BOB)) is None
    assert store.propose(create("PO-10", requester=BOB), {}) is not None


def test_an_unnumbered_create_is_found_whatever_number_it_took(store: JournalStore) -> None:
    first = take_to(store, create("PO-9", arguments="unnumbered"), "DONE")

    assert propose(store, create("PO-10", arguments="unnumbered")).operation.id == first


@pytest.mark.parametrize("state", ["SENT", "WATCHED", "UNKNOWN"])
def test_the_same_create_is_found_for_ever_while_it_is_not_at_its_end(
    store: JournalStore, clock: Clock, state: State
) -> None:
    first = take_to(store, create(), state)
    clock.now += 10_000_000

    same = find_begun(store, create("PO-10", arguments=create().arguments))

    assert same is not None
    assert same.operation.id == first


def test_a_create_whose_order_is_gone_again_is_not_found(store: JournalStore) -> None:
    first = take_to(store, create(), "DONE")

    again = propose(store, create(), gone=frozenset({first}))

    assert again.operation.id != first


@pytest.mark.parametrize("kind", ["delete", "finalize", "cancel"])
def test_a_done_operation_is_found_again_for_the_same_user_for_ten_minutes(
    store: JournalStore, clock: Clock, kind: str
) -> None:
    first = take_to(store, guarded_operation(kind), "DONE")
    clock.now += 599
    done = find_recent(store, guarded_operation(kind, order_digest="it changed by that"))
    assert done is not None
    assert done.operation.id == first
    assert find_recent(store, guarded_operation(kind, requester=BOB)) is None
    assert find_recent(store, guarded_operation(kind, arguments='{"create_backorder":true}')) is None

    clock.now += 1
    assert find_recent(store, guarded_operation(kind)) is None


def test_a_number_is_in_use_as_long_as_its_order_is_there_or_may_come(store: JournalStore) -> None:
    for place, state in enumerate(
        ("PROPOSED", "APPROVED", "SENT", "WATCHED", "UNKNOWN", "DONE", "REFUSED", "CONFLICT")
    ):
        take_to(store, create(f"PO-{place}", content_digest="", vendor=""), state)  # type: ignore[arg-type]

    assert store.numbers_of_creates(CONNECTION.key) == {f"PO-{place}" for place in range(6)}


@pytest.mark.parametrize("state", ["APPROVED", "SENT", "WATCHED", "UNKNOWN"])
def test_an_operation_of_the_same_call_is_found_in_progress(store: JournalStore, state: State) -> None:
    operation_id = take_to(store, guarded_operation(), state)

    before = find_begun(store, guarded_operation(order_digest="it changed by that"))

    assert before is not None
    assert before.operation.id == operation_id
    assert find_begun(store, guarded_operation("finalize")) is None


@pytest.mark.parametrize("state", ["PROPOSED", "DONE", "DECLINED"])
def test_an_operation_without_approval_or_at_its_end_is_not_in_progress(store: JournalStore, state: State) -> None:
    take_to(store, guarded_operation(), state)

    assert find_begun(store, guarded_operation()) is None


# Not too many


def test_one_client_leaves_a_person_with_so_many_questions(store: JournalStore, clock: Clock) -> None:
    for place in range(MAX_OPEN_QUESTIONS):
        propose(store, guarded_operation(number=f"PO-{place}"))
        clock.now += 2

    with pytest.raises(TooManyQuestions, match=f"{MAX_OPEN_QUESTIONS} requests are already waiting for approval"):
        store.propose(guarded_operation(number="PO-X"), {})
    assert propose(store, guarded_operation(number="PO-X", requester=BOB)).state == "PROPOSED"
    assert propose(store, create(), approved=True).state == "APPROVED"


def test_a_question_that_was_declined_is_none_of_them(store: JournalStore, clock: Clock) -> None:
    for place in range(MAX_OPEN_QUESTIONS + 5):
        operation = propose(store, guarded_operation(number=f"PO-{place}")).operation
        store.note_unanswered(operation.id, {"how": "declined"}, is_decline=True)
        clock.now += 2

    assert propose(store, guarded_operation(number="PO-X")).state == "PROPOSED"


def test_a_form_that_was_not_shown_leaves_the_question_one_of_them(store: JournalStore, clock: Clock) -> None:
    for place in range(MAX_OPEN_QUESTIONS):
        operation = propose(store, guarded_operation(number=f"PO-{place}")).operation
        store.note_unanswered(operation.id, {"how": "accepted"}, is_decline=False)
        clock.now += 2

    with pytest.raises(TooManyQuestions):
        store.propose(guarded_operation(number="PO-X"), {})


def test_one_client_proposes_so_much_in_a_minute(store: JournalStore, clock: Clock) -> None:
    limit = MAX_PROPOSALS[60.0]
    for place in range(limit):
        take_to(store, guarded_operation(number=f"PO-{place}"), "DECLINED")

    with pytest.raises(TooManyQuestions, match=f"{limit} changes were requested within 1 minute"):
        store.propose(guarded_operation(number="PO-X"), {})
    with pytest.raises(TooManyQuestions):
        store.propose(create("PO-Y"), {}, approved=True)
    assert propose(store, guarded_operation(number="PO-X", requester=BOB)).state == "PROPOSED"
    clock.now += 60
    assert propose(store, guarded_operation(number="PO-Y")).state == "PROPOSED"


def test_a_loop_that_alternates_between_two_choices_is_stopped_too(store: JournalStore) -> None:
    """Each choice makes the former question stale, so that never more than one is open."""

    def loop() -> None:
        for place in range(10_000):
            store.propose(guarded_operation("finalize", arguments=str(place % 2)), {})

    with pytest.raises(TooManyQuestions):
        loop()
    assert store.counts()[0] <= MAX_PROPOSALS[60.0]


def test_a_loop_that_asks_the_same_writes_little(store: JournalStore, clock: Clock) -> None:
    for _ in range(600):
        operation = propose(store, guarded_operation()).operation
        store.note_unanswered(operation.id, {"how": "declined"}, is_decline=True)
        clock.now += 0.1

    operations, events = store.counts()
    assert operations == 1
    assert events < 70
    assert store.upkeep.verify() == []


def test_a_steady_loop_is_stopped_within_the_hour(
    store: JournalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert proposals.MAX_PROPOSALS[3600.0] == 600
    limit = 60  # a tenth of it, which shows the same in a tenth of the time
    monkeypatch.setattr(proposals, "MAX_PROPOSALS", {60.0: 100, 3600.0: limit})

    def loop() -> None:
        for place in range(limit + 1):
            take_to(store, guarded_operation(number=f"PO-{place}"), "DECLINED")
            clock.now += 20

    with pytest.raises(TooManyQuestions, match="within 60 min"):
        loop()
    assert store.counts()[0] == limit


# Late news


def test_a_late_effect_of_a_refused_write_is_reported_once(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    operation_id = take_to(store, guarded_operation(), "WATCHED")
    store.finish(operation_id, "WATCHED", "DONE", outcome(), {}, is_late=True)
    other = JournalStore(journal_at, 600, clock)

    assert store.take_late_news("another") == []
    assert [one.operation.id for one in other.take_late_news(CONNECTION.key)] == [operation_id]
    assert store.take_late_news(CONNECTION.key) == other.take_late_news(CONNECTION.key) == []
    assert store.upkeep.verify() == []


def test_one_look_tells_whether_there_may_be_late_news(store: JournalStore) -> None:
    take_to(store, guarded_operation(number="PO-1"), "DONE")
    take_to(store, guarded_operation(number="PO-2"), "UNKNOWN")
    assert not store.may_have_news(CONNECTION)

    operation_id = take_to(store, guarded_operation(number="PO-3"), "WATCHED")
    assert store.may_have_news(CONNECTION)

    store.finish(operation_id, "WATCHED", "DONE", outcome(), {}, is_late=True)
    assert store.may_have_news(CONNECTION)

    store.take_late_news(CONNECTION.key)
    assert not store.may_have_news(CONNECTION)
    # Under other credentials it may be recorded by another name.
    assert store.may_have_news(replace(CONNECTION, credentials="others"))


def test_an_effect_in_time_is_no_late_news(store: JournalStore) -> None:
    take_to(store, guarded_operation(), "DONE")

    assert store.take_late_news(CONNECTION.key) == []


# Whose it is


def test_an_approval_of_one_connection_is_not_claimed_by_another(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    other = Connection("exsited", "https://erp.example.com/test", None, CONNECTION.credentials)

    assert store.claim(operation_id, other) is None
    assert state_of(store, operation_id) == "APPROVED"


def test_an_operation_that_does_not_exist_is_not_found_or_moved(store: JournalStore) -> None:
    take_to(store, guarded_operation(), "DONE")

    assert store.find("nothing") is None
    assert store.claim("nothing", CONNECTION) is None
    assert not store.take_back("nothing", {})
    assert not store.decline("nothing", {})


def test_operations_are_found_by_the_beginning_of_their_id(store: JournalStore) -> None:
    operation_id = take_to(store, guarded_operation(), "DONE")

    assert [one.operation.id for one in store.find_beginning(operation_id[:8])] == [operation_id]
    assert store.find_beginning("%") == []


def test_the_state_live_is_the_same_for_program_and_file(store: JournalStore) -> None:
    for place, state in enumerate(ROADS):
        take_to(store, guarded_operation(number=f"PO-{place}"), state)

    live = {one.state for one in store.live(None)}

    assert live == LIVE
    assert {one.state for one in store.all()} - live == set(ROADS) - LIVE


def test_the_requester_is_kept_with_the_operation(store: JournalStore) -> None:
    operation_id = take_to(store, replace(guarded_operation(), requester=ADA), "PROPOSED")

    assert find(store, operation_id).operation.requester == ADA
    assert store.events(operation_id)[0].detail["user"] == "ada"


@pytest.mark.parametrize("alike", ["po-1", "PO-1 ", "\uff30\uff2f\uff0d\uff11"])
@pytest.mark.parametrize("state", ["APPROVED", "SENT", "UNKNOWN"])
def test_an_order_is_under_way_whatever_its_number_is_written_like(
    store: JournalStore, state: State, alike: str
) -> None:
    take_to(store, guarded_operation(number="PO-1"), state)

    with pytest.raises(OperationUnderWay, match="PO-1 has another request in progress"):
        store.propose(guarded_operation(number=alike), {})
    assert isinstance(store.propose(guarded_operation(number="PO-2"), {}), Recorded)


def test_the_number_of_a_declined_question_is_free_and_that_question_gives_way(store: JournalStore) -> None:
    operation = propose(store, create("PO-7")).operation
    assert store.numbers_of_creates(CONNECTION.key) == {"PO-7"}

    store.note_unanswered(operation.id, {"how": "declined"}, is_decline=True)

    assert store.numbers_of_creates(CONNECTION.key) == set()
    assert store.find(operation.id).state == "PROPOSED"  # type: ignore[union-attr]
