"""How often a person leaves the chat for one write, counted with each kind of client: `docs/approvals.md` has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from mcp import ClientSession
from mcp.types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequestURLParams,
    ElicitResult,
    FormElicitationCapability,
    UrlElicitationCapability,
)

from po_mcp.approvals.page_server import Listener
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.approvals.under_way import UnderWay
from po_mcp.writes.journal import JournalStore
from tests.approvals.page_harness import browser
from tests.commands.pseudo_terminal import at_terminal, environment
from tests.harness import ERAS, ServerHarness, accept, outcome, yes

APPROVALS = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text(encoding="utf-8")
LINE = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"}


@dataclass(frozen=True)
class WriteRequest:
    """What a buyer wants, and how a person says yes to it on the page and at a terminal."""

    tool: str
    arguments: Mapping[str, Any]
    on_the_page: Mapping[str, str]
    at_a_terminal: tuple[str, ...]


REQUESTS = {
    "create": WriteRequest(
        "create_purchase_order", {"vendor": "12", "number": "PO-2025-0043", "lines": [LINE]}, {}, ("y",)
    ),
    "finalize": WriteRequest(
        "finalize_purchase_order", {"number": "PO-2025-0037"}, {"create_backorder": "yes"}, ("y", "y")
    ),
    "cancel": WriteRequest("cancel_purchase_order", {"number": "PO-2025-0041"}, {}, ("y",)),
    "delete": WriteRequest(
        "delete_purchase_order", {"number": "PO-2025-0038"}, {"order_number": "PO-2025-0038"}, ("PO-2025-0038",)
    ),
}
DECLARED: dict[str, ElicitationCapability | None] = {
    "form": ElicitationCapability(form=FormElicitationCapability(), url=UrlElicitationCapability()),
    "url": ElicitationCapability(url=UrlElicitationCapability()),
    "link": None,
    "terminal": None,
}
"""What each kind of client says that it can show; behind the last one the page cannot be reached, either."""
TRIPS = {"form": 0, "url": 1, "link": 1, "terminal": 1}


class Person:
    """The person at the chat: goes where an answer sends them, and says yes there. Each way out is counted."""

    def __init__(self, harness: ServerHarness, request: WriteRequest) -> None:
        self.trips = 0
        self._harness = harness
        self._request = request

    async def __call__(self, context: object, params: Any) -> ElicitResult:
        if isinstance(params, ElicitRequestURLParams):
            await self._visit(params.url)
            return ElicitResult(action="accept")
        return accept(order_number=self._request.arguments["number"]) if "delete" in self._request.tool else yes(params)

    async def go(self, said: Mapping[str, Any]) -> None:
        """Decide where the assistant's answer says that it can be decided."""
        if "approve_at" in said:
            await self._visit(said["approve_at"])
        else:
            assert "run po-mcp approve in a terminal" in said["message"]
            await to_thread.run_sync(self._decide_at_a_terminal)

    async def _visit(self, link: str) -> None:
        self.trips += 1
        async with browser(link) as tab:
            if await tab.token():
                assert (await tab.send("approve", None, None, **self._request.on_the_page)).status_code == 303
            self.seen = (await tab.page()).text

    def _decide_at_a_terminal(self) -> None:
        self.trips += 1
        harness = self._harness
        settings = {"PO_MCP_SANDBOX": str(harness.book), "PO_MCP_JOURNAL": str(harness.journal), "COLUMNS": "120"}
        variables = environment(harness.book.parent, **settings)
        status, self.seen = at_terminal(["approve"], self._request.at_a_terminal, variables)
        assert status == 0


def events_of(harness: ServerHarness, operation_id: str) -> list[str]:
    with closing(JournalStore(harness.journal)) as store:
        return [event.event for event in store.events(operation_id)]


async def carry_through(harness: ServerHarness, era: str, request: WriteRequest) -> Person:
    """Have one request carried out by a person who goes out as often as it takes; the chat goes on after each way."""
    person = Person(harness, request)
    async with harness.client(era, person, create_approval_over="0") as client:  # type: ignore[arg-type]
        said = outcome(await client.call_tool(request.tool, dict(request.arguments)))
        while "DONE" not in events_of(harness, said["operation_id"]):
            assert person.trips < 3
            await person.go(said)
            if "DONE" not in events_of(harness, said["operation_id"]):
                said = outcome(await client.call_tool(request.tool, dict(request.arguments)))
                person.trips += 1  # they had to go back to the chat and say so
        again = outcome(await client.call_tool(request.tool, dict(request.arguments)))
    assert (again["status"], again["replayed"], again["operation_id"]) == ("done", True, said["operation_id"])
    assert events_of(harness, said["operation_id"]).count("SENT") == 1
    return person


@pytest.fixture
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make every client one of this kind."""
    found: str = request.param
    capabilities = ClientCapabilities(elicitation=DECLARED[found])
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_: capabilities)
    if found == "terminal":
        monkeypatch.setattr(Listener, "link", _no_port)
    return found


async def _no_port(*_: object) -> None:
    """Give no link, as where no port can be opened."""


kinds: Callable[..., Any] = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.process) if kind == "terminal" else kind for kind in TRIPS],
    indirect=True,
)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("requested", REQUESTS)
@kinds
async def test_a_person_leaves_the_chat_no_more_than_once(
    harness: ServerHarness, era: str, kind: str, requested: str
) -> None:
    person = await carry_through(harness, era, REQUESTS[requested])

    assert person.trips == TRIPS[kind]
    if kind in ("url", "link"):
        assert "<h1>Done</h1>" in person.seen
    if kind == "terminal":
        assert "po-mcp approve" not in person.seen.partition("Approved. Sending it ...")[2]


@pytest.mark.parametrize("kind", ["link"], indirect=True)
async def test_a_page_that_only_records_a_yes_costs_more_ways(
    harness: ServerHarness, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control is taken away: what counts sees it."""

    async def record_only(pending: PendingApprovals, operation_id: str, patience: float) -> None:
        assert isinstance(pending.under_way, UnderWay)

    monkeypatch.setattr(PendingApprovals, "start", record_only)
    person = await carry_through(harness, ERAS[0], REQUESTS["cancel"])

    assert person.trips == 2


def test_the_document_says_the_same() -> None:
    table = APPROVALS.partition("| the client | leaves the chat |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    first_words = [re.split(r"[ ,:]", row[1])[0] for row in rows]

    assert [{"never": 0, "once": 1}[word] for word in first_words] == list(TRIPS.values())
