"""What makes calls fast, in counts that no machine changes: our own functions, digests, checks, requests, tokens.

`python -m benchmarks` has the times (docs/performance.md). A limit has slack for a change of the SDK; a count that
grows beyond it was not meant.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import httpx2
import pytest
from anyio import to_thread
from mcp import Client
from mcp.types import JSONRPCMessage, jsonrpc_message_adapter

import po_mcp
from benchmarks.erp import Erp
from benchmarks.processes import META
from benchmarks.tokens import DAY_BEFORE, NEWER, count_said
from po_mcp.bootstrap import build_server
from po_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from po_mcp.config import Settings
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.page_reader import PagedList
from po_mcp.connectors.pages import Page
from po_mcp.connectors.pagination import ConvertedRows, read_all_stable
from po_mcp.desk.catalog import words_of
from po_mcp.desk.matching import Index
from po_mcp.orders import Item
from po_mcp.tools._render import outcome_result
from po_mcp.writes.journal import Journal
from po_mcp.writes.operation import WriteOutcome
from tests.conversations.__main__ import play_in_folder
from tests.conversations.record import Called
from tests.conversations.script import scripts
from tests.harness import ERAS, REAL, ScriptedPerson, outcome, yes

NUMBER = {"number": "PO-2026-000001"}
OWN_FUNCTIONS = 390
"""Functions of po_mcp that run for a get; 365 were at the last count."""
ALL_FUNCTIONS = 980
"""Functions of Python that run for a get over lines, those of the SDK among them; 962 were at the last count."""
FUNCTIONS_OF_A_FINALIZE = 2_050
"""Functions of po_mcp that run for a finalize, its question among them; 1,835 were at the last count."""


MAX_REPETITIONS = 64
"""The highest figure of a repetition in the pattern of a field: 8,192 of a class took 2.7 MB and 55 ms to make."""


def connect(erp: Erp) -> InventoryPro:
    """Return a connection to the ERP of the benchmarks."""

    async def answer(request: httpx2.Request) -> httpx2.Response:
        status, content = await erp.answer(request.method, request.url.raw_path.decode(), request.content)
        return httpx2.Response(status, stream=httpx2.ByteStream(content))

    return InventoryPro("http://erp.test", "c", "s", transport=httpx2.MockTransport(answer))


async def count_functions(call: Callable[[], Awaitable[object]]) -> Counter[str]:
    """Return how often each function of po_mcp was called, a coroutine as often as it went on."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and "/po_mcp/" in frame.f_code.co_filename.replace("\\", "/"):
            found[frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(**{**REAL, "journal": str(tmp_path / "journal.db")})


async def test_a_get_checks_its_number_and_its_order_a_few_times(settings: Settings) -> None:
    erp = Erp(0, 28, 30)
    async with Client(build_server(settings, erp=connect(erp))) as client:
        await client.call_tool("get_purchase_order", NUMBER)
        erp.requests.clear()
        ran = await count_functions(lambda: client.call_tool("get_purchase_order", NUMBER))

    assert erp.requests.total() == 1
    assert ran["check_readable"] <= 3
    assert ran["digest_of"] == 0
    assert ran.total() <= OWN_FUNCTIONS


class OneLineAfterTheOther:
    """A client over lines that makes a call, and another once that is answered."""

    def __init__(self) -> None:
        call = {"name": "get_purchase_order", "arguments": NUMBER, "_meta": META}
        self._call = {"jsonrpc": "2.0", "method": "tools/call", "params": call}
        self._answered = anyio.Event()
        self.answers: list[str] = []

    async def __aiter__(self) -> AsyncIterator[JSONRPCMessage]:
        for _ in range(3):
            self._answered = anyio.Event()
            yield jsonrpc_message_adapter.validate_python({**self._call, "id": len(self.answers)})
            await self._answered.wait()

    async def write(self, text: str) -> None:
        self.answers.append(text)
        self._answered.set()


async def test_a_get_over_lines_runs_few_functions_of_whosesoever(settings: Settings) -> None:
    lines, ran = OneLineAfterTheOther(), Counter[int]()

    def note(frame: FrameType, event: str, arg: object) -> None:
        ran[len(lines.answers)] += event == "call"

    sys.setprofile(note)
    try:
        await build_server(settings, erp=connect(Erp(0, 28, 30))).run_on(lines, opens_spans=False)
    finally:
        sys.setprofile(None)

    assert all('"isError":false' in answer for answer in lines.answers)
    assert ran[2] <= ALL_FUNCTIONS


def count_calls_of_the_journal(patch: pytest.MonkeyPatch) -> Counter[str]:
    """Return what counts, from now on, how often it is read and written, and of that each way to a thread."""
    found = Counter[str]()
    run, run_sync = Journal._run, to_thread.run_sync

    async def count_threads(*given: Any, **more: Any) -> Any:
        found["thread"] += 1
        return await run_sync(*given, **more)

    async def count(self: Journal, what: Any, call: Any, *arguments: Any) -> Any:
        found[what] += 1
        return await run(self, what, call, *arguments)

    patch.setattr(Journal, "_run", count)
    patch.setattr(to_thread, "run_sync", count_threads)
    return found


async def test_calls_go_to_the_journal_a_few_times(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    person = ScriptedPerson(yes)
    async with Client(build_server(settings, erp=connect(Erp(0, 28, 30))), elicitation_callback=person) as client:
        await client.call_tool("finalize_purchase_order", {"number": "PO-2026-000002"})
        calls = count_calls_of_the_journal(monkeypatch)
        await client.call_tool("get_purchase_order", NUMBER)
        assert calls == {"look": 1}

        calls.clear()
        ran = await count_functions(lambda: client.call_tool("finalize_purchase_order", NUMBER))

    assert calls["look"] + calls["read"] <= 4
    assert calls["thread"] == calls["write"] <= 4
    assert ran.total() <= FUNCTIONS_OF_A_FINALIZE


async def test_a_finalize_digests_and_asks_a_few_times(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    erp, digests = Erp(0, 28, 30), Counter[str]()
    sha256 = hashlib.sha256

    def count(*args: Any, **more: Any) -> Any:
        digests["sha256"] += "/po_mcp/" in sys._getframe(1).f_code.co_filename.replace("\\", "/")
        return sha256(*args, **more)

    async with Client(build_server(settings, erp=connect(erp)), elicitation_callback=ScriptedPerson(yes)) as client:
        await client.call_tool("get_purchase_order", NUMBER)
        erp.requests.clear()
        monkeypatch.setattr(hashlib, "sha256", count)
        done = outcome(await client.call_tool("finalize_purchase_order", NUMBER))

    assert done["status"] == "done"
    assert erp.requests.total() <= 4
    assert digests["sha256"] <= 31


async def test_items_are_made_ready_while_others_are_on_their_way() -> None:
    under_way = 0
    at_conversion: list[int] = []
    index: Index[Item] = Index((), words_of)

    def convert(rows: Sequence[int]) -> list[Item]:
        at_conversion.append(under_way)
        return [Item(id=str(row), name=f"Item {row}") for row in rows]

    async def read_page(page: int) -> Page[int]:
        nonlocal under_way
        under_way += 1
        for _ in range(30):  # turns in which the pages before are converted
            await anyio.lowlevel.checkpoint()
        under_way -= 1
        return Page(range(page * 10, page * 10 + 10), page + 1 if page < 19 else None, 200)

    pages = PagedList("ERP", read_page, lambda row: row, start_of_page=lambda at, size: at)
    converted = ConvertedRows(convert, index.add)
    rows = await read_all_stable(pages, converted.add)

    # A place that an answer has freed is taken again before its page is converted, until none are left to be asked for.
    assert at_conversion[:12] == [MAX_CONCURRENT_REQUESTS] * 12
    assert len(at_conversion) == 20
    assert len(rows) == len(converted.found) == index.added == 200
    assert index.find("item 77")[0].entry is converted.found[77]


async def test_an_index_that_grows_finds_what_one_of_all_finds() -> None:
    items = [Item(id=f"P{place}", name=name) for place, name in enumerate(("Hex bolt", "Hex nut", "Bolt, brass"))]
    growing: Index[Item] = Index((), words_of)
    for item in items:
        growing.add([item])
        assert growing.find("bolt")  # its words are kept, and must be those of all

    whole = Index(items, words_of)
    for said in ("bolt", "hex", "blot", "P1", "brass bolt"):
        assert [match.entry for match in growing.find(said)] == [match.entry for match in whole.find(said)]


async def test_a_day_of_conversations_takes_a_fifth_fewer_tokens_than_at_first() -> None:
    found, taken = [one for one in scripts().items() if one[0] not in NEWER], 0
    logging.disable(logging.WARNING)
    try:
        for name, path in found:
            record = (await play_in_folder(name, path, ERAS[0])).record
            taken += sum(count_said(called.text) for called in record.of(Called))
    finally:
        logging.disable(logging.NOTSET)

    assert len(found) == 57
    assert taken <= 0.8 * DAY_BEFORE / 2


@pytest.mark.parametrize(
    ("status", "is_told"),
    [("done", False), ("declined", False), ("approval_required", True), ("unknown", True), ("refused", False)],
)
def test_the_id_of_an_operation_stands_in_the_text_while_something_is_to_be_done(status: Any, is_told: bool) -> None:
    result = outcome_result(WriteOutcome(status=status, operation_id="0" * 32, message="Said."))

    assert result.structured_content is not None
    assert result.structured_content["operation_id"] == "0" * 32
    assert ("operation_id: " in str(result.content[0])) is is_told


def test_no_pattern_of_a_field_counts_far() -> None:
    # pydantic's patterns become a state for each repetition, and stay for as long as the process lives.
    sources = "".join(file.read_text("utf-8") for file in Path(po_mcp.__file__).parent.rglob("*.py"))
    patterns = re.findall(r'\bpattern=r?"([^"]+)"', sources)

    assert patterns
    assert max(int(most) for one in patterns for most in re.findall(r"\{\d*,?(\d+)\}", one)) <= MAX_REPETITIONS
