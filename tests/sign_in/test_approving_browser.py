"""Approvers in a real browser, the system's chromium, before nginx that ends TLS: sign-in, both yeses, the outcome."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from playwright.async_api import Page

from tests.approvals.test_browser import chromium, heading
from tests.approvals.test_browser_mutants import website
from tests.harness import ServerHarness, outcome
from tests.ports import free_port
from tests.sign_in.approving import CLIENT, DELETE, NUMBER
from tests.sign_in.issuer import Issuer, TeamServer, issuing, serving_for
from tests.sign_in.test_approving import LOW
from tests.sign_in.tls_proxy import ending_tls

pytestmark = pytest.mark.system


@asynccontextmanager
async def behind_tls(issuer: Issuer, harness: ServerHarness, port: int, **settings: Any) -> AsyncIterator[TeamServer]:
    """Run a server behind nginx that ends TLS, with https as its public address."""
    public = f"https://localhost:{port}"
    given = {**harness.files, **CLIENT, **settings}
    async with serving_for(issuer, **{**given, "public_url": public}) as inner:
        with ending_tls(harness.book.parent / "nginx", port, urlsplit(inner.origin).port or 0):
            yield TeamServer(public, issuer)


async def call(server: TeamServer, folder: Path, token: str, tool: str, **arguments: str) -> dict[str, Any]:
    """Call a tool over TLS."""
    trusted = ssl.create_default_context(cafile=str(folder / "nginx" / "certificate.pem"))
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False, verify=trusted) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        return dict(outcome(await client.call_tool(tool, arguments)))


async def approve(page: Page, link: str) -> str:
    """Open a link, type the order's number, press the button, and return what the page says then."""
    await page.goto(link)
    await page.get_by_label("to delete it").fill(NUMBER)
    await page.locator("button[value=approve]").click()
    return await page.locator("main").inner_text()


async def test_two_people_sign_in_and_approve_over_https(harness: ServerHarness) -> None:
    async with issuing() as issuer, behind_tls(issuer, harness, free_port(), second_approver_over=LOW) as server:
        token = server.token("alice", "po:read po:write", name="Alice Adams")
        asked = await call(server, harness.book.parent, token, DELETE, number=NUMBER)
        issuer.at_keyboard = "bob"
        async with chromium(ignore_https_errors=True) as page:
            first = await approve(page, asked["approve_at"])
            address, buttons = page.url, await page.locator("button[value=approve]").count()
            cookies = {one["name"]: one for one in await page.context.cookies()}
            signed_in = await page.locator(".visitor").inner_text()
        issuer.at_keyboard = "carol"
        async with chromium(ignore_https_errors=True) as page:
            await approve(page, asked["approve_at"])
            done = await heading(page)
            second = await page.locator("main").inner_text()
            await page.get_by_role("button", name="Sign out").click()
            out = await heading(page)
            left = [one["name"] for one in await page.context.cookies() if one["name"].endswith("_person")]
        found = await call(server, harness.book.parent, token, "get_operation", operation_id=asked["operation_id"])

    assert asked["approve_at"].startswith(f"{server.origin}/approve/")
    assert (address, buttons) == (asked["approve_at"], 0)
    assert "Another person must approve it, too." in first
    assert "Bob Brown" in signed_in
    [person] = [one for name, one in cookies.items() if name.endswith("_person")]
    assert (person["name"][:7], person["secure"], person["httpOnly"], person["sameSite"]) == (
        "__Host-",
        True,
        True,
        "Lax",
    )
    assert (done, out, left) == ("Done", "Signed out", [])
    assert "Requested by Alice Adams, approved by Bob Brown and Carol Clark." in second
    assert found["operations"][0]["status"] == "done"
    assert harness.order(NUMBER) is None


async def test_a_page_of_another_site_decides_nothing_in_the_browser_of_an_approver(harness: ServerHarness) -> None:
    """The approver is signed in; a website's form, and a click on it, reach the page all the same."""
    async with issuing() as issuer, behind_tls(issuer, harness, free_port()) as server:
        token = server.token("alice", "po:read po:write", name="Alice Adams")
        asked = await call(server, harness.book.parent, token, DELETE, number=NUMBER)
        issuer.at_keyboard = "bob"
        form = (
            f'<form method="post" action="{asked["approve_at"]}"><input name="decision" value="approve">'
            f'<input name="order_number" value="{NUMBER}"><input name="token" value="0"><button>Win</button></form>'
        )
        async with chromium(ignore_https_errors=True) as page:
            await page.goto(asked["approve_at"])
            async with website(form, "127.0.0.1") as elsewhere:
                await page.goto(elsewhere)
                async with page.expect_navigation() as answered:
                    await page.get_by_role("button", name="Win").click()
                answer = await answered.value

    assert answer is not None
    assert answer.status == 403
    assert harness.order(NUMBER) is not None
