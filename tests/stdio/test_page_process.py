"""A link stays valid for a while after the client ended the server that gave it: some start one for each call."""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings, load
from po_mcp.sandbox import Book
from po_mcp.sandbox.refusals import Missing
from po_mcp.transports import page_process
from po_mcp.transports.uvicorn_server import listen
from tests.approvals.page_harness import browser
from tests.harness import outcome

from .test_process import INITIALIZE, RawClient, server

NUMBER = "PO-2025-0038"
NO_FORM = {**INITIALIZE, "capabilities": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for book and journal; processes that still serve a page for it are ended."""
    yield tmp_path
    for pid in page_processes(tmp_path):
        os.kill(pid, signal.SIGTERM)


def page_processes(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = ((entry / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            continue
        if b"page_process" in command and str(folder).encode() in environment:
            found.append(int(entry.name))
    return found


def ask(client: RawClient) -> str:
    client.request("initialize", NO_FORM)
    client.send({"method": "notifications/initialized"})
    call = {"name": "delete_purchase_order", "arguments": {"number": NUMBER}}
    link = client.request("tools/call", call)["result"]["structuredContent"]["approve_at"]
    assert isinstance(link, str)
    return link


def files(folder: Path) -> dict[str, str]:
    return {"PO_MCP_SANDBOX": str(folder / "book.db"), "PO_MCP_JOURNAL": str(folder / "journal.db")}


def has_order(folder: Path) -> bool:
    with closing(Book.open(folder / "book.db")) as book:
        try:
            book.order(NUMBER)
        except Missing:
            return False
    return True


async def test_a_person_approves_behind_the_link_after_stdin_has_closed(folder: Path) -> None:
    with server(**files(folder)) as client:
        link = ask(client)
        ended = client.end()

    async with browser(link) as person:
        assert (await person.page()).status_code == 200
        assert (await person.send("approve", order_number=NUMBER)).status_code in (200, 303)
    with anyio.fail_after(30):
        while has_order(folder):  # noqa: ASYNC110  # another process deletes it
            await anyio.sleep(0.1)
    assert ended == (0, "")
    [pid] = page_processes(folder)
    assert os.getsid(pid) == pid  # a client that kills the server's process group does not reach it


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_the_page_ends_with_a_server_that_a_signal_ends(folder: Path, sent: signal.Signals) -> None:
    with server(**files(folder)) as client:
        link = ask(client)
        client.process.send_signal(sent)
        client.process.wait(60)

    async with browser(link) as person:
        with pytest.raises(httpx2.ConnectError):
            await person.page()
    assert page_processes(folder) == []


async def test_no_page_stays_where_nothing_is_left_to_decide(folder: Path) -> None:
    with server(**files(folder)) as client:
        link = ask(client)
        async with browser(link) as person:
            await person.page()
            await person.send("reject")
        client.end()

    assert page_processes(folder) == []


async def test_the_page_ends_in_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_process, "LIFETIME_S", 0.5)
    begin = time.monotonic()
    with anyio.fail_after(30):
        await page_process.serve(load(files(folder)), listen("127.0.0.1", 0))

    assert time.monotonic() - begin >= 0.5


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_module_of_the_working_directory_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is the project that is open in an assistant; anybody may have put a module there."""
    ran = folder / "ran"
    (folder / "po_mcp").mkdir()
    (folder / "po_mcp" / "__init__.py").write_text(f"open({str(ran)!r}, 'w').close()")
    monkeypatch.chdir(folder)
    for name, value in files(folder).items():
        monkeypatch.setenv(name, value)

    with listen("127.0.0.1", 0) as sock:
        page_process.start(sock, None)
        port = sock.getsockname()[1]
    answer = httpx2.get(f"http://127.0.0.1:{port}/", timeout=60)

    assert (answer.status_code, ran.exists()) == (403, False)  # the page, to a browser without a link


async def test_a_server_whose_page_cannot_be_kept_ends_as_any_other(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was started by may be gone by then, as after an upgrade."""

    def fail(sock: socket.socket) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    settings = Settings(sandbox=str(folder / "book.db"), journal=str(folder / "journal.db"))
    async with Client(build_server(settings, keep_page=fail), mode="legacy") as client:
        asked = await client.call_tool("delete_purchase_order", {"number": NUMBER})

    assert outcome(asked)["approve_at"].startswith("http://127.0.0.1:")
    assert "could not keep the approval page: No such file or directory" in caplog.text
