"""The controls that a browser keeps, each taken away in turn, in the system's chromium.

Headers guard twice and three times over. Here one stands alone: the others are down in both runs, so
that it is seen to hold by itself.
"""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from playwright.async_api import Error, Page
from starlette.responses import HTMLResponse, Response

from po_mcp.approvals import page_security
from po_mcp.transports.uvicorn_server import create_server
from tests.approvals.page_harness import order, serve_page
from tests.approvals.test_browser import chromium
from tests.approvals.test_mutants import no_escaping

pytestmark = pytest.mark.system
Patch = pytest.MonkeyPatch
Harm = Callable[[], Awaitable[bool]]
Change = Callable[[Patch], None]
SCRIPT = "Acme<script>document.title = 'owned'</script>"


@asynccontextmanager
async def website(html: str, name: str = "localhost") -> AsyncIterator[str]:
    """A website; `localhost` is another site than 127.0.0.1, and another port of that the same site."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with anyio.create_task_group() as tasks:
            server = create_server(HTMLResponse(html))
            tasks.start_soon(server.serve, [sock])
            yield f"http://{name}:{sock.getsockname()[1]}/"
            server.should_exit = server.force_exit = True


# Attacks. Each is True where it succeeded.


async def the_page_in_a_frame_of_a_website() -> bool:
    """Its buttons can be laid under the person's click."""
    async with serve_page(":memory:") as served, chromium() as page:
        link = await served.link(served.propose(order()))
        async with website(f'<iframe src="{link}"></iframe>') as url:
            await page.goto(url, wait_until="load")
            texts = [await frame.content() for frame in page.frames if frame != page.main_frame]
    return any("PO-7" in text for text in texts)


async def a_script_in_a_vendors_name() -> bool:
    """It runs as the page, and can press its buttons."""
    with pytest.MonkeyPatch.context() as patch:
        no_escaping(patch)
        async with serve_page(":memory:") as served, chromium() as page:
            await page.goto(await served.link(served.propose(order(vendor=SCRIPT))))
            return await page.title() == "owned"


async def a_form_of_a_vendors_name_to_elsewhere() -> bool:
    """What is typed into the page, such as the PIN, goes to another site."""
    async with website("taken") as url, serve_page(":memory:") as served, chromium() as page:
        with pytest.MonkeyPatch.context() as patch:
            no_escaping(patch)
            vendor = f"<form action={url}><button id=b>Go</button></form>"
            await page.goto(await served.link(served.propose(order(vendor=vendor))))
            await page.evaluate("document.getElementById('b').click()")
            with suppress(Error):
                await page.wait_for_url(f"{url}**", timeout=5_000)
            return page.url.startswith(url)


async def a_stylesheet_that_is_run_as_a_script() -> bool:
    """What is sent as one type is taken for another by a page of another port."""
    return await _loads('<script src="{style}" onload="document.title = \'loaded\'"></script>')


async def a_file_that_another_site_loads() -> bool:
    return await _loads('<link rel="stylesheet" href="{style}" onload="document.title = \'loaded\'">')


async def _loads(html: str) -> bool:
    async with serve_page(":memory:") as served, chromium() as page:
        style = (await served.link(served.propose(order()))).partition("/approve")[0] + "/static/style.css"
        async with website(html.format(style=style)) as url:
            await page.goto(url, wait_until="load")  # what is loaded has been, or has failed
            return await page.title() == "loaded"


async def the_order_after_the_server_has_gone() -> bool:
    """The next user of the browser goes back, and reads it from the cache."""
    async with website("elsewhere") as url, chromium() as page:
        async with serve_page(":memory:") as served:
            await page.goto(await served.link(served.propose(order())))
            await page.goto(url)
        try:
            await page.go_back(timeout=10_000)
        except Error:
            return False
        return "PO-7" in await page.content()


async def the_cookie_in_the_hands_of_a_script() -> bool:
    async with serve_page(":memory:") as served, chromium() as page:
        await page.goto(await served.link(served.propose(order())))
        return "po_mcp_" in str(await page.evaluate("document.cookie"))


async def the_cookie_on_a_link_of_a_website() -> bool:
    """A link of another site opens the list of what waits, as the person who once came with a link."""
    async with serve_page(":memory:") as served, chromium() as page:
        link = await served.link(served.propose(order()))
        await page.goto(link)
        async with website(f'<a href="{link.partition("approve/")[0]}">See</a>') as url:
            await page.goto(url)
            await page.get_by_text("See").click()
            await page.wait_for_load_state()
            return "PO-7" in await page.content()


async def a_window_that_a_website_keeps_hold_of() -> bool:
    """The site that opened the page can lead it elsewhere, while the person is reading."""
    async with serve_page(":memory:") as served, chromium() as page:
        link = await served.link(served.propose(order()))
        async with website("<button onclick=\"w = window.open('" + link + "')\">Open</button>") as url:
            await page.goto(url)
            async with page.expect_popup() as opened:
                await page.get_by_role("button").click()
            popup: Page = await opened.value
            await popup.wait_for_load_state()
            return not await page.evaluate("w.closed")


# What stands alone, and what is left without it.


def _headers(**kept: str) -> Change:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in kept.items()]
    return lambda patch: patch.setattr(page_security, "_EXTRA", pairs)


def _of_the_policy(*directives: str) -> Change:
    """Only these parts of the policy as it is, and no other header."""
    policy = page_security._HEADERS["content-security-policy"].split("; ")
    return _headers(content_security_policy="; ".join(part for part in policy if part.startswith(directives)))


def _only(name: str) -> Change:
    return _headers(**{name.replace("-", "_"): page_security._HEADERS[name]})


def _cookie(change: Callable[[str], str]) -> Change:
    def set_changed_cookie(patch: Patch) -> None:
        set_cookie = Response.set_cookie

        def lenient(self: Response, *given: object, **more: object) -> None:
            set_cookie(self, *given, **more)  # type: ignore[arg-type]
            name, value = self.raw_headers.pop()
            self.raw_headers.append((name, change(value.decode()).encode()))

        patch.setattr(Response, "set_cookie", lenient)

    return set_changed_cookie


def _as_it_is(patch: Patch) -> None:
    """Take nothing away."""


NOTHING = _headers()
CONTROLS: dict[str, tuple[Change, Change, Harm]] = {
    "frame-ancestors": (_of_the_policy("frame-ancestors"), NOTHING, the_page_in_a_frame_of_a_website),
    "x-frame-options": (_only("x-frame-options"), NOTHING, the_page_in_a_frame_of_a_website),
    "default-src": (_of_the_policy("default-src"), NOTHING, a_script_in_a_vendors_name),
    "form-action": (_of_the_policy("form-action"), NOTHING, a_form_of_a_vendors_name_to_elsewhere),
    "nosniff": (_only("x-content-type-options"), NOTHING, a_stylesheet_that_is_run_as_a_script),
    "resource policy": (_only("cross-origin-resource-policy"), NOTHING, a_file_that_another_site_loads),
    "opener policy": (_only("cross-origin-opener-policy"), NOTHING, a_window_that_a_website_keeps_hold_of),
    "no-store": (_only("cache-control"), NOTHING, the_order_after_the_server_has_gone),
    "HttpOnly": (_as_it_is, _cookie(lambda text: text.replace("; HttpOnly", "")), the_cookie_in_the_hands_of_a_script),
    "SameSite": (
        _as_it_is,
        _cookie(lambda text: re.sub("SameSite=strict", "SameSite=lax", text)),
        the_cookie_on_a_link_of_a_website,
    ),
}


@pytest.mark.parametrize("control", CONTROLS)
async def test_an_attack_succeeds_only_without_its_control(control: str) -> None:
    alone, without, harm = CONTROLS[control]
    seen = []
    for change in (alone, without):
        with pytest.MonkeyPatch.context() as patch:
            change(patch)
            seen.append(await harm())

    assert seen == [False, True]
