"""Each control of the HTTP server is taken away in turn, and the harm that it prevents is seen to happen."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.server import transport_security

from po_mcp.approvals.page import create_app
from po_mcp.approvals.page_server import MountedPage
from po_mcp.config import Settings
from po_mcp.transports import http as http_transport
from po_mcp.transports import http_app
from po_mcp.transports.uvicorn_server import listen
from tests.approvals.page_harness import browser
from tests.commands.slow_erp import slow_erp
from tests.commands.test_serve import (
    CREATE,
    DELETE,
    HEADERS,
    HELLO,
    NEW,
    call,
    ignore_address,
    modern,
    send_a_write,
    start,
)
from tests.harness import ERAS, outcome

Patch = pytest.MonkeyPatch
PIN = "correct horse"


@asynccontextmanager
async def serve(**settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """The server within this process, and a client that is at liberty with its headers."""
    with closing(listen("127.0.0.1", 0)) as sock:
        origin = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http_transport.serve, Settings(sandbox=":memory:", **settings), sock, ignore_address)
            async with httpx2.AsyncClient(base_url=origin, headers=HEADERS, timeout=60, trust_env=False) as http:
                await http.get("/mcp")
                yield http
            signal.raise_signal(signal.SIGTERM)


async def a_page_that_whoever_connects_can_use() -> bool:
    """The assistant itself follows the link, and approves what it asked for."""
    async with serve() as http, Client(f"{http.base_url}/mcp", mode=ERAS[0]) as client:
        asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
        if "approve_at" in asked:
            async with browser(asked["approve_at"]) as person:
                await person.send("approve", order_number="PO-2025-0038")
        said = outcome(await client.call_tool("get_operation", {"operation_id": asked["operation_id"]}))
    return bool(said["operations"][0]["status"] == "done")


async def a_name_that_was_rebound_to_this_machine() -> bool:
    return await _is_answered({"host": "evil.example"})


async def a_website_that_posts_to_mcp() -> bool:
    return await _is_answered({"origin": "https://evil.example"})


async def _is_answered(headers: dict[str, str]) -> bool:
    async with serve(approver_pin=PIN) as http:
        asked = modern("list_purchase_orders", {})
        answer = await http.post("/mcp", **asked | {"headers": {**asked["headers"], **headers}})
        hello = await http.post("/mcp", headers=headers, json=call("initialize", HELLO))
    return "PO-2025-" in answer.text or "mcp-session-id" in hello.headers


async def a_picture_of_a_website_that_is_mcp() -> bool:
    """An <img> brings no Origin; each one makes the server open a session, and close it again."""
    async with serve(approver_pin=PIN) as http:
        answer = await http.get("/mcp", headers={"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"})
    return answer.status_code != 403


async def a_request_of_two_megabytes() -> bool:
    async with serve(approver_pin=PIN) as http:
        answer = await http.post("/mcp", content=b'{"x": "' + b"a" * 2_000_000 + b'"}')
    return answer.status_code != 413


async def an_order_whose_quantity_stands_twice() -> bool:
    """Which of both is ordered is the parser's choice. Harm: the order is created."""
    sent = modern(CREATE, NEW)
    body = json.dumps(sent["json"]).replace('"quantity"', '"quantity": "9000", "quantity"')
    async with serve() as http:
        answer = (await http.post("/mcp", headers=sent["headers"], content=body)).json()
    return (answer.get("error", {}).get("code"), answer["id"]) != (-32602, 1)


def two_values_of_one_name(patch: Patch) -> None:
    patch.setattr(http_transport, "ReadableBodies", lambda mcp, writes, max_bytes: mcp)


def a_page_without_a_pin(patch: Patch) -> None:
    patch.setattr(http_transport, "_choose_page", lambda settings, address: MountedPage(address.origins[0]))
    patch.setattr(
        http_transport,
        "_build_page_app",
        lambda pending, address, _: create_app(pending, address.origins, "po_mcp"),
    )


def no_look_at_host_and_origin(patch: Patch) -> None:
    settings = transport_security.TransportSecuritySettings
    lenient = settings(enable_dns_rebinding_protection=False)
    patch.setattr(http_transport, "TransportSecuritySettings", lambda **given: lenient)


def no_look_at_where_the_browser_says_it_comes_from(patch: Patch) -> None:
    patch.setattr(http_app, "_is_from_website", lambda scope: False)


def a_request_of_any_length(patch: Patch) -> None:
    patch.setattr(http_transport, "_MAX_REQUEST_BYTES", 1_000_000_000)


MUTANTS: list[tuple[Callable[[Patch], None], Callable[[], Awaitable[bool]]]] = [
    (a_page_without_a_pin, a_page_that_whoever_connects_can_use),
    (no_look_at_host_and_origin, a_name_that_was_rebound_to_this_machine),
    (no_look_at_host_and_origin, a_website_that_posts_to_mcp),
    (no_look_at_where_the_browser_says_it_comes_from, a_picture_of_a_website_that_is_mcp),
    (a_request_of_any_length, a_request_of_two_megabytes),
    (two_values_of_one_name, an_order_whose_quantity_stands_twice),
]


@pytest.mark.parametrize(("mutant", "harm"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(
    mutant: Callable[[Patch], None], harm: Callable[[], Awaitable[bool]]
) -> None:
    intact = await harm()
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await harm()

    assert (intact, mutated) == (False, True)


WITHOUT_DRAINING = """
from po_mcp.cli import main
from po_mcp.transports.http_app import HttpApp

async def close(self):
    pass

HttpApp.close = close
main()
"""


async def test_a_signal_loses_the_outcome_of_a_write_without_draining(tmp_path: Path) -> None:
    lost = []
    for name, program in (("intact", ("-m", "po_mcp")), ("mutated", ("-c", WITHOUT_DRAINING))):
        lost.append(await _is_lost(tmp_path / f"{name}.db", program))

    assert lost == [False, True]


async def _is_lost(file: Path, program: tuple[str, ...]) -> bool:
    """The server gets a signal to end while the ERP, which has done the write, keeps its answer back."""
    journal = file.with_suffix(".journal")
    async with slow_erp(file) as erp:
        with start("--port", "0", program=program, PO_MCP_JOURNAL=str(journal), **erp.settings) as process:
            assert process.stderr is not None
            origin = process.stderr.readline().split("/mcp")[0].rpartition(" ")[2]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_write, origin)
                with anyio.fail_after(60):
                    await erp.has_written.wait()
                process.send_signal(signal.SIGTERM)
                await anyio.sleep(1)
                erp.may_answer.set()
                await anyio.to_thread.run_sync(lambda: process.communicate(timeout=60))
    with closing(sqlite3.connect(journal)) as db:
        return bool(db.execute("SELECT state FROM write_operations").fetchall() != [("DONE",)])


async def _write(origin: str) -> None:
    async with httpx2.AsyncClient(base_url=origin, headers=HEADERS, timeout=60, trust_env=False) as http:
        try:
            await send_a_write(http, ERAS[0])
        except (httpx2.TransportError, AssertionError):
            return  # what counts is what is recorded
