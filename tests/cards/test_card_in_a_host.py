"""The order card in a host of ours, in chromium: what a person sees, can press and is kept from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.sandbox import Sandbox
from tests.approvals.test_browser import CONTRAST
from tests.approvals.test_page import HOSTILE
from tests.cards.host import CardHost, card_host, declaring_client, sandbox_host
from tests.harness import ERAS, IN_MEMORY, ServerHarness, outcome
from tests.test_hostile_text import CHUNKS, UNSEEN, Insert, inventory_pro

pytestmark = pytest.mark.system
SETTINGS = Settings(sandbox=":memory:", journal=":memory:", time_zone="UTC")
LIST: dict[str, Any] = {"orders": [], "total_count": 0, "by_status": {}, "has_more": False, "complete": True}
ORDER: dict[str, Any] = {"number": "PO-7", "vendor": "Acme", "status": "open", "total": "1.00"}
LINE: dict[str, Any] = {"line": 1, "item": "BOLT", "description": "Bolt", "quantity": "10", "unit_price": "0.1"}
ASKED: dict[str, Any] = {
    "status": "approval_required",
    "message": "Deleting order PO-7 needs approval. Approve or decline by 12:00 UTC: http://127.0.0.1:1/approve/7",
    "approve_at": "http://127.0.0.1:1/approve/7",
}
WAYS = ["mouse", "keyboard"]


def result(**structured: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": "as text"}], "structuredContent": structured, "isError": False}


async def press(host: CardHost, way: str) -> None:
    """Press the card's button, and wait until it says what came of that."""
    button = host.frame.get_by_role("button")
    if way == "mouse":
        await button.click()
    else:
        await host.page.locator("iframe").focus()
        await host.page.keyboard.press("Tab")
        await host.page.keyboard.press("Enter")
    await host.frame.get_by_text("You decide there.").wait_for(state="detached")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("era", ERAS)
async def test_a_delete_is_decided_on_the_page_that_the_cards_button_opens(
    harness: ServerHarness, era: str, way: str
) -> None:
    server = build_server(Settings(journal=str(harness.journal)), erp=Sandbox(harness.book, around=harness.wire.around))
    async with declaring_client(server, era) as client:
        asked = await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"})
        async with card_host(client) as host:
            card = await host.show(asked)
            heading = await card.get_by_role("heading").inner_text()
            await press(host, way)
            [link] = host.links
            before = (list(harness.wire.writes), harness.order("PO-2025-0038") is not None)
            page = await host.page.context.new_page()
            await page.goto(link)
            await page.get_by_label("to delete it").fill("PO-2025-0038")
            await page.locator("button[value=approve]").click()
            done = await client.call_tool("get_operation", {"operation_id": outcome(asked)["operation_id"]})
            await host.show(done)
            after = await card.get_by_role("heading").inner_text()
            heard, requests = await host.heard(), host.requests

    assert (heading, after) == ("Needs approval", "Done")
    assert link == outcome(asked)["approve_at"]
    assert before == ([], True)
    assert harness.order("PO-2025-0038") is None
    assert heard == ["ui/initialize", "ui/notifications/initialized", "ui/open-link"]
    assert requests == ["http://host.test/", "http://card.test/"]


async def test_a_list_an_order_and_a_refusal_say_what_the_tools_say() -> None:
    async with declaring_client(build_server(SETTINGS)) as client, card_host(client) as host:
        card = await host.show(await client.call_tool("list_purchase_orders", {"limit": 2}))
        rows = [await row.inner_text() for row in await card.get_by_role("row").all()]
        listed = await card.locator("#card").inner_text()
        await host.show(await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"}))
        order = await card.locator("#card").inner_text()
        await host.show(await client.call_tool("delete_purchase_order", {"number": "PO-2025-0041"}))
        refused = await card.locator("#card").inner_text()
        await host.show(await client.call_tool("get_purchase_order", {"number": "PO-1"}))
        error = await card.locator("#card").inner_text()
        errors = host.errors

    assert (len(rows), rows[0].split()) == (3, ["Order", "Vendor", "Status", "Expected", "Total"])
    assert rows[2].split("\t")[:3] == ["PO-2025-0041", "Central Supply Co.", "partly received"]
    assert rows[2].endswith("12,740.50")
    assert "Sandbox: no real orders." in listed
    assert "2 of 28 orders shown" in listed
    assert "59,776.67" in listed
    assert all(said in order for said in ("Order PO-2025-0042", "Acme Fasteners", "4,250.00", "3 lines", "BOLT-M8-30"))
    assert "Not done" in refused
    assert "has no order PO-1" in error
    assert errors == []


@pytest.mark.parametrize(
    ("value", "money", "quantity"),
    [
        ("12345678901234567890.10", "12,345,678,901,234,567,890.10", "12,345,678,901,234,567,890.1"),
        ("0.123456", "0.123456", "0.123456"),
        ("-1234.5", "-1,234.50", "-1,234.5"),
        ("1000", "1,000.00", "1,000"),
        (None, "–", "–"),
        ("1e3", "–", "–"),
        (4250.5, "–", "–"),
    ],
)
async def test_amounts_are_shown_exactly(value: Any, money: str, quantity: str) -> None:
    line = LINE | {"quantity": value, "line_total": value}
    async with sandbox_host() as host:
        card = await host.show(result(**ORDER | {"lines": [line]}))
        cells = [await cell.inner_text() for cell in await card.get_by_role("cell").all()]

    assert (cells[5], cells[1]) == (money, quantity)


@pytest.mark.parametrize(
    "structured",
    [
        {},
        {"orders": "none"},
        {"orders": [None, 1, "x"], "total_count": "many", "by_status": {"constructor": 1}},
        {"operations": [None, {"status": "constructor"}]},
        {"status": "constructor", "message": "m", "approve_at": 7, "order": []},
        {"number": "PO-7", "lines": [None, {}, []], "status": "toString", "remarks": "none", "line_count": "x"},
        {"number": "PO-7", "lines": {"0": {}}, "late_news": [1]},
    ],
)
async def test_a_result_of_another_shape_breaks_nothing(structured: dict[str, Any]) -> None:
    async with sandbox_host() as host:
        odd: list[dict[str, Any]] = [
            result(**structured),
            result(**structured) | {"isError": True},
            {"content": []},
            {},
        ]
        for sent in odd:
            await host.show(sent)
        await host.show(result(**ORDER))
        shown, errors = await host.frame.locator("#card").inner_text(), host.errors

    assert "Order PO-7" in shown
    assert errors == []


async def test_blanks_in_a_row_within_a_number_are_drawn_as_such() -> None:
    """An order PO  1 is another than PO 1."""
    number, done = "PO  1", {"status": "done", "message": "Order «PO  1» was closed."}
    async with declaring_client(build_server(SETTINGS)) as client, card_host(client) as host:
        drawn = []
        for shown in (
            result(**{**LIST, "orders": [{**ORDER, "number": number}]}),
            result(**{**ORDER, "number": number}),
        ):
            card = await host.show(shown)
            drawn.append(await card.locator("main").inner_text())
        card = await host.show(result(**done))
        drawn.append(await card.locator("main").inner_text())

    assert [number in text for text in drawn] == [True, True, True]


async def test_a_link_that_the_host_does_not_open_is_shown_as_text() -> None:
    async with sandbox_host() as host:
        host.declines = True
        card = await host.show(result(**ASKED))
        before = await card.locator("#card").inner_text()
        await press(host, "mouse")
        after = await card.locator("#card").inner_text()

    assert "Approve or decline by 12:00 UTC.\n" in before
    assert ASKED["approve_at"] not in before
    assert ASKED["approve_at"] in after


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "http://evil.example/approve/7",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "file:///etc/passwd",
        "vscode://x",
        "/approve/7",
        "",
    ],
)
async def test_the_button_opens_no_other_address(link: str) -> None:
    async with sandbox_host() as host:
        card = await host.show(result(**ASKED | {"approve_at": link}))

        assert await card.get_by_role("button").count() == 0


async def test_the_card_heeds_its_host_alone() -> None:
    """Another frame of the page knows the way to the card's window, and speaks its language."""
    async with sandbox_host() as host:
        card = await host.show(result(**ORDER))
        forged = {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": dict(result(**ASKED))}
        await forge(host, forged)
        shown = await card.locator("#card").inner_text()

    assert "Order PO-7" in shown
    assert "Needs approval" not in shown


async def forge(host: CardHost, message: dict[str, Any]) -> None:
    """Let another frame send a message to the card, and wait until the card's window has had it."""
    await host.frame.evaluate(
        "() => { window.had = new Promise(done => addEventListener('message', () => done(null))) }"
    )
    await host.page.evaluate(
        """message => {
          const other = document.createElement("iframe");
          other.srcdoc = `<script>parent.view.contentWindow.postMessage(${JSON.stringify(message)}, "*")</script>`;
          document.body.append(other);
        }""",
        message,
    )
    await host.frame.evaluate("window.had")


async def test_the_card_answers_the_host_and_shows_a_call_that_was_cancelled() -> None:
    async with sandbox_host() as host:
        await host.page.evaluate("addEventListener('message', ({ data }) => (window.last = data))")
        said = []
        for number, method in enumerate(("ping", "ui/resource-teardown", "tools/list"), 100):
            await host.say(id=number, method=method, params={})
            await host.page.wait_for_function("number => window.last?.id === number", arg=number)
            said.append(await host.page.evaluate("last.result ?? last.error.code"))
        await host.say(method="ui/notifications/tool-cancelled", params={"reason": "x"})
        await host.frame.get_by_text("The call was cancelled.").wait_for()

    assert said == [{}, {}, -32601]


WHOLE = {
    "--color-background-primary": "light-dark(#ffffff, #171717)",
    "--color-background-secondary": "light-dark(#f5f5f5, #262626)",
    "--color-text-primary": "light-dark(#171717, #fafafa)",
    "--color-text-secondary": "light-dark(#525252, #a3a3a3)",
    "--color-border-primary": "light-dark(#e5e5e5, #404040)",
    "--font-sans": "DejaVu Serif, serif",
}
VARIABLES: dict[str, dict[str, str]] = {
    "none": {},
    "whole": WHOLE,
    "a dark ground alone": {"--color-background-primary": "#000000"},
    "white text alone": {"--color-text-primary": "#ffffff", "--color-text-danger": "#ffffff"},
}
SHOWN = [
    result(**LIST | {"orders": [ORDER], "total_count": 2, "by_status": {"open": 2}, "note": "A note.", "notice": "N"}),
    result(**ORDER | {"lines": [LINE], "remarks": ["The lines add up to 1.00."], "notice": "Sandbox: no real orders."}),
    *(
        result(**ASKED | {"status": status, "order": ORDER})
        for status in ("approval_required", "done", "unknown", "refused")
    ),
    result(**ORDER) | {"isError": True},
]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("variables", VARIABLES)
async def test_every_text_stands_out_in_light_and_dark_and_under_a_hosts_own_colors(variables: str, theme: str) -> None:
    context = {"styles": {"variables": VARIABLES[variables]}}
    async with sandbox_host(theme=theme, context=context) as host:
        contrasts = []
        for shown in SHOWN:
            await host.show(shown)
            contrasts.append(await host.frame.evaluate(CONTRAST))
        ground = await host.frame.evaluate("getComputedStyle(document.body).backgroundColor")
        font = await host.frame.evaluate("getComputedStyle(document.body).fontFamily")

    own = {"light": "rgb(255, 253, 248)", "dark": "rgb(30, 32, 36)"}
    hosts_own = {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 23, 23)"}
    assert min(contrasts) >= 4.5
    assert ground == (hosts_own if variables == "whole" else own)[theme]
    assert ("Serif" in font) is (variables == "whole")


async def test_the_card_follows_when_the_host_turns_dark() -> None:
    async with sandbox_host() as host:
        await host.show(result(**ORDER))
        await host.say(method="ui/notifications/host-context-changed", params={"theme": "dark"})
        await host.until("getComputedStyle(document.body).backgroundColor === 'rgb(30, 32, 36)'")

        assert await host.frame.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [320, 500, 720, 1280])
async def test_no_content_is_wider_than_the_card_or_cut_below(width: int) -> None:
    long = ORDER | {"number": "W" * 64, "vendor": "W" * 120, "currency": "W" * 40}
    async with sandbox_host(width=width) as host:
        for shown in (*SHOWN, result(**long | {"lines": [LINE | {"item": "W" * 64, "line_total": "9" * 18}] * 60})):
            await host.show(shown)
            await host.until("innerHeight >= document.documentElement.getBoundingClientRect().height")
            assert await host.frame.evaluate("document.documentElement.scrollWidth") <= width


async def test_a_narrow_card_shows_what_each_figure_is() -> None:
    """The table's headings are off the screen there."""
    async with sandbox_host(width=320) as host:
        card = await host.show(result(**ORDER | {"lines": [LINE]}))
        labels = await card.evaluate(
            "[...card.querySelectorAll('td')].map(one => getComputedStyle(one, '::before').content.slice(1, -1))"
        )

    assert labels[1:] == ["Quantity", "Received", "Outstanding", "Unit price", "Line total", "Warehouse"]


async def test_the_lines_of_an_outcome_open_by_the_keyboard() -> None:
    async with sandbox_host() as host:
        card = await host.show(result(status="done", message="Done.", order=ORDER | {"lines": [LINE]}))
        await host.page.locator("iframe").focus()
        await host.page.keyboard.press("Tab")
        await host.page.keyboard.press("Enter")
        await card.get_by_role("table").wait_for()
        outline = await card.evaluate("getComputedStyle(document.activeElement).outlineStyle")

    assert outline == "solid"


def hostile(text: str) -> dict[str, Any]:
    line = LINE | dict.fromkeys(("item", "description", "warehouse_name"), text)
    order = ORDER | dict.fromkeys(("vendor", "currency", "status_text"), text) | {"status": "unknown", "lines": [line]}
    return result(**ASKED | {"message": f"Order {text} needs approval.", "order": order})


async def elements(host: CardHost) -> list[str]:
    found: list[str] = await host.frame.evaluate("[...document.querySelectorAll('*')].map(one => one.localName)")
    return found


async def test_text_of_the_erp_adds_no_element_and_covers_nothing() -> None:
    async with sandbox_host() as host:
        await host.show(hostile("Acme"))
        plain = await elements(host)
        for text in HOSTILE:
            card = await host.show(hostile(text))
            assert await elements(host) == plain, text
            assert await card.evaluate("card.querySelector('td bdi').textContent") == text
        covered = await card.evaluate(COVERED)
        errors, links = host.errors, host.links

    assert (errors, links, covered) == ([], [], False)


COVERED = """
() => {
  const button = document.querySelector("button"), box = button.getBoundingClientRect();
  return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2) !== button;
}
"""


async def test_no_unseen_character_of_the_erp_reaches_the_card() -> None:
    inserted = Insert()
    survivors: set[str] = set()
    written_out = 0
    async with (
        declaring_client(build_server(IN_MEMORY, erp=inventory_pro(inserted))) as client,
        card_host(client) as host,
    ):
        for inserted.text in CHUNKS:
            for tool, arguments in (("list_purchase_orders", {}), ("get_purchase_order", {"number": "PO-1"})):
                card = await host.show(await client.call_tool(tool, arguments))
                shown = await card.evaluate("card.textContent")
                survivors |= {one for one in shown if one in inserted.text and one != "\n"}
                written_out += shown.count("\\u{")

    assert survivors == set()
    assert written_out > len(UNSEEN)


# Each control, taken away.


async def an_element_is_made_of_a_vendors_name(host: CardHost) -> bool:
    await host.show(hostile("<img src=x onerror=\"document.title = 'owned'\">"))
    return "img" in await elements(host)


async def another_frame_puts_a_button_into_the_card(host: CardHost) -> bool:
    await host.show(result(**ORDER))
    await forge(host, {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": dict(result(**ASKED))})
    return await host.frame.get_by_role("button").count() > 0


async def a_link_leads_to_a_website(host: CardHost) -> bool:
    await host.show(result(**ASKED | {"approve_at": "http://evil.example/"}))
    return await host.frame.get_by_role("button").count() > 0


async def dark_text_stands_on_a_dark_ground(host: CardHost) -> bool:
    variables = {"--color-background-primary": "#000000"}
    await host.say(method="ui/notifications/host-context-changed", params={"styles": {"variables": variables}})
    await host.show(result(**ORDER))
    return bool(await host.frame.evaluate(CONTRAST) < 4.5)


async def a_value_is_drawn_over_the_next(host: CardHost) -> bool:
    stacked = "a" + "\N{COMBINING ACUTE ACCENT}" * 400
    card = await host.show(result(**ORDER | {"vendor": stacked}))
    return bool(await card.evaluate("getComputedStyle(card.querySelector('dd bdi')).overflow") == "visible")


MUTANTS: list[tuple[str, str, Callable[[CardHost], Any]]] = [
    ("made.textContent = text", "made.innerHTML = text", an_element_is_made_of_a_vendors_name),
    ("source === window.parent && ", "", another_frame_puts_a_button_into_the_card),
    ("(isPageLink(outcome.approve_at))", "(outcome.approve_at)", a_link_leads_to_a_website),
    ("group.every(", "group.some(", dark_text_stands_on_a_dark_ground),
    ("max-height: 9em; overflow: hidden;", "", a_value_is_drawn_over_the_next),
]


@pytest.mark.parametrize(("control", "without", "harm"), MUTANTS, ids=[harm.__name__ for *_, harm in MUTANTS])
async def test_each_control_prevents_its_harm(control: str, without: str, harm: Callable[[CardHost], Any]) -> None:
    def take_away(html: str) -> str:
        assert control in html
        return html.replace(control, without)

    async with sandbox_host() as intact:
        assert not await harm(intact)
    async with sandbox_host(take_away) as mutant:
        assert await harm(mutant)
