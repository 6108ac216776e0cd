"""The record of operations: one claim each, attempts counted, nothing in doubt forgotten."""

from __future__ import annotations

import anyio
import pytest

from po_mcp.errors import OutcomeUnknown, Refused
from po_mcp.writes.execution import carry_out, end_unsent
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import Operation, OutcomeStatus, WriteOutcome


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(clock: Clock) -> Journal:
    return Journal(600, clock)


OPERATION = Operation("erp", "delete", "PO-1", "{}", "digest")


def outcome(status: OutcomeStatus = "done") -> WriteOutcome:
    return WriteOutcome(status=status, message="what came of it")


def test_an_operation_is_claimed_once(journal: Journal) -> None:
    proposed = journal.propose(OPERATION)

    assert [journal.claim(proposed.id) for _ in range(3)] == [True, False, False]


def test_what_was_never_proposed_cannot_be_claimed(journal: Journal) -> None:
    assert not journal.claim(OPERATION.id)


def test_what_was_not_approved_in_time_cannot_be_claimed(journal: Journal, clock: Clock) -> None:
    journal.propose(OPERATION)
    clock.now = 601

    assert journal.find(OPERATION.id) is None
    assert not journal.claim(OPERATION.id)


def test_asking_anew_gives_the_time_anew(journal: Journal, clock: Clock) -> None:
    journal.propose(OPERATION)
    clock.now = 599
    journal.propose(OPERATION)
    clock.now = 900

    assert journal.claim(OPERATION.id)


@pytest.mark.parametrize("status", ["refused", "stale"])
def test_what_ended_without_effect_is_begun_anew(journal: Journal, status: OutcomeStatus) -> None:
    first = journal.propose(OPERATION)
    journal.claim(first.id)
    journal.settle(first.id, outcome(status))

    second = journal.propose(OPERATION)

    assert second.attempt == 1
    assert not journal.claim(first.id)
    assert journal.claim(second.id)


@pytest.mark.parametrize("status", ["done", "unknown"])
def test_what_had_or_may_have_had_an_effect_is_not(journal: Journal, status: OutcomeStatus) -> None:
    first = journal.propose(OPERATION)
    journal.claim(first.id)
    journal.settle(first.id, outcome(status))

    again = journal.propose(OPERATION)

    assert again == first
    assert not journal.claim(again.id)


def test_what_is_in_doubt_is_never_forgotten(journal: Journal, clock: Clock) -> None:
    journal.propose(OPERATION)
    journal.claim(OPERATION.id)
    journal.settle(OPERATION.id, outcome("unknown"))
    clock.now = 10_000

    assert not journal.claim(journal.propose(OPERATION).id)


async def test_a_hundred_calls_at_once_send_once_and_tell_the_same(journal: Journal) -> None:
    sends = 0
    told: list[WriteOutcome] = []

    async def send() -> WriteOutcome:
        nonlocal sends
        sends += 1
        await anyio.lowlevel.checkpoint()
        return outcome()

    async def call() -> None:
        told.append(await carry_out(journal, journal.propose(OPERATION), send, ""))

    async with anyio.create_task_group() as calls:
        for _ in range(100):
            calls.start_soon(call)

    assert sends == 1
    assert sorted(one.replayed for one in told) == [False] + [True] * 99
    assert {one.status for one in told} == {"done"}


async def test_a_cancelled_call_does_not_lose_what_came_of_its_write(journal: Journal) -> None:
    journal.propose(OPERATION)
    sent, answer = anyio.Event(), anyio.Event()

    async def send() -> WriteOutcome:
        sent.set()
        await answer.wait()
        return outcome()

    async with anyio.create_task_group() as calls:
        calls.start_soon(carry_out, journal, OPERATION, send, "")
        await sent.wait()
        calls.cancel_scope.cancel()
        answer.set()

    assert await journal.outcome(OPERATION.id) == outcome()


async def test_a_doubt_is_an_outcome_that_must_not_be_repeated(journal: Journal) -> None:
    async def send() -> WriteOutcome:
        raise OutcomeUnknown("The request was sent, but the connection failed.")

    told = await carry_out(journal, journal.propose(OPERATION), send, "SANDBOX.")

    assert (told.status, told.do_not_repeat) == ("unknown", True)
    assert told.message.startswith("SANDBOX. What came of it is not known. The request was sent")


async def test_a_crash_while_sending_is_a_doubt_whose_text_stays_private(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    async def send() -> WriteOutcome:
        raise RuntimeError("Bearer a-secret")

    told = await carry_out(journal, journal.propose(OPERATION), send, "")

    assert (told.status, told.do_not_repeat) == ("unknown", True)
    assert "a-secret" not in told.message + caplog.text


async def test_a_refusal_is_definite(journal: Journal) -> None:
    async def send() -> WriteOutcome:
        raise Refused("The ERP refused it.")

    told = await carry_out(journal, journal.propose(OPERATION), send, "")

    assert (told.status, told.do_not_repeat, told.message) == ("refused", False, "The ERP refused it.")


async def test_what_another_call_has_in_hand_is_not_ended_unsent(journal: Journal) -> None:
    journal.propose(OPERATION)
    journal.claim(OPERATION.id)
    journal.settle(OPERATION.id, outcome("done"))

    told = await end_unsent(journal, OPERATION, outcome("stale"))

    assert (told.status, told.replayed) == ("done", True)
