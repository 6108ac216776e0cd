"""Every state of the approval page, as the real page shows it to a browser; written as pictures for people to look at.

    python -m tests.approvals.page_states FOLDER [NAME ...]

writes each state light, dark and on a phone. `test_page_states.py` holds what a picture must have.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio
from mcp import Client
from playwright.async_api import Locator, Page

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.errors import JournalUnavailable, Refused, Unreachable
from po_mcp.writes.journal.approver_pin import hash_pin
from tests.approvals.page_harness import Books, Clock, PageHarness, line, order, serve_page
from tests.approvals.test_browser import chromium
from tests.harness import ServerHarness
from tests.homes import nobodys_home
from tests.sign_in.approving import ask, path_of, serving_page

PIN = "correct horse"
NUMBER = "PO-2025-0038"
WIDTHS = {"light": 900, "dark": 900, "phone": 390}
Scheme = Literal["light", "dark"]
State = Callable[[Page], AbstractAsyncContextManager[None]]
STATES: dict[str, tuple[str, State]] = {}
"""By name: the heading that the page then has, and what leads a browser there and keeps the server up meanwhile."""


def state(heading: str) -> Callable[[Callable[[Page], AsyncIterator[None]]], State]:
    """Add a state under its function's name."""

    def add(lead: Callable[[Page], AsyncIterator[None]]) -> State:
        made = asynccontextmanager(lead)
        STATES[lead.__name__.replace("_", "-")] = (heading, made)
        return made

    return add


async def press(tab: Page, button: str = "approve", **fields: str) -> None:
    for name, text in fields.items():
        await tab.locator(f"[name={name}]").fill(text)
    # What a browser would hold back, such as an empty field, is sent as an old one would send it.
    await tab.locator("form.decision").evaluate("form => form.noValidate = true")
    await follow(tab.locator(f"button[value={button}]"))


async def follow(link: Locator) -> None:
    # What comes next, such as a reload, must not meet the page on its way.
    async with link.page.expect_navigation():
        await link.click()


# What is asked


@state(f"Delete order {NUMBER} permanently?")
async def delete_asked(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(NUMBER))))
        yield


@state("Close order PO-7?")
async def close_asked_and_the_rest_is_open(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(), "finalize")))
        yield


@state("Close order PO-7?")
async def close_asked_with_a_backorder(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(), "finalize", create_backorder=True)))
        yield


@state("Cancel order PO-7?")
async def cancel_asked_of_forty_lines(tab: Page) -> AsyncIterator[None]:
    rows = tuple(line(place, f"ITEM-{place:04}", "Hex bolt M8 x 30", "100", "40", "0.45") for place in range(1, 41))
    async with serve_page(":memory:") as served:
        await tab.goto(
            await served.link(served.propose(order(total="1800").model_copy(update={"lines": rows}), "cancel"))
        )
        yield


@state("Create order PO-2025-0043?")
async def create_asked(tab: Page) -> AsyncIterator[None]:
    lines = [
        {"item": "BOLT-M8-30", "quantity": "1000", "warehouse": "Main"},
        {"item": "NUT-M8", "quantity": "500", "unit_price": "0.22", "warehouse": "Yard"},
    ]
    settings = Settings(sandbox=":memory:", journal=":memory:", approval="page", create_approval_over={"": 0})
    async with Client(build_server(settings)) as client:
        call = {"vendor": "Acme Fasteners", "number": "PO-2025-0043", "lines": lines}
        asked = await client.call_tool("create_purchase_order", call)
        assert asked.structured_content is not None, asked.content
        await tab.goto(asked.structured_content["approve_at"])
        yield


@state("Delete order PO-7 permanently?")
async def everything_at_once_that_a_person_is_warned_of(tab: Page) -> AsyncIterator[None]:
    clock = Clock()
    async with serve_page(":memory:", PIN, clock) as served:
        held = served.store.approver_pin().hash
        assert served.store.upkeep.set_approver_pin(hash_pin(PIN), held, "PIN reset")
        shown = order(vendor="Acm\u0435 Fasteners", total="4900.00")
        served.store.decline(served.propose(shown), {})
        await tab.goto(await served.link(served.propose(shown)))
        await press(tab, order_number="PO-7", pin="wrong")
        yield


# What was filled in does not fit


@state("Delete order PO-7 permanently?")
async def another_number_typed(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order())))
        await press(tab, order_number="PO-8")
        yield


@state("Close order PO-7?")
async def the_rest_not_chosen(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await tab.goto(await served.link(served.propose(order(), "finalize")))
        await press(tab, pin=PIN)
        yield


@state("Close order PO-7?")
async def a_pin_is_wanted(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await tab.goto(await served.link(served.propose(order(), "finalize")))
        yield


@state("Cancel order PO-7?")
async def no_pin_given(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await tab.goto(await served.link(served.propose(order(), "cancel")))
        await press(tab)
        yield


@state("Delete order PO-7 permanently?")
async def locked_by_wrong_pins(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await tab.goto(await served.link(served.propose(order())))
        for _ in range(10):
            await press(tab, order_number="PO-7", pin="wrong")
        yield


@state("Delete order PO-7 permanently?")
async def nothing_may_be_written_here(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", may_write=False) as served:
        await tab.goto(await served.link(served.propose(order())))
        yield


@state("Declined")
async def decided_in_another_tab(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose(order())
        await tab.goto(await served.link(one))
        served.store.decline(one, {})
        await press(tab, order_number="PO-7")
        yield


@state("Reload this page")
async def a_form_of_an_earlier_start(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order())))
        await tab.locator("[name=token]").evaluate("field => field.value = 'ab'.repeat(16)")
        await press(tab, order_number="PO-7")
        yield


# What became of it


@state("Declined")
async def declined(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order())))
        await press(tab, "reject")
        yield


@state("Expired")
async def expired(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose(order())
        served.clock.now += 601
        await tab.goto(await served.link(one))
        yield


@state("Out of date")
async def stale(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose(order())
        served.propose(order(), "finalize")
        await tab.goto(await served.link(one))
        yield


@state("Approved, not sent")
async def approved_and_not_sent(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await tab.goto(await served.link(served.propose(order(), "cancel")))
        served.erp.unreadable = Unreachable("Books cannot be reached: connection refused.")
        await press(tab, pin=PIN)
        yield


@state("Approval taken back")
async def taken_back(tab: Page) -> AsyncIterator[None]:
    async with approved_and_not_sent(tab):
        await press(tab, "take_back", pin=PIN)
        yield


@state("Done")
async def sent_before_it_could_be_taken_back(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose(order(), "cancel")
        await tab.goto(await served.link(one))
        served.erp.unreadable = Unreachable("Books cannot be reached: connection refused.")
        await press(tab)
        served.erp.unreadable = None
        await served.pending.carry_out(one)
        await press(tab, "take_back")
        yield


@state("Approved, then expired")
async def approved_then_expired(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(), "cancel")))
        served.erp.unreadable = Unreachable("Books cannot be reached: connection refused.")
        await press(tab)
        served.clock.now += 1201
        await tab.reload()
        yield


@state("Sent, no answer yet")
async def sent(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(), "cancel")))
        served.erp.may_answer = anyio.Event()
        await press(tab)
        yield
        served.erp.may_answer.set()


@state("Done")
async def done(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order())))
        await press(tab, order_number="PO-7")
        yield


@state("Refused, being checked")
async def watched(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(await served.link(served.propose(order(), "cancel")))
        served.erp.refusal = Refused("Books refused it (HTTP 409, order_locked).", effect="nothing_changed")
        await press(tab)
        yield


@state("Not done")
async def refused(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose(order(), "cancel")
        await tab.goto(await served.link(one))
        served.erp.refusal = Refused("Books refused it (HTTP 409, order_locked).", effect="nothing_changed")
        await press(tab)
        served.clock.now += 40
        await served.pending.executor.reconciler.reconcile(served.recorded_of(one))
        await tab.reload()
        yield


@state("Not confirmed")
async def unknown(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await lose(tab, served)
        yield


@state("Not confirmed")
async def unknown_and_settled_by_hand(tab: Page) -> AsyncIterator[None]:
    async with unknown(tab):
        await follow(tab.get_by_role("link", name="Say what happened"))
        yield


@state("Not confirmed")
async def unknown_looked_at_again(tab: Page) -> AsyncIterator[None]:
    async with unknown(tab):
        await press(tab, "look")
        yield


@state("Did not happen")
async def did_not_happen(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:", PIN) as served:
        await lose(tab, served)
        served.clock.now += 200
        await follow(tab.get_by_role("link", name="Say what happened"))
        await press(tab, "not_happened", order_number="PO-7", pin=PIN)
        yield


@state("Check this order")
async def another_order_under_the_number(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        one = served.propose_create(approved=True)
        served.erp.loses = "request"
        await served.pending.carry_out(one)
        served.erp.orders["PO-9"] = order("PO-9", vendor="Northwind Bearings").model_copy(
            update={"vendor_id": "47", "lines": (line(1, "SEAL-25-40", "Oil seal", "350", "0", "3.25"),)}
        )
        for _ in range(2):
            served.clock.now += 120
            await served.pending.executor.reconciler.reconcile(served.recorded_of(one))
        await tab.goto(await served.link(one))
        yield


async def lose(tab: Page, served: PageHarness) -> None:
    """Approve a delete whose request never reaches the ERP."""
    await tab.goto(await served.link(served.propose(order())))
    served.erp.loses = "request"
    await press(tab, order_number="PO-7", pin=PIN)


# The list, and what is no operation


@state("Waiting for you")
async def the_list(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        served.store.decline(served.propose(order("PO-1")), {})
        served.propose(order("PO-2"), "cancel")
        await served.pending.carry_out(served.propose_create("PO-3", approved=True))
        served.propose(order("PO-4", vendor="Northwind Bearings and Precision Components Incorporated"), "finalize")
        served.erp.loses = "request"
        await served.pending.carry_out(served.propose_create("PO-5", approved=True))
        await tab.goto(await served.link(served.propose(order("PO-2025-0038"))))
        await follow(tab.get_by_role("link", name="All approvals"))
        yield


@state("Waiting for you")
async def the_list_of_nothing(tab: Page) -> AsyncIterator[None]:
    clock = Clock()
    async with serve_page(":memory:", clock=clock, erp=Books()) as served:
        one = served.propose_create()
        await tab.goto(await served.link(one))
        served.store.decline(one, {})
        await follow(tab.get_by_role("link", name="All approvals"))
        yield


@state("Open your approval link first")
async def the_list_without_a_link(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        link = await served.link(served.propose(order()))
        await tab.goto(link.partition("/approve")[0])
        yield


@state("Page not found")
async def another_address(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        await tab.goto(f"{await served.link(served.propose(order()))}0")
        yield


@state("Temporarily unavailable")
async def without_a_journal(tab: Page) -> AsyncIterator[None]:
    async with serve_page(":memory:") as served:
        link = await served.link(served.propose(order()))

        def fail(_: str) -> None:
            raise JournalUnavailable("The journal cannot be opened: disk I/O error.")

        served.store.find = fail  # type: ignore[method-assign, assignment]
        await tab.goto(link)
        yield


# Where people sign in


@asynccontextmanager
async def sign_in_as(tab: Page, who: str, **settings: object) -> AsyncIterator[str]:
    """Show somebody what Bob's assistant asked for; return where that is."""
    with tempfile.TemporaryDirectory() as folder:
        harness = ServerHarness(Path(folder) / "book.db")
        async with serving_page(harness, **settings) as server:
            asked = await ask(server, "bob")
            server.issuer.at_keyboard = who
            at = f"{server.origin}{path_of(asked)}"
            await tab.goto(at)
            yield at


@state(f"Delete order {NUMBER} permanently?")
async def asked_by_this_very_person(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "bob"):
        yield


@state(f"Delete order {NUMBER} permanently?")
async def two_approvers_are_needed(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "carol", second_approver_over={"": "0.05"}):
        yield


@state(f"Delete order {NUMBER} permanently?")
async def one_of_two_has_approved(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "carol", second_approver_over={"": "0.05"}):
        await press(tab, order_number=NUMBER)
        yield


@state("Not for you to decide")
async def no_approver(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "alice"):
        yield


@state("Signed out")
async def signed_out(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "carol"):
        await follow(tab.get_by_role("button", name="Sign out"))
        yield


@state("Sign in again")
async def sign_in_is_over(tab: Page) -> AsyncIterator[None]:
    async with sign_in_as(tab, "carol"):
        await tab.context.clear_cookies()
        await press(tab, order_number=NUMBER)
        yield


async def set_look(tab: Page, look: str) -> None:
    """Show the same page light, dark or on a phone."""
    await tab.emulate_media(color_scheme="dark" if look == "dark" else "light")
    await tab.set_viewport_size({"width": WIDTHS[look], "height": 844})


async def main(folder: Path, names: list[str]) -> None:
    """Write the pictures of the states of these names; of all where none is named."""
    async with chromium() as tab:
        for name in names or STATES:
            async with STATES[name][1](tab):
                await tab.wait_for_load_state()
                for look in WIDTHS:
                    await set_look(tab, look)
                    await tab.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
            await tab.context.clear_cookies()


if __name__ == "__main__":
    at = Path(sys.argv[1])
    at.mkdir(parents=True, exist_ok=True)
    with nobodys_home():
        anyio.run(main, at, sys.argv[2:])
