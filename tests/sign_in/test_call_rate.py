"""Each person's calls are limited, and their answers to questions by a limit apart: no write is lost sight of."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.concurrency import CallRate
from po_mcp.server.mcp_server import PurchasingServer
from po_mcp.sign_in.gate import Gate
from tests.commands.test_serve import HELLO, call, modern
from tests.harness import ERAS, ScriptedPerson, ServerHarness, outcome, text, yes
from tests.sign_in.issuer import BOB, team_server
from tests.sign_in.test_people import connect

CALLS_PER_MINUTE = 10
FINALIZE = "finalize_purchase_order"
both_eras = pytest.mark.parametrize("era", ERAS)


def test_a_caller_may_make_a_minutes_calls_at_once_and_then_one_after_the_other() -> None:
    now = [0.0]
    rate = CallRate(60, lambda: now[0])
    at_once = [rate.take("alice") for _ in range(61)]
    now[0] += 1
    later = [rate.take("alice"), rate.take("alice")]
    now[0] += 3600
    after_an_hour = [rate.take("alice") for _ in range(61)]

    assert at_once == [0] * 60 + [1]
    assert later == [0, 1]
    assert after_an_hour == [0] * 60 + [1]


def test_one_callers_calls_do_not_count_for_another() -> None:
    rate = CallRate(10, lambda: 0.0)
    alice = [rate.take("alice") for _ in range(20)]

    assert alice == [0] * 10 + [6] * 10
    assert rate.take("bob") == 0


def test_callers_who_have_all_their_calls_left_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("po_mcp.concurrency._MAX_CALLERS", 5)
    rate = CallRate(10, lambda: now[0])
    for name in "abcde":
        rate.take(name)
    now[0] += 61
    for _ in range(11):
        rate.take("f")

    assert set(rate._left) == {"f"}
    assert rate.take("f") > 0


@both_eras
async def test_too_many_calls_are_a_tool_error_and_delay_nobody_else(era: str) -> None:
    async with team_server(calls_per_minute=CALLS_PER_MINUTE, self_approval=True) as server:
        async with connect(server, server.token(), era) as alice:
            answers = [await alice.call_tool("search_catalog", {"kind": "vendor"}) for _ in range(CALLS_PER_MINUTE + 1)]
            asked_after = await alice.call_tool("get_operation", {})
        async with connect(server, server.token(BOB), era) as bob:
            other = await bob.call_tool("search_catalog", {"kind": "vendor"})

    assert [one.is_error for one in answers] == [False] * CALLS_PER_MINUTE + [True]
    assert text(answers[-1]).startswith(
        "Too many calls in a short time: each person may make 10 a minute. Nothing was sent. Try again in "
    )
    assert not asked_after.is_error
    assert not other.is_error


async def spend(client: Any) -> None:
    """Make all calls of a minute but one."""
    for _ in range(CALLS_PER_MINUTE - 1):
        await client.call_tool("search_catalog", {"kind": "vendor"})


@both_eras
async def test_an_answer_to_a_question_is_not_limited(harness: ServerHarness, era: str) -> None:
    """The last call that is allowed asks the question, so that the answer comes above the limit of calls."""
    person = ScriptedPerson(yes)
    async with (
        team_server(calls_per_minute=CALLS_PER_MINUTE, self_approval=True, **harness.files) as server,
        connect(server, server.token(), era, person) as alice,
    ):
        await spend(alice)
        done = outcome(await alice.call_tool(FINALIZE, {"number": "PO-2025-0037"}))

    assert (done["status"], len(person.asked)) == ("done", 1)


async def test_other_requests_above_the_limit_get_429_with_a_wait_and_a_message() -> None:
    async with (
        team_server(calls_per_minute=CALLS_PER_MINUTE, self_approval=True) as server,
        server.http(server.token()) as http,
    ):
        answers = [await http.post("/mcp", json=call("initialize", HELLO)) for _ in range(CALLS_PER_MINUTE + 1)]
        tool = await http.post("/mcp", **modern("search_catalog", {"kind": "vendor"}))
    last = answers[-1]

    assert [one.status_code for one in answers] == [200] * CALLS_PER_MINUTE + [429]
    assert 1 <= int(last.headers["retry-after"]) <= 6
    assert last.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {
            "code": -32600,
            "message": "Too many requests in a short time. Nothing was sent. "
            f"Try again in {last.headers['retry-after']} s.",
        },
    }
    assert tool.status_code == 200


# Without the controls


async def calls_without_limit() -> bool:
    async with (
        team_server(calls_per_minute=CALLS_PER_MINUTE, self_approval=True) as server,
        server.http(server.token()) as http,
    ):
        for _ in range(CALLS_PER_MINUTE):
            await http.post("/mcp", json=call("initialize", HELLO))
            await http.post("/mcp", **modern("search_catalog", {"kind": "vendor"}))
        hello = await http.post("/mcp", json=call("initialize", HELLO))
        tool = await http.post("/mcp", **modern("search_catalog", {"kind": "vendor"}))
    return hello.status_code == 200 or "Too many" not in tool.text


async def an_answer_that_counts_as_a_call() -> bool:
    async with (
        team_server(calls_per_minute=CALLS_PER_MINUTE, self_approval=True) as server,
        connect(server, server.token(), ERAS[0], ScriptedPerson(yes)) as alice,
    ):
        await spend(alice)
        return "Too many" in text(await alice.call_tool(FINALIZE, {"number": "PO-2025-0037"}))


def no_limit_at_the_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "_seconds_to_wait", lambda self, token, message, scope: 0)


def no_limit_of_tools(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PurchasingServer, "_count_call", lambda self, name, rates, has_answer: None)


def one_limit_for_calls_and_answers(patch: pytest.MonkeyPatch) -> None:
    count = PurchasingServer._count_call
    patch.setattr(
        PurchasingServer, "_count_call", lambda self, name, rates, has_answer: count(self, "", rates, has_answer=False)
    )


@pytest.mark.parametrize(
    ("remove", "attack"),
    [
        (no_limit_at_the_gate, calls_without_limit),
        (no_limit_of_tools, calls_without_limit),
        (one_limit_for_calls_and_answers, an_answer_that_counts_as_a_call),
    ],
)
async def test_an_attack_succeeds_only_without_its_control(
    remove: Any, attack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    intact = await attack()
    remove(monkeypatch)
    mutated = await attack()

    assert (intact, mutated) == (False, True)
