"""Where people sign in, what one asked for is not another's to see, answer or carry out; elsewhere nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from po_mcp.errors import OperationUnderWay
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.operation import Operation, Requester, State
from tests.writes.making import (
    CONNECTION,
    KEY,
    Clock,
    JournalPlace,
    create,
    find_begun,
    guarded_operation,
    outcome,
    propose,
    state_of,
    take_to,
)

ISSUER = "https://login.example.com"


def sign_in(subject: str, client: str = "assistant") -> Requester:
    user = f"{ISSUER} {subject}"
    return Requester(user, "an assistant", "2026-07-28", user, client)


ALICE, BOB = sign_in("alice"), sign_in("bob")


def operation_of(requester: Requester) -> Operation:
    return replace(guarded_operation(), requester=requester)


@pytest.mark.parametrize("state", ["APPROVED", "SENT", "UNKNOWN"])
def test_an_approval_of_one_person_is_not_carried_on_by_another(store: JournalStore, state: State) -> None:
    operation_id = take_to(store, operation_of(ALICE), state)

    assert find_begun(store, operation_of(BOB)) is None
    assert find_begun(store, operation_of(ALICE)) is not None
    with pytest.raises(OperationUnderWay, match=r"another person's request in progress: .*Nothing was changed\."):
        store.propose(operation_of(BOB), {})
    assert state_of(store, operation_id) == state


def test_anothers_open_question_gives_way_and_is_not_answered(store: JournalStore) -> None:
    hers = propose(store, operation_of(ALICE)).operation

    his = propose(store, operation_of(BOB)).operation

    assert his.id != hers.id
    assert (state_of(store, hers.id), state_of(store, his.id)) == ("STALE", "PROPOSED")


def test_the_same_person_goes_on_with_another_client(store: JournalStore) -> None:
    first = propose(store, operation_of(ALICE)).operation

    again = propose(store, operation_of(sign_in("alice", "another"))).operation

    assert again.id == first.id


def test_late_news_go_to_the_people_they_concern(store: JournalStore) -> None:
    operation_id = take_to(store, operation_of(ALICE), "WATCHED")
    store.finish(operation_id, "WATCHED", "DONE", outcome(), {}, is_late=True)

    his = store.take_late_news(CONNECTION.key, BOB)
    hers = store.take_late_news(CONNECTION.key, ALICE)

    assert his == []
    assert [one.operation.id for one in hers] == [operation_id]


def test_writes_of_others_hide_none_of_a_persons_own(store: JournalStore, clock: Clock) -> None:
    hers = take_to(store, operation_of(ALICE), "DONE")
    for place in range(6):
        take_to(store, replace(guarded_operation(number=f"PO-HIS-{place}"), requester=BOB), "DONE")
        take_to(store, replace(guarded_operation(number=f"PO-LOST-{place}"), requester=ALICE), "REFUSED")

    def find_done(user: str | None, limit: int = 5) -> list[str]:
        return [one.operation.id for one in store.done_since(KEY, ["create", "delete"], clock.now - 1, user, limit)]

    assert find_done(ALICE.handles) == [hers]
    assert len(find_done(None)) == 5
    assert hers in find_done(None, 7)
    assert store.done_since(KEY, ["create"], clock.now - 1, None, 5) == []
    clock.now += 1
    assert find_done(None) == []


def test_the_latest_are_chosen_before_they_are_cut(store: JournalStore) -> None:
    hers = take_to(store, operation_of(ALICE), "DONE")
    made = take_to(store, create(), "DONE")
    for place in range(6):
        take_to(store, replace(guarded_operation("finalize", number=f"PO-HIS-{place}"), requester=BOB), "DONE")

    def latest(**which: Any) -> list[str]:
        return [one.operation.id for one in store.latest(KEY, 3, **which)]

    assert latest(user=ALICE.user) == [hers]
    assert latest(kind="create") == [made]
    assert latest(kind="create", asked_only=True) == []
    assert len(latest(asked_only=True)) == 3
    assert latest(kind="delete", user=BOB.user) == []


def test_a_subject_is_one_person_per_issuer(store: JournalStore) -> None:
    other = Requester("https://another.example alice", oauth_client="assistant")

    assert not other.may_handle(operation_of(ALICE))
    assert not ALICE.may_handle(operation_of(other))


def test_without_sign_in_everything_is_shared_as_before(
    store: JournalStore, journal_at: JournalPlace, clock: Clock
) -> None:
    first = propose(store, operation_of(Requester("ada"))).operation

    again = propose(JournalStore(journal_at, 600, clock), operation_of(Requester("bob"))).operation

    assert again.id == first.id
    assert Requester("ada").may_handle(operation_of(ALICE))


def test_the_record_names_the_client_of_a_token_and_nothing_where_there_is_none() -> None:
    assert ALICE.detail()["oauth_client"] == "assistant"
    assert "oauth_client" not in Requester("ada").detail()
