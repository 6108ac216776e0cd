"""Approvers at a real OpenID provider, in a real browser, before nginx that ends TLS: from request to outcome."""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from tests.approvals.test_browser import chromium, heading
from tests.clients.test_sign_in import fetch_token, run_provider
from tests.harness import ServerHarness
from tests.ports import free_port
from tests.sign_in.approving import DELETE, NUMBER
from tests.sign_in.test_approving import LOW
from tests.sign_in.test_approving_browser import behind_tls, call

pytestmark = pytest.mark.clients


async def open_signed_in(page: Page, link: str, who: str) -> None:
    """Open a link, and do at the provider what it asks for: say who it is, and consent."""
    await page.goto(link)
    while "/interaction/" in page.url:
        if await page.locator("input[name=login]").count():
            await page.locator("input[name=login]").fill(who)
            await page.locator("input[name=password]").fill("any")
        await page.locator("button[type=submit]").click()
        await page.wait_for_load_state()


@pytest.mark.parametrize("entry", ["scope:po:approve", "group:leads"])
async def test_two_approvers_of_a_real_provider_release_what_a_buyer_asked_for(
    harness: ServerHarness, entry: str
) -> None:
    port, folder = free_port(), harness.book.parent
    rules = {"approvers": entry, "second_approver_over": LOW}
    with run_provider(f"https://localhost:{port}") as issuer:
        async with behind_tls(issuer, harness, port, **rules) as server:
            token = (await fetch_token(issuer, "alice", "po:read po:write", server.url))["access_token"]
            asked = await call(server, folder, token, DELETE, number=NUMBER)
            said = {}
            for who in ("alice", "bob", "carol"):
                async with chromium(ignore_https_errors=True) as page:
                    await open_signed_in(page, asked["approve_at"], who)
                    assert page.url == asked["approve_at"]
                    if who != "alice":
                        await page.get_by_label("to delete it").fill(NUMBER)
                        await page.locator("button[value=approve]").click()
                    said[who] = await heading(page), await page.locator("main").inner_text()
            found = await call(server, folder, token, "get_operation", operation_id=asked["operation_id"])

    refused = "You requested this, so another person" if entry.startswith("scope") else "You may not approve orders"
    assert refused in said["alice"][1]
    assert "Another person must approve it, too." in said["bob"][1]
    assert said["carol"][0] == "Done"
    [operation] = found["operations"]
    assert operation["message"].endswith("Requested by alice, approved by Bob and Carol.")
    assert harness.order(NUMBER) is None
