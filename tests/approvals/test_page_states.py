"""Each state of the page, light, dark and on a phone: what `page_states.py` makes pictures of for people to look at."""

from __future__ import annotations

from typing import get_args

import pytest
from playwright.async_api import Page

from po_mcp.approvals.pending import Verdict
from po_mcp.approvals.status_banner import _BANNERS
from po_mcp.writes.operation import State
from tests.approvals.page_states import STATES, WIDTHS, set_look
from tests.approvals.test_browser import CONTRAST, chromium

pytestmark = pytest.mark.system

BROKEN = r"""
() => {
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), broken = [];
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[^ ]*-[^ ]+/g)) {
    if (!/[0-9]/.test(word[0])) continue;
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    const parts = [...range.getClientRects()], block = texts.currentNode.parentElement.closest('p, td, h1, label, dd');
    const tops = new Set(parts.map(part => Math.round(part.top)));
    if (tops.size > 1 && parts.reduce((all, part) => all + part.width, 0) < block.clientWidth) broken.push(word[0]);
  }
  return broken;
}
"""
"""Codes and numbers that a line break splits, though they would have room on a line of their own."""
ABOVE = "one => one.getBoundingClientRect().bottom <= innerHeight"


async def test_every_state_is_readable_light_dark_and_on_a_phone() -> None:
    faults: list[tuple[object, ...]] = []
    async with chromium() as tab:
        for name, (heading, lead) in STATES.items():
            async with lead(tab):
                await tab.wait_for_load_state()
                headings = await tab.locator("h1").all_inner_texts()
                faults += [] if headings == [heading] else [(name, headings)]
                for look, width in WIDTHS.items():
                    await set_look(tab, look)
                    faults += [(name, look, fault) for fault in await find_faults(tab, width)]
            await tab.context.clear_cookies()

    assert faults == []


async def find_faults(tab: Page, width: int) -> list[str]:
    found = {
        "wider than the screen": await tab.evaluate("document.documentElement.scrollWidth") > width,
        "too little contrast": await tab.evaluate(CONTRAST) < 4.5,
        "a broken number": await tab.evaluate(BROKEN) != [],
    }
    return [fault for fault, is_there in found.items() if is_there]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing-may-be-written-here", "PO_MCP_READ_ONLY is set here"),
        ("asked-by-this-very-person", "You requested this, so another person must approve it."),
        ("one-of-two-has-approved", "You have approved this. Another person must approve it, too."),
        ("locked-by-wrong-pins", "Too many wrong PINs: this page is locked until"),
    ],
)
async def test_a_phone_shows_first_why_nothing_can_be_decided(name: str, why: str) -> None:
    async with chromium() as tab, STATES[name][1](tab):
        await set_look(tab, "phone")
        said = tab.get_by_text(why)

        assert await said.count() == 1
        assert await said.evaluate(ABOVE)


def test_every_way_in_which_a_request_ends_is_among_them() -> None:
    headings = {heading for heading, _ in STATES.values()}

    assert {banner.heading for banner in _BANNERS.values()} <= headings
    assert {"Approved, not sent", "Approved, then expired", "Approval taken back"} <= headings
    assert set(get_args(State)) == {"PROPOSED", "APPROVED", *_BANNERS}
    assert len(get_args(Verdict)) == 12
