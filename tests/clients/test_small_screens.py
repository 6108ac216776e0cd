"""What a person sees of each question on a screen of 80 by 24 characters: the head of three lines, and every option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.conftest import Workspace
from tests.clients.hosts import ClaudeCode, Codex, Host
from tests.clients.scripted_model import ScriptedModel
from tests.clients.test_hosts import ask_until_ready

pytestmark = pytest.mark.clients

LINE = {"item": "BOLT-M8-30", "quantity": "1000", "warehouse": "1"}


@dataclass(frozen=True)
class Question:
    """A call, the head of the question that it leads to, what its field says, and its options."""

    tool: str
    arguments: dict[str, Any]
    head: tuple[str, str, str]
    field: str
    options: tuple[str, ...] = ()


QUESTIONS = (
    Question(
        "delete_purchase_order",
        {"number": "PO-2025-0038"},
        (
            "SANDBOX: Delete order PO-2025-0038 permanently? This cannot be undone.",
            "Total 0.12 · open · 1 line · ordered ",
            "Vendor: Acme Fasteners",
        ),
        "Type PO-2025-0038 to delete it",
    ),
    Question(
        "finalize_purchase_order",
        {"number": "PO-2025-0037"},
        (
            "SANDBOX: Close order PO-2025-0037? This cannot be undone.",
            "Total 3,690.00 · partly received · 2 of 3 lines outstanding",
            "Vendor: Northwind Bearings",
        ),
        "Close order PO-2025-0037",
        (
            "No, leave the order open",
            "Yes, close it and backorder the rest",
            "Yes, close it without a backorder",
        ),
    ),
    Question(
        "cancel_purchase_order",
        {"number": "PO-2025-0035"},
        (
            "SANDBOX: Cancel order PO-2025-0035? It can be reactivated in the sandbox.",
            "Total 752.00 · open · 1 line · ordered ",
            "Vendor: Summit Packaging",
        ),
        "Cancel order PO-2025-0035",
        ("No, keep the order", "Yes, cancel the order"),
    ),
    Question(
        "create_purchase_order",
        {
            "vendor": "Acme Fasteners",
            "number": "PO-2025-0043",
            "lines": [LINE, {**LINE, "item": "NUT-M8", "unit_price": "0.22"}],
        },
        (
            "SANDBOX: Create order PO-2025-0043 in the sandbox?",
            "Total 670.00 · 2 lines · check 1 price",
            "Vendor: Acme Fasteners, 12",
        ),
        "Check: 1,000 × M8 x 30mm Hex Bolt at 0.45",
        ("No, do not create it", "Yes, create it"),
    ),
    Question(
        "create_purchase_order",
        {"vendor": "Acme", "number": "PO-2025-0044", "lines": [{**LINE, "item": "hex bolt", "unit_price": "0.45"}]},
        (
            "SANDBOX: Which item? The order is made with your choice.",
            "Total 450.00 · 1 line · new order PO-2025-0044 in the sandbox",
            "Vendor: Acme Fasteners, 12",
        ),
        "Asked for as: hex bolt · 1,000 EA at 0.45",
        (
            "None of these",
            "BOLT-M8-30 (M8 x 30mm Hex Bolt), code 1001, per",
            "BOLT-M10-40 (M10 x 40mm Hex Bolt), code 1004",
        ),
    ),
)


@pytest.mark.parametrize("kind", [ClaudeCode, Codex], ids=["Claude Code", "Codex"])
def test_a_small_screen_shows_what_is_decided_and_how(workspace: Workspace, kind: type[Host]) -> None:
    calls = [("list_purchase_orders", {"limit": 1}), *((one.tool, one.arguments) for one in QUESTIONS)]
    model = ScriptedModel(calls)
    with model.serve() as url, kind(workspace, url).on_screen((80, 24)) as screen:
        ask_until_ready(screen, model)
        for place, one in enumerate(QUESTIONS, 2):
            screen.wait_for(*one.head, one.field)
            shown = [row.strip() for row in screen.read().splitlines()]
            start = shown.index(one.head[0])
            # The day of an order is near that of the test.
            rows = shown[start : start + 3]
            assert [row.startswith(head.strip()) for row, head in zip(rows, one.head, strict=True)] == [True] * 3, rows
            if one.options and kind is ClaudeCode:  # it folds them
                screen.press("Right")
            screen.wait_for(*one.options)
            if one.options and kind is ClaudeCode:
                screen.press("Escape")
                screen.wait_until(lambda now, option=one.options[-1]: option not in now)  # type: ignore[misc]
            screen.press("Escape")
            model.wait_for_results(place)

    assert all("Nothing" in result for result in model.results[1:])
    assert workspace.has_order("PO-2025-0038")
    assert not workspace.has_order("PO-2025-0043")
