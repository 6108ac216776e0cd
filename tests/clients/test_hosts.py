"""Claude Code, Codex and Gemini CLI as hosts: their model follows a script, and a person sits at their screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio
import pytest

from tests.approvals.page_harness import browser
from tests.clients.conftest import Workspace
from tests.clients.hosts import ClaudeCode, Codex, GeminiCli, Host
from tests.clients.screen import Screen
from tests.clients.scripted_model import NOT_READY, Call, ScriptedModel
from tests.clients.test_clients import NUMBER, WITHOUT_FORM, find_link, read_scenario

pytestmark = pytest.mark.clients

LIST, GET, CREATE = read_scenario("before")[:3]
DELETE, LOOK = read_scenario("asked")[:2]
QUESTION = f"Delete order {NUMBER} permanently?"
HEAD = ("Total 0.12 · open · 1 line", "Vendor: Acme Fasteners", "Items: 1 × M8 Flat Washer")
"""The lines that every host shows: of a question of more than four Claude Code draws three, and the field's text."""
REST = ("1) 1 at 0.12, none received: WSHR-M8, M8 Flat Washer", "Currency not given by the ERP.")


def check_reads_and_create(model: ScriptedModel, workspace: Workspace) -> None:
    """Check what the model was given of the first three calls, and that the order was created."""
    listed, read, created = model.results[:3]
    assert len([tool for tool in model.tools if "purchase_order" in tool]) == 6
    assert "PO-2025-0042" in listed
    assert "M8 x 30mm Hex Bolt" in read
    assert "The lines add up to 910.00, the ERP's total is 4,250.00." in read
    assert "done" in created
    assert workspace.has_order("PO-2025-0043")
    assert all("sandbox" in result.casefold() for result in model.results[:3])


def ask_until_ready(screen: Screen, model: ScriptedModel) -> None:
    """Type a prompt, and again while the host has not connected the server: it does so beside its first screen."""
    while not model.results:
        has_gone_on = _has_gone_on(model)
        screen.type("go")
        screen.press_enter_until(_is_asked_again(model))
        # The request may have been made before the tools were there: the host's next step shows that.
        screen.wait_until(has_gone_on)


def _has_gone_on(model: ScriptedModel) -> Callable[[str], bool]:
    before = model.not_ready
    # The host takes the next prompt only once the answer is shown. On a small screen earlier ones have scrolled away.
    return lambda shown: bool(model.results) or (model.not_ready > before and NOT_READY in shown)


def _is_asked_again(model: ScriptedModel) -> Callable[[str], bool]:
    before = model.requests
    return lambda shown: model.requests > before


def decline_in_claude_code(screen: Screen) -> None:
    screen.press("Down", "Right")
    screen.wait_for("❯ Decline")
    screen.press_enter_on("❯ Decline")


def accept_in_claude_code(screen: Screen) -> None:
    screen.type(NUMBER)
    screen.press_enter_until(lambda shown: "❯ Accept" in shown)
    screen.press_enter_on("❯ Accept")


def mistype_in_codex(screen: Screen) -> None:
    """Type another number three times: its form can only be submitted or left."""
    for words in (QUESTION, "(try 2 of 3)", "(try 3 of 3)"):
        screen.wait_for(words, "Type your answer")
        screen.type("another")
        screen.press_enter_on("› another")


def say_no_in_codex(screen: Screen) -> None:
    screen.wait_for("Type your answer")
    screen.type("no")
    screen.press_enter_on("› no")


def accept_in_codex(screen: Screen) -> None:
    screen.type(NUMBER)
    screen.press_enter_on(f"› {NUMBER}")


Act = Callable[[Screen], None]


@pytest.mark.parametrize(
    ("kind", "shown", "refusals", "accept"),
    [
        (ClaudeCode, HEAD, {"Declined.": decline_in_claude_code}, accept_in_claude_code),
        (
            Codex,
            HEAD + REST,
            {"Nothing was decided in 3 tries.": mistype_in_codex, "You said no.": say_no_in_codex},
            accept_in_codex,
        ),
    ],
    ids=["Claude Code", "Codex"],
)
def test_a_person_declines_and_accepts_a_delete_in_the_form_of_a_host(
    workspace: Workspace, kind: type[Host], shown: tuple[str, ...], refusals: dict[str, Act], accept: Act
) -> None:
    model = ScriptedModel([LIST, GET, CREATE, *[DELETE] * len(refusals), LOOK, DELETE, LOOK])
    with model.serve() as url, kind(workspace, url).on_screen() as screen:
        ask_until_ready(screen, model)
        screen.wait_for(QUESTION, *shown)
        for number, refuse in enumerate(refusals.values(), 4):
            screen.wait_for(QUESTION)
            refuse(screen)
            model.wait_for_results(number)
        is_kept = workspace.has_order(NUMBER)
        screen.wait_for(QUESTION, "Declined before.")
        accept(screen)
        model.wait_for_results(len(model.calls))

    *refused, still_there, accepted, gone = model.results[3:]
    check_reads_and_create(model, workspace)
    assert [said in text for said, text in zip(refusals, refused, strict=True)] == [True] * len(refusals)
    assert is_kept
    assert NUMBER in still_there
    assert "done" in accepted
    assert "has no order" in gone
    assert not workspace.has_order(NUMBER)


def create_in_claude_code(screen: Screen) -> None:
    screen.press("Right", "Down")
    screen.press_enter_until(lambda shown: "✔ Create order" in shown)
    screen.press_enter_on("❯ Accept")


def create_in_codex(screen: Screen) -> None:
    screen.press("Down")
    screen.press_enter_on("› 2. Yes, create it")


@pytest.mark.parametrize(
    ("kind", "shown", "chosen_first", "accept"),
    [
        (ClaudeCode, (), "not set", create_in_claude_code),
        (
            Codex,
            ("no price given: last paid, on PO-2025-0042", "Currency not given by the ERP."),
            "› 1. No, do not create it",
            create_in_codex,
        ),
    ],
    ids=["Claude Code", "Codex"],
)
def test_a_price_that_nobody_gave_is_shown_in_the_form_of_a_host(
    workspace: Workspace, kind: type[Host], shown: tuple[str, ...], chosen_first: str, accept: Act
) -> None:
    tool, arguments = CREATE
    lines = [{name: value for name, value in line.items() if name != "unit_price"} for line in arguments["lines"]]
    model = ScriptedModel([LIST, (tool, {**arguments, "lines": lines})])
    with model.serve() as url, kind(workspace, url).on_screen() as screen:
        ask_until_ready(screen, model)
        screen.wait_for("Create order PO-2025-0043", "Total 450.00 · 1 line · check 1 price", *shown, chosen_first)
        screen.wait_for("Check: 1,000 × M8 x 30mm Hex Bolt at 0.45")
        is_made_unasked = workspace.has_order("PO-2025-0043")
        accept(screen)
        model.wait_for_results(2)

    assert not is_made_unasked
    assert "done" in model.results[1]
    assert workspace.has_order("PO-2025-0043")


def decide_by_link(decision: str, order_number: str = "") -> Callable[[str], None]:
    """Return a function that opens the link of a result in a browser and decides there."""

    async def send(link: str) -> None:
        async with browser(link) as person:
            assert (await person.page()).status_code == 200
            assert (await person.send(decision, order_number=order_number)).status_code == 303

    return lambda result: anyio.run(send, find_link(result))


def test_a_person_decides_on_the_page_for_a_host_without_a_form(workspace: Workspace) -> None:
    another: Call = ("delete_purchase_order", {"number": WITHOUT_FORM})
    after = {3: decide_by_link("reject"), 4: decide_by_link("approve", NUMBER)}
    model = ScriptedModel([LIST, GET, CREATE, another, DELETE, LOOK], after)
    with model.serve() as url:
        GeminiCli(workspace, url).run()

    check_reads_and_create(model, workspace)
    assert "approval_required" in model.results[3]
    assert workspace.has_order(WITHOUT_FORM)
    assert "has no order" in model.results[5]
    assert not workspace.has_order(NUMBER)


@pytest.fixture
def served(workspace: Workspace) -> Iterator[str]:
    with workspace.serve() as url:
        yield url


@pytest.mark.parametrize(
    ("kind", "status"),
    [(ClaudeCode, "approval_required"), (Codex, "declined"), (GeminiCli, "approval_required")],
    ids=["Claude Code", "Codex", "Gemini CLI"],
)
def test_a_host_without_a_person_gets_no_delete_over_http(
    workspace: Workspace, served: str, kind: type[Host], status: str
) -> None:
    model = ScriptedModel([LIST, GET, CREATE, DELETE])
    with model.serve() as url:
        kind(workspace, url, served).run()

    check_reads_and_create(model, workspace)
    assert status in model.results[3]
    assert "po-mcp approve" in model.results[3]
    assert workspace.has_order(NUMBER)
