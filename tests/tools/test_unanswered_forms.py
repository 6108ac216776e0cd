"""A form that nobody answers, or answers with something of the client's own, ends its call with where to decide."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.client import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from po_mcp.desk import approval_flow
from po_mcp.server import lifespan
from po_mcp.tools import _progress
from po_mcp.writes.forms import MAX_TRIES
from tests.harness import ERAS, ScriptedPerson, ServerHarness, accept, outcome, text

LEGACY = "2025-11-25"
DELETE = {"number": "PO-2025-0038"}


class Silent:
    """A person who never answers; `cancelled` says that the client's form was closed by the server."""

    cancelled = 0

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        raise AssertionError


@pytest.fixture
def short_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifespan, "_MAX_FORM_S", 0.3)


@pytest.mark.usefixtures("short_forms")
async def test_a_form_that_nobody_answers_ends_as_approval_required(harness: ServerHarness) -> None:
    person: Any = Silent()
    async with harness.client(LEGACY, person) as client:
        with anyio.fail_after(60):
            waits = outcome(await client.call_tool("delete_purchase_order", DELETE))
        cancelled = person.cancelled

    assert waits["status"] == "approval_required"
    assert waits["message"].startswith(
        "SANDBOX: No answer came in time; one that comes now counts for nothing. Order PO-2025-0038 was not deleted."
    )
    assert "po-mcp approve" in waits["message"]
    assert cancelled == 1
    assert harness.wire.writes == []


@pytest.mark.usefixtures("short_forms")
async def test_a_choice_that_nobody_makes_ends_with_the_candidates(harness: ServerHarness) -> None:
    line = {"item": "hex bolt", "quantity": "10", "unit_price": "1", "warehouse": "Main"}
    person: Any = Silent()
    async with harness.client(LEGACY, person) as client:
        with anyio.fail_after(60):
            result = await client.call_tool("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [line]})
        cancelled = person.cancelled

    assert result.is_error
    assert "BOLT-M8-30" in text(result)
    assert cancelled == 1
    assert harness.wire.writes == []


async def test_the_tries_of_one_question_share_its_time(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    form_s, fail_after = lifespan.form_timeout_s(600), anyio.fail_after
    left: list[float] = []
    answered = []

    def note_and_fail_after(delay: float | None, shield: bool = False) -> Any:
        if delay is not None and delay > form_s / 2:  # no other wait of a call is as long
            left.append(delay)
        return fail_after(delay, shield)

    async def mistype(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        answered.append(params)
        return accept(order_number="PO-0")

    monkeypatch.setattr(anyio, "fail_after", note_and_fail_after)
    async with harness.client(LEGACY, mistype, approval_ttl=600) as client:  # type: ignore[arg-type]
        waits = outcome(await client.call_tool("delete_purchase_order", DELETE))

    assert waits["status"] == "approval_required"
    assert len(answered) == len(left) == MAX_TRIES
    assert left[0] == form_s
    assert left == sorted({*left}, reverse=True)  # each has what the one before it left


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (ElicitResult(action="cancel"), "The question was closed without an answer."),
        (accept(order_number=7), "No answer came that fits the question."),
        (accept(number="PO-2025-0038"), "No answer came that fits the question."),
    ],
    ids=["closed", "no text", "another field"],
)
async def test_a_reply_in_the_place_of_an_answer_is_named(
    harness: ServerHarness, reply: ElicitResult, why: str
) -> None:
    async with harness.client(LEGACY, ScriptedPerson(reply)) as client:
        waits = outcome(await client.call_tool("delete_purchase_order", DELETE))

    assert waits["status"] == "approval_required"
    assert f"{why} Order PO-2025-0038 was not deleted." in waits["message"]


async def test_a_form_may_be_open_for_half_of_an_operations_life(harness: ServerHarness) -> None:
    async with harness.client(LEGACY, approval_ttl=40) as client:
        waits = outcome(await client.call_tool("delete_purchase_order", DELETE))

    assert waits["status"] == "approval_required"  # the settings are taken
    assert lifespan.form_timeout_s(40) == 20
    assert lifespan.form_timeout_s(600) == lifespan.form_timeout_s(3600) == 300


async def test_a_yes_after_the_life_of_its_question_is_answered_in_words(harness: ServerHarness) -> None:
    now = 1_800_000_000.0

    async def late(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        nonlocal now
        now += 601
        return accept(order_number=DELETE["number"])

    for era in ERAS:
        async with harness.client(era, late, clock=lambda: now) as client:  # type: ignore[arg-type]
            ended = outcome(await client.call_tool("delete_purchase_order", DELETE))

        assert ended["status"] == "expired"
        assert "Nothing was changed" in ended["message"]
    assert harness.wire.writes == []


async def test_progress_is_reported_while_a_person_reads(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.1)
    reported: list[float] = []
    has_read = anyio.Event()

    async def keep(progress: float, total: float | None, message: str | None) -> None:
        reported.append(progress)
        if len(reported) >= 3:
            has_read.set()

    async def read(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        await has_read.wait()
        return ElicitResult(action="cancel")

    person: Any = read
    async with harness.client(LEGACY, person) as client:
        with anyio.fail_after(60):
            await client.call_tool("delete_purchase_order", DELETE, progress_callback=keep)

    assert reported == sorted(set(reported))


@pytest.mark.parametrize("era", ERAS)
async def test_a_decline_that_came_at_once_says_where_else_it_is_decided(harness: ServerHarness, era: str) -> None:
    async with harness.client(era, ScriptedPerson(ElicitResult(action="decline"))) as client:
        declined = outcome(await client.call_tool("delete_purchase_order", DELETE))

    assert declined["status"] == "declined"
    assert declined["message"].endswith("was not deleted. If no question was shown, decide with po-mcp approve.")
    assert "approve_at" not in declined
    assert "http" not in declined["message"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_decline_that_a_person_had_time_for_says_no_more(
    harness: ServerHarness, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_flow, "_QUICK_S", 0.0)
    async with harness.client(era, ScriptedPerson(ElicitResult(action="decline"))) as client:
        declined = outcome(await client.call_tool("delete_purchase_order", DELETE))

    assert declined["message"] == "SANDBOX: Declined. Order PO-2025-0038 was not deleted."


class TwoForms:
    """Leaves the first form open until the second is there, says yes to it, and no to the second once that is done."""

    def __init__(self, no: ElicitResult) -> None:
        self.no = no
        self.forms = 0
        self.both, self.closed = anyio.Event(), anyio.Event()

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.forms += 1
        if self.forms == 1:
            await self.both.wait()
            return accept(decision="close")
        self.both.set()
        await self.closed.wait()
        return self.no


@pytest.mark.parametrize(
    "no",
    [accept(decision="keep"), ElicitResult(action="decline"), ElicitResult(action="cancel")],
    ids=["keep", "decline", "cancel"],
)
async def test_a_no_to_a_second_form_reports_what_the_yes_to_the_first_did(
    harness: ServerHarness, no: ElicitResult
) -> None:
    person, outcomes = TwoForms(no), []
    call = ("finalize_purchase_order", {"number": "PO-2025-0037"})
    async with harness.client(ERAS[1], person) as client:  # type: ignore[arg-type]

        async def ask() -> None:
            outcomes.append(outcome(await client.call_tool(*call)))
            person.closed.set()

        async with anyio.create_task_group() as calls:
            calls.start_soon(ask)
            calls.start_soon(ask)

    assert [one["status"] for one in outcomes] == ["done", "done"]
    assert [one["replayed"] for one in outcomes] == [False, True]
    assert len(harness.wire.writes) == 1
