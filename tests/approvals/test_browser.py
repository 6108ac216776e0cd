"""The page in a real browser, the system's chromium: as a person meets it, with a mouse or a keyboard alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.async_api import Page, async_playwright

from po_mcp.errors import Unreachable
from tests.approvals.page_harness import PageHarness, line, order, serve_page
from tests.approvals.test_page import HOSTILE
from tests.commands.test_serve import serving, settings_of
from tests.harness import ERAS, ServerHarness, outcome, set_pin

pytestmark = pytest.mark.system
CHROMIUM = next(
    (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), "chromium"
)
SWITCHES = [
    *("--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@asynccontextmanager
async def chromium(**context: Any) -> AsyncIterator[Page]:
    """A new browser with one tab."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = await (await launched.new_context(**context)).new_page()
        page.set_default_timeout(60_000)
        yield page
        await launched.close()


@asynccontextmanager
async def open_page(kind: str = "delete", pin: str | None = None) -> AsyncIterator[tuple[PageHarness, str, Page]]:
    """A served page, an operation, and a tab that shows it."""
    async with serve_page(":memory:", pin) as served:
        one = served.propose(order(), kind)
        async with chromium() as page:
            await page.goto(await served.link(one))
            yield served, one, page


async def heading(page: Page) -> str:
    return await page.locator("h1").inner_text()


@pytest.mark.parametrize("width", [320, 400])
@pytest.mark.parametrize("kind", ["delete", "finalize", "cancel"])
async def test_the_decision_stays_in_sight_on_a_phone(width: int, kind: str) -> None:
    rows = tuple(line(place, f"ITEM-{place}", "Hex bolt", "100", "40", "0.45") for place in range(1, 30))
    async with serve_page(":memory:") as served:
        one = served.propose(order().model_copy(update={"lines": rows}), kind)
        async with chromium(viewport={"width": width, "height": 640}) as page:
            await page.goto(await served.link(one))
            for scrolled in (0, 600, 2_000):
                await page.evaluate(f"window.scrollTo(0, {scrolled})")
                bar = await page.locator(".in-sight").bounding_box()
                assert bar is not None
                assert (bar["y"] >= 0, bar["y"] + bar["height"] <= 640, bar["x"] + bar["width"] <= width) == (True,) * 3
                assert bar["height"] < 160  # the order stays in sight, too
            # Pressed without what it asks for, it leads to that.
            await page.locator("button[value=approve]").click()
            if kind == "delete":
                assert await page.evaluate("document.activeElement.id") == "order_number"
                assert served.erp.sent == []


@pytest.mark.parametrize("kind", ["delete", "finalize"])
@pytest.mark.parametrize("width", [320, 700, 769, 820, 1024])
async def test_the_table_ends_within_its_frame(width: int, kind: str) -> None:
    async with serve_page(":memory:") as served:
        one = served.propose(order(), kind)
        async with chromium(viewport={"width": width, "height": 800}) as page:
            await page.goto(await served.link(one))
            frame = await page.locator(".order").bounding_box()
            table = await page.locator("table").bounding_box()
            wide = await page.evaluate("document.documentElement.scrollWidth")

    assert frame is not None
    assert table is not None
    assert table["x"] + table["width"] <= frame["x"] + frame["width"] + 0.5
    assert wide <= width


async def test_a_person_approves_a_delete_by_typing_its_number() -> None:
    async with open_page() as (served, one, page):
        await page.get_by_label("to delete it").fill("PO-7")
        await page.locator("button[value=approve]").click()

        assert await heading(page) == "Done"
        assert (served.state(one), served.erp.sent) == ("DONE", ["delete PO-7"])


async def test_a_person_approves_with_the_pin_on_the_page_of_an_http_server(harness: ServerHarness) -> None:
    set_pin(harness.journal, "correct horse")
    with serving(**settings_of(harness)) as server:
        async with server.client(ERAS[0]) as client, chromium() as page:
            asked = outcome(await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"}))
            await page.goto(asked["approve_at"])
            await page.get_by_label("to delete it").fill("PO-2025-0038")
            await page.get_by_label("Approver PIN").fill("correct horse")
            await page.locator("button[value=approve]").click()
            said = await heading(page)
            await page.get_by_role("link", name="All approvals").click()
            listed = await page.locator(".cards").last.inner_text()
            done = outcome(await client.call_tool("delete_purchase_order", {"number": "PO-2025-0038"}))

    assert said == "Done"
    assert "PO-2025-0038" in listed
    assert (done["status"], done["replayed"], harness.order("PO-2025-0038")) == ("done", True, None)


async def test_a_person_rejects_without_filling_in_anything() -> None:
    async with open_page() as (served, one, page):
        await page.get_by_role("button", name="Keep order").click()

        assert await heading(page) == "Declined"
        assert served.state(one) == "DECLINED"


async def test_a_wrong_number_is_said_where_it_was_typed() -> None:
    async with open_page() as (served, one, page):
        await page.get_by_label("to delete it").fill("PO-8")
        await page.locator("button[value=approve]").click()

        assert "That is not the order number, PO-7." in await page.get_by_role("alert").inner_text()
        assert await page.evaluate("document.activeElement.name") == "order_number"
        assert served.state(one) == "PROPOSED"


async def test_a_finalize_is_not_approved_before_the_choice_is_made() -> None:
    async with open_page("finalize") as (served, one, page):
        await page.locator("button[value=approve]").click()
        unchanged = served.state(one)
        await page.get_by_label("Put the rest on a backorder").check()
        await page.locator("button[value=approve]").click()

        assert await heading(page) == "Done"
        assert (unchanged, served.state(one)) == ("PROPOSED", "DONE")


async def test_a_decision_that_comes_too_late_is_reported() -> None:
    async with open_page() as (served, one, page):
        await page.get_by_label("to delete it").fill("PO-7")
        served.clock.now += 601
        await page.locator("button[value=approve]").click()

        assert await heading(page) == "Expired"
        assert served.state(one) == "EXPIRED"


async def test_an_order_of_which_something_else_was_asked_is_no_longer_true() -> None:
    async with open_page() as (served, one, page):
        served.propose(order(), "finalize")
        await page.get_by_label("to delete it").fill("PO-7")
        await page.locator("button[value=approve]").click()

        assert await heading(page) == "Out of date"
        assert served.state(one) == "STALE"


async def test_of_two_tabs_the_second_shows_what_the_first_did() -> None:
    async with open_page() as (served, one, page):
        second = await page.context.new_page()
        await second.goto(page.url)
        await page.get_by_role("button", name="Keep order").click()
        await second.get_by_label("to delete it").fill("PO-7")
        await second.locator("button[value=approve]").click()

        assert await heading(second) == "Declined"
        assert "This click changed nothing" in await second.get_by_role("alert").inner_text()
        assert served.state(one) == "DECLINED"


async def test_the_back_button_shows_no_form_that_could_be_sent_again() -> None:
    async with open_page() as (served, one, page):
        await page.get_by_label("to delete it").fill("PO-7")
        await page.locator("button[value=approve]").click()
        await page.get_by_role("heading", name="Done").wait_for()
        await page.go_back()

        assert await heading(page) == "Done"
        assert await page.locator("form").count() == 0
        assert served.event_names(one) == ["PROPOSED", "APPROVED", "SENT", "DONE"]


async def test_a_page_of_a_write_under_way_reloads_by_itself_until_that_has_ended() -> None:
    async with open_page("cancel") as (served, one, page):
        served.erp.may_answer = anyio.Event()
        await page.locator("button[value=approve]").click()
        under_way = await heading(page)
        served.erp.may_answer.set()
        await page.get_by_role("heading", name="Done").wait_for()

        assert under_way == "Sent, no answer yet"
        assert served.state(one) == "DONE"


async def test_a_person_takes_an_approval_back_that_could_not_be_carried_out() -> None:
    async with open_page("cancel") as (served, one, page):
        served.erp.unreadable = Unreachable("Books cannot be reached.")
        await page.locator("button[value=approve]").click()
        held = await heading(page)
        await page.get_by_role("button", name="Take back approval").click()

        assert (held, await heading(page)) == ("Approved, not sent", "Approval taken back")
        assert (served.state(one), served.erp.sent) == ("DECLINED", [])


async def test_a_person_settles_what_is_not_known() -> None:
    async with open_page(pin="long enough") as (served, one, page):
        served.erp.loses = "request"
        for label, text in (("to delete it", "PO-7"), ("Approver PIN", "long enough")):
            await page.get_by_label(label).fill(text)
        await page.locator("button[value=approve]").click()
        unknown = await heading(page)
        await page.get_by_role("button", name="Look in the ERP again").click()
        looked = await page.get_by_role("alert").inner_text()
        await page.get_by_role("link", name="Say what happened").click()
        served.clock.now += 200
        for label, text in (("to record it", "PO-7"), ("Approver PIN", "long enough")):
            await page.get_by_label(label).fill(text)
        await page.get_by_role("button", name="It did not happen").click()

        assert (unknown, await heading(page)) == ("Not confirmed", "Did not happen")
        assert "Not clear yet: the order is still there." in looked
        assert served.state(one) == "NOT_APPLIED"


async def test_a_keyboard_is_enough() -> None:
    async with open_page("finalize", pin="long enough") as (served, one, page):
        order_of_focus = []
        for _ in range(6):
            await page.keyboard.press("Tab")
            order_of_focus.append(
                await page.evaluate("document.activeElement.name || document.activeElement.className")
            )
            if order_of_focus[-1] == "create_backorder":
                await page.keyboard.press("Space")
            if order_of_focus[-1] == "pin":
                await page.keyboard.type("long enough")
            if "decision" in order_of_focus:
                break
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".banner")

        assert order_of_focus == ["skip", "create_backorder", "pin", "decision"]
        assert served.state(one) == "DONE"


async def test_every_field_and_button_has_a_name_that_is_read_aloud() -> None:
    async with open_page("finalize", pin="long enough") as (_, _, page):
        names = await page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), button')]"
            ".map(one => (one.labels?.[0]?.innerText || one.innerText).trim().split('\\n')[0])"
        )

        assert names[2:] == ["Approver PIN", "Close order", "Keep order"]
        assert names[0].startswith("Put the rest on a backorder")
        assert names[1] == "Do not reorder the rest"
        assert await page.get_by_role("row").count() == 4
        assert await page.evaluate("document.documentElement.lang") == "en"


CONTRAST = """
() => {
  const channel = c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const ground = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('body *')].filter(one =>
    [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
  return Math.min(...texts.map(one => {
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(ground(one))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  }));
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_ground(scheme: Any) -> None:
    async with serve_page(":memory:", "long enough") as served, chromium(color_scheme=scheme) as page:
        waiting, rejected = served.propose(order("PO-1", vendor="Ac\u043ce"), "finalize"), served.propose(order("PO-2"))
        not_known = served.propose_create(approved=True)
        served.erp.loses = "request"
        await served.pending.carry_out(not_known)
        contrasts = []
        for one in (waiting, not_known):
            await page.goto(await served.link(one))
            contrasts.append(await page.evaluate(CONTRAST))
        served.store.decline(rejected, {})
        await page.goto(await served.link(rejected))
        contrasts.append(await page.evaluate(CONTRAST))
        await page.get_by_role("link", name="All approvals").click()
        await page.wait_for_load_state("load")
        contrasts.append(await page.evaluate(CONTRAST))

    assert min(contrasts) >= 4.5


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
async def test_no_line_is_wider_than_the_screen(width: int) -> None:
    async with serve_page(":memory:") as served, chromium(viewport={"width": width, "height": 800}) as page:
        for number, vendor in (("PO-2025-0038", "Acme Fasteners"), ("W" * 64, "W" * 120)):
            shown = order(number, vendor=vendor, text=vendor)
            await page.goto(await served.link(served.propose(shown, "finalize")))
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.goto(page.url.partition("/approve")[0])
            assert await page.evaluate("document.documentElement.scrollWidth") <= width


ON_A_PHONE = """
() => {
  const cells = [...document.querySelectorAll('tbody tr:first-child td')].slice(2);
  const right = one => Math.round(one.getBoundingClientRect().right);
  return {
    labels: cells.map(one => getComputedStyle(one, '::before').content.slice(1, -1)),
    isAligned: right(document.querySelector('.line-total')) === right(document.querySelector('tfoot td.n')),
  };
}
"""


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("delete", ["Quantity", "Received", "Outstanding", "Unit price", "Line total"]),
        ("create", ["Quantity", "Unit", "Unit price", "Line total", "Deliver to"]),
    ],
)
async def test_a_phone_shows_what_each_figure_of_a_line_is(kind: str, labels: list[str]) -> None:
    """The table's headings are off the screen there."""
    async with serve_page(":memory:") as served, chromium(viewport={"width": 390, "height": 800}) as page:
        one = served.propose_create() if kind == "create" else served.propose(order(), kind)
        await page.goto(await served.link(one))

        assert await page.evaluate(ON_A_PHONE) == {"labels": labels, "isAligned": True}


INSIDE = """
() => {
  const cells = [...document.querySelectorAll('dd, td')].map(one => one.getBoundingClientRect());
  const texts = [...document.querySelectorAll('.said')];
  const inside = texts.every(one => {
    const [own, cell] = [one.getBoundingClientRect(), one.closest('dd, td, p, label').getBoundingClientRect()];
    return own.left >= cell.left - 1 && own.right <= cell.right + 1 && own.bottom <= cell.bottom + 1
      && ['hidden', 'clip'].includes(getComputedStyle(one).overflow);
  });
  const seen = ['number', 'vendor', 'total'].every(id => {
    const one = document.getElementById(id), box = one.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + Math.min(box.width, 8) / 2, box.top + box.height / 2);
    return box.width > 4 && box.height > 8 && (top === one || one.contains(top));
  });
  return [inside, seen];
}
"""


async def test_hostile_text_stays_in_its_cell_and_covers_nothing() -> None:
    """All 200 as lines, five to an order, and a fifth of them as vendors."""
    shown = 0
    async with serve_page(":memory:") as served, chromium(viewport={"width": 900, "height": 1600}) as page:
        for at in range(0, len(HOSTILE), 5):
            texts = HOSTILE[at : at + 5]
            hostile = order(f"PO-{at}", vendor=HOSTILE[at * 7 % 200])
            lines = tuple(line(place, text, text, "10", "4", "1.50") for place, text in enumerate(texts, 1))
            one = served.propose(hostile.model_copy(update={"lines": lines}))
            await page.goto(await served.link(one))
            assert await page.evaluate(INSIDE) == [True, True], ascii(texts)
            assert await page.locator("#total").inner_text() == "4,800.00 EUR"
            assert await page.locator("tbody tr").count() == 5
            shown += len(texts)

    assert shown == 200
