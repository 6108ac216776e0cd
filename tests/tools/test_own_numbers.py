"""An ERP that numbers orders itself: it answers a create with another number, and nothing is ordered twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.writes.journal import Journal, Proof
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.kinds import answered
from po_mcp.writes.observation import Observation
from po_mcp.writes.reconcile import Reconciler
from tests.harness import REAL, ScriptedPerson, no, outcome, yes
from tests.tools.small_erps import Row, SmallERP, SmallExsited, SmallInventoryPro

CREATE = "create_purchase_order"
BOLTS = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "1"}
BOLTS_OF_EXSITED = {"item": "Bolt", "quantity": "5", "unit_price": "0.12"}
AT_ONCE = {"late_apply": 0, "read_lag": 0}
"""An ERP of which the operator says that a reading shows everything at once."""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is as late as any: by now an order that is absent under our number would be called not created."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Reconciler, "_cannot_come_late", lambda self, recorded, looked_at: True)


def number_orders() -> Any:
    numbers: Iterator[int] = count(701)
    return lambda asked: f"ERP-{next(numbers)}"


def client(erp: SmallERP, tmp_path: Path, person: Any = None, **more: Any) -> Client:
    own: dict[str, Any] = {**REAL, "journal": str(tmp_path / "journal.db"), **more}
    own |= {"erp": "exsited", "redirect_uri": "https://x/"} if isinstance(erp, SmallExsited) else {}
    return Client(build_server(Settings(**own), erp=erp.connect()), elicitation_callback=person or ScriptedPerson(no))


def request(line: Row) -> Row:
    return {"vendor": "Acme Fasteners", "number": "PO-0004", "lines": [line]}


@pytest.mark.parametrize("settings", [{}, AT_ONCE], ids=str)
async def test_an_order_numbered_by_the_erp_is_named_and_never_sent_again(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    erp = SmallInventoryPro(store_number=number_orders())

    async with client(erp, tmp_path, **settings) as calls:
        first = outcome(await calls.call_tool(CREATE, request(BOLTS)))
        [looked] = outcome(await calls.call_tool("get_operation", {"operation_id": first["operation_id"]}))[
            "operations"
        ]
        again = outcome(await calls.call_tool(CREATE, request(BOLTS)))

    for said in (first, looked, again):
        assert (said["status"], said["do_not_repeat"]) == ("unknown", True)
        assert "answered with order ERP-701: look there" in said["message"]
        assert "counts as not done" not in said["message"]
    assert list(erp.book) == ["ERP-701"]


async def test_an_order_with_our_reference_is_done_under_the_erps_number(tmp_path: Path) -> None:
    erp = SmallExsited(store_number=number_orders())

    async with client(erp, tmp_path, **AT_ONCE) as calls:
        made = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
        again = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))

    assert made["status"] == "done"
    assert made["message"].startswith("Order PO-0004 was created as ERP-701, confirmed by reading it back")
    assert "numbered it itself: it is order ERP-701 there, not PO-0004." in made["message"]
    assert made["order"]["number"] == "ERP-701"
    assert again["replayed"] is True
    assert list(erp.book) == ["ERP-701"]


async def test_an_older_order_that_the_answer_names_is_not_taken_for_ours(tmp_path: Path) -> None:
    """A gateway that answers from what it kept, or an ERP that drops a second order of the same contents."""
    erp = SmallExsited(store_number=lambda asked: "ERP-700")
    async with client(erp, tmp_path, **AT_ONCE) as calls:
        outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
        erp.book["ERP-700"]["purchase_order_note"] = ""
    kept = erp.book["ERP-700"]
    erp._create = lambda body: (201, {"purchase_order": erp._shown(kept)})  # type: ignore[method-assign]

    async with client(erp, tmp_path / "..", journal=str(tmp_path / "other.db"), **AT_ONCE) as calls:
        made = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))

    assert made["status"] == "unknown"
    assert "answered with order ERP-700: look there" in made["message"]


@pytest.mark.parametrize("status", [200, 202, 299])
@pytest.mark.parametrize("number", ["ERP/701", "..", 701, "x" * 300, "ERP\u202e701"])
async def test_any_success_with_any_number_stays_unknown(tmp_path: Path, status: int, number: Any) -> None:
    erp = SmallInventoryPro()
    erp._create = lambda body: (status, {"poNo": number})  # type: ignore[method-assign]

    async with client(erp, tmp_path, **AT_ONCE) as calls:
        first = outcome(await calls.call_tool(CREATE, request(BOLTS)))
        again = outcome(await calls.call_tool(CREATE, request(BOLTS)))

    assert first["status"] == again["status"] == "unknown"
    assert "answered with order" in first["message"]
    assert "\u202e" not in first["message"]
    assert len(erp.sent) == 1


async def _repeat_after_a_persons_word(tmp_path: Path) -> tuple[SmallExsited, Any, Any]:
    """Lose the answer to an order that the ERP numbers itself; a person says that it happened; then ask again."""
    erp = SmallExsited(store_number=number_orders(), is_answer_lost=True)

    async with client(erp, tmp_path, person=ScriptedPerson(yes), **AT_ONCE) as calls:
        first = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
        [said] = outcome(await calls.call_tool("get_operation", {"operation_id": first["operation_id"]}))["operations"]
        again = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
    return erp, said, again


async def test_an_order_that_happened_on_a_persons_word_is_not_ordered_again(tmp_path: Path) -> None:
    """It never showed under its number, so that it does not show is no sign that somebody removed it."""
    erp, said, again = await _repeat_after_a_persons_word(tmp_path)

    assert (said["status"], again["status"], again["replayed"]) == ("done", "done", True)
    assert list(erp.book) == ["ERP-701"]


async def test_a_repeated_create_reads_its_events_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    events = Journal.events

    async def count_events(self: Journal, operation_id: str) -> list[Event]:
        read.append(operation_id)
        return await events(self, operation_id)

    erp = SmallExsited()
    async with client(erp, tmp_path, person=ScriptedPerson(yes), **AT_ONCE) as calls:
        made = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
        monkeypatch.setattr(Journal, "events", count_events)
        again = outcome(await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED)))
        del erp.book["PO-0004"]
        gone = list(read)
        await calls.call_tool(CREATE, request(BOLTS_OF_EXSITED))

    assert (again["replayed"], gone) == (True, [made["operation_id"]])
    assert read.count(made["operation_id"]) == 2  # once for each of two calls, though the second looks twice at the ERP


async def test_without_a_persons_word_an_order_that_never_showed_is_ordered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_proof = Journal.find_proof

    async def by_nobody(self: Journal, operation_id: str) -> Proof:
        return replace(await find_proof(self, operation_id), is_persons_word=False)

    monkeypatch.setattr(Journal, "find_proof", by_nobody)

    erp, said, _ = await _repeat_after_a_persons_word(tmp_path)

    assert said["status"] == "done"
    assert list(erp.book) == ["ERP-701", "ERP-702"]


def _forget_the_number(patch: pytest.MonkeyPatch) -> None:
    async def none(self: Journal, operation_id: str) -> Proof:
        return Proof(None, is_persons_word=False)

    async def absent(self: Reconciler, recorded: object, seen: Observation) -> Observation:
        return seen

    patch.setattr(Journal, "find_proof", none)
    patch.setattr(Reconciler, "_look_elsewhere", absent)  # which would find it by its contents


def _take_its_absence_for_none(patch: pytest.MonkeyPatch) -> None:
    async def observe(*arguments: object) -> Observation:
        return Observation("absent", "it is not there")

    patch.setattr(answered, "observe_answered", observe)


@pytest.mark.parametrize("mutate", [_forget_the_number, _take_its_absence_for_none])
async def test_without_what_the_answer_named_a_second_order_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutate: Any
) -> None:
    mutate(monkeypatch)
    erp = SmallInventoryPro(store_number=number_orders())

    async with client(erp, tmp_path, **AT_ONCE) as calls:
        first = outcome(await calls.call_tool(CREATE, request(BOLTS)))
        outcome(await calls.call_tool(CREATE, request(BOLTS)))

    assert first["status"] != "done"
    assert list(erp.book) == ["ERP-701", "ERP-702"]


async def test_without_the_reference_an_older_order_would_be_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = SmallInventoryPro(store_number=lambda asked: "ERP-700")
    monkeypatch.setattr(answered, "carries_reference", lambda order, draft: True)

    async with client(erp, tmp_path, **AT_ONCE) as calls:
        made = outcome(await calls.call_tool(CREATE, request(BOLTS)))

    assert made["status"] == "done"
