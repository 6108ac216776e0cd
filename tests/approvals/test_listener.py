"""The listener: opened when a link is needed, on this machine only, and gone with the server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack

import anyio
import httpx2
import pytest

from po_mcp.approvals import page_form
from po_mcp.transports import uvicorn_server
from tests.approvals.page_harness import browser, order, serve_page
from tests.harness import ServerHarness


def test_the_page_is_imported_when_it_is_needed() -> None:
    seen = "import sys, po_mcp.server; print([n for n in ('jinja2', 'po_mcp.approvals.page') if n in sys.modules])"

    assert subprocess.check_output([sys.executable, "-c", seen], text=True, timeout=60).strip() == "[]"


async def test_no_port_is_opened_before_a_link_is_needed(harness: ServerHarness) -> None:
    async with serve_page(":memory:") as served:
        assert served.listener._server is None
        first = await served.link(served.propose(order("PO-1")))
        second = await served.link(served.propose(order("PO-2")))

    assert first.rpartition("/")[0] == second.rpartition("/")[0]
    assert first.startswith("http://127.0.0.1:")


async def test_the_page_is_gone_with_the_server() -> None:
    async with serve_page(":memory:") as served:
        link = await served.link(served.propose(order()))
        async with browser(link) as person:
            assert (await person.page()).status_code == 200

    async with browser(link) as person:
        with pytest.raises(httpx2.ConnectError):
            await person.page()


@pytest.mark.parametrize("is_looked_at", [False, True], ids=["nobody", "an idle browser"])
async def test_a_page_on_which_nothing_is_answered_ends_without_a_wait(
    monkeypatch: pytest.MonkeyPatch, is_looked_at: bool
) -> None:
    """uvicorn looks for its end ten times a second, and gives connections a tenth of one at the end."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note_and_sleep(delay: float, result: object = None) -> object:
        waits.append(delay)
        return await sleep(delay, result)

    monkeypatch.setattr(uvicorn_server, "_TICK_S", 30.0)
    async with AsyncExitStack() as still_there, serve_page(":memory:") as served:
        link = await served.link(served.propose(order()))
        if is_looked_at:
            person = await still_there.enter_async_context(browser(link))
            assert (await person.page()).status_code == 200
        monkeypatch.setattr(asyncio, "sleep", note_and_sleep)
        begun = anyio.current_time()

    assert anyio.current_time() - begun < uvicorn_server._TICK_S / 2
    assert not any(waits)


async def test_a_journal_that_cannot_be_used_is_reported_and_nothing_is_decided() -> None:
    async with serve_page(":memory:") as served, browser(await served.link(one := served.propose(order()))) as person:
        with served.store._file.writing() as db:
            db.execute("ALTER TABLE connections RENAME TO gone")
        page = await person.page()
        with served.store._file.writing() as db:
            db.execute("ALTER TABLE gone RENAME TO connections")

        assert page.status_code == 503
        assert served.state(one) == "PROPOSED"


async def test_connections_that_ask_for_nothing_keep_nobody_out() -> None:
    """There are more of them than the requests that uvicorn answers at once, so all would count were none closed."""
    async with serve_page(":memory:") as served, AsyncExitStack() as idle:
        link = await served.link(served.propose(order()))
        port = int(link.split("/")[2].rpartition(":")[2])
        for _ in range(140):
            await idle.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
        async with browser(link) as person:
            shown = await person.page()

    assert shown.status_code == 200


async def test_a_form_that_never_ends_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_form, "_SLOWEST_FORM_S", 0.2)

    async with serve_page(":memory:") as served:
        link = await served.link(one := served.propose(order()))
        origin, path = link[: link.index("/approve")], link[link.index("/approve") :]
        host = origin.removeprefix("http://")
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Length: 99\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\ndecision=approve"
        )
        async with await anyio.connect_tcp("127.0.0.1", int(host.partition(":")[2])) as slow:
            await slow.send(head.encode())
            with anyio.fail_after(20):
                answer = await slow.receive()

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert served.state(one) == "PROPOSED"
