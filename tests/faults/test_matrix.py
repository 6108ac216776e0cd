"""Every fault at its most interesting requests. `python -m tests.faults` plays all of them everywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.http import client, failures
from po_mcp.errors import OutcomeUnknown
from po_mcp.sandbox.faults import FAULTS

from .matrix import Scenario, Seen, every_scenario
from .oracle import TRIES, Judged, play, violations

STRUCK = (
    ("inventory-pro", "finalize", "write"),
    ("inventory-pro", "finalize", "re-read"),
    ("exsited", "delete", "write on"),
    ("exsited", "cancel", "write"),
    ("exsited", "get", "reads"),
    ("exsited", "list", "token"),
)


def wrong(judged: list[Judged]) -> list[str]:
    return [f"{each.scenario}: {why}" for each in judged for why in each.wrong]


@pytest.mark.parametrize("fault", FAULTS)
async def test_any_fault_leads_to_at_most_one_write_and_no_lie(fault: str) -> None:
    assert wrong(await play([Scenario(erp, call, fault, stage) for erp, call, stage in STRUCK])) == []


async def test_a_write_that_is_sent_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    once = client.ErpHttpClient._send_once

    async def until_answered(self: client.ErpHttpClient, request: Any) -> Any:
        try:
            return await once(self, request)
        except OutcomeUnknown:
            return await once(self, request)

    monkeypatch.setattr(client.ErpHttpClient, "_send_once", until_answered)

    [judged] = await play([Scenario("inventory-pro", "create", "lost-answer", "write")])

    assert "2 writes were sent" in judged.wrong


async def test_a_lost_answer_that_is_taken_for_a_lost_request_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "NOT_SENT", (*failures.NOT_SENT, httpx2.ReadError))

    [judged] = await play([Scenario("inventory-pro", "finalize", "lost-answer", "write")])

    assert "a lie: reported refused, and it is applied" in judged.wrong


def test_every_fault_is_played_at_every_stage_of_every_call() -> None:
    faults = Counter(scenario.fault for scenario in every_scenario())

    assert faults == dict.fromkeys(FAULTS, 4 * 4 + 5 * 8)


WRITE = Scenario("inventory-pro", "create", "hang", "write")
READ = Scenario("inventory-pro", "get", "hang", "read")
ORDER = {"order": {"number": "A", "total": "5"}}
DONE = Seen("done", "done: Created it.", ORDER, 1, 1, True, 1, 0.1, (), frozenset())
UNSENT = Seen("error", "It failed. Try again.", {}, 0, 0, False, 0, 0.1, (), frozenset())
ANSWERED = replace(UNSENT, reported="answered", said="A table")


@pytest.mark.parametrize("seen", [DONE, UNSENT, replace(UNSENT, writes_sent=1), replace(UNSENT, reported="stale")])
def test_a_true_answer_to_a_write_is_right(seen: Seen) -> None:
    assert violations(WRITE, seen, DONE) == []


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(DONE, applied=False, more_orders=0), "a lie: reported done, and it is not applied"),
        (
            replace(UNSENT, reported="refused", applied=True, more_orders=1),
            "a lie: reported refused, and it is applied",
        ),
        (replace(DONE, writes_sent=2), "2 writes were sent"),
        (replace(DONE, more_orders=2), "the book has +2 orders"),
        (replace(DONE, shown={"order": {"number": "B"}}), "the order's number is shown as B"),
        (replace(UNSENT, reported="unknown", writes_sent=1), "do_not_repeat does not go with the status"),
        (replace(UNSENT, reported="unknown", shown={"do_not_repeat": True}), "unknown, and nothing was sent"),
        (replace(UNSENT, said="It failed."), "it does not say what to do next"),
        (replace(UNSENT, said="See http://x. Try again."), "it tells what is private or the ERP's own text"),
        (replace(UNSENT, said="No: t0ken. Try again.", tokens=frozenset({"t0ken"})), "it tells what is private"),
    ],
)
def test_the_matrix_finds_a_faulty_write(seen: Seen, why: str) -> None:
    assert any(found.startswith(why) for found in violations(WRITE, seen, DONE))


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(ANSWERED, writes_sent=1), "a read has written"),
        (replace(ANSWERED, seconds=9.0), "it took 9.0 s"),
        (replace(ANSWERED, shown={"number": "B"}), "the answer is another than without the fault"),
    ],
)
def test_the_matrix_finds_a_faulty_read(seen: Seen, why: str) -> None:
    assert any(found.startswith(why) for found in violations(READ, seen, ANSWERED))


async def test_a_read_is_tried_no_more_often_than_allowed() -> None:
    [judged] = await play([Scenario("inventory-pro", "get", "503", "reads")])

    assert set(judged.seen.tries.values()) == {TRIES}
