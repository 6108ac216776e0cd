"""A new kind of write takes one file, one tool and one line of the registry: here all three stand in a test.

A toy kind holds an order back. It is walked from the proposal to DONE; every control of the other kinds holds for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitResult

from po_mcp import bootstrap
from po_mcp.approvals.elicitation import Elicitor
from po_mcp.approvals.presentation import present
from po_mcp.config import Settings
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.desk.context import Desk
from po_mcp.desk.guarded_writes import guarded_write
from po_mcp.erp import ERP, BeforeSend
from po_mcp.errors import ERPError, OutcomeUnknown, Refused
from po_mcp.orders import PurchaseOrder, Snapshot
from po_mcp.tools import REGISTRY
from po_mcp.tools._params import OrderNumber, desk_of
from po_mcp.tools._registered import RegisteredTool
from po_mcp.tools._render import outcome_result
from po_mcp.writes import kinds
from po_mcp.writes.forms import DECISION, Field, FormAnswer, Question, read_decision
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.kinds import Applied, Change, Forbidden, Words, place_of
from po_mcp.writes.kinds.snapshots import find_change
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation, WriteOutcome
from po_mcp.writes.payloads import Payload, SnapshotPayload
from tests.harness import ERAS, MODES, ScriptedPerson, accept, no, outcome, text, yes

NUMBER = "PO-2025-0037"


# The kind: what would be po_mcp/writes/kinds/hold.py


class HoldPayload(SnapshotPayload):
    """Why it is held."""

    reason: str


class Hold:
    """Holds an order back."""

    name = "hold"
    capability = "hold"
    payload_type: type[Payload] = HoldPayload
    words = Words("Holding", "held", "Hold purchase order")

    def forbid(self, erp: ERP, snapshot: Snapshot) -> Forbidden | None:
        is_open = snapshot.order.status in ("open", "partial")
        return None if is_open else Forbidden(f"Order {snapshot.order.number} is not open.")

    def propose(self, erp: ERP, snapshot: Snapshot, arguments: dict[str, Any]) -> tuple[Payload, Question]:
        text = f"{place_of(erp).tag}Hold order {snapshot.order.number}?\nTotal {snapshot.order.total}"
        options = (("keep", "No, leave the order alone"), ("hold", "Yes, hold the order"))
        field = Field(DECISION, "Hold this order", "It can be released again.", options)
        return HoldPayload(snapshot=snapshot, reason=arguments["reason"]), Question(text, (field,))

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        assert operation.question is not None
        return operation.payload if read_decision(answer, operation.question) == "hold" else None

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        return await find_change(erp, operation, "hold")  # type: ignore[arg-type]

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        assert isinstance(erp, HoldingERP)
        assert isinstance(operation.payload, HoldPayload)
        await erp.hold_order(operation.number, operation.payload.reason, before_send)
        return Applied()

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        return Observation("applied", "the ERP says so")

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        assert isinstance(erp, HoldingERP)
        try:
            order = await erp.get_order(operation.number)
        except ERPError as exc:
            return Observation("unreadable", exc.reason)
        if operation.number in erp.held:
            return Observation("applied", "the ERP shows the order held", order)
        return Observation("absent", "the ERP shows the order as open", order)

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        return order is not None

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        return f"The order is held in {erp}. It can be released again."

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        return f"Order {operation.number} is held."

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        return ""


# The tool: what would be po_mcp/tools/hold_purchase_order.py


async def hold_purchase_order(
    ctx: Context[Desk, Any], number: OrderNumber, reason: str
) -> Annotated[CallToolResult, WriteOutcome]:
    """Hold a purchase order back."""
    return outcome_result(await guarded_write(desk_of(ctx), "hold", number, {"reason": reason}, Elicitor(ctx)))


# Its line in the registry of tools

LINE = RegisteredTool(
    hold_purchase_order,
    title="Hold purchase order",
    capability="hold",  # type: ignore[arg-type]
    description="Hold a purchase order back.",
    returns="Outcome of a hold.",
    destructive=True,
    idempotent=True,
)


# And an ERP that offers it


class HoldingERP(Sandbox):
    capabilities = Sandbox.capabilities | {"hold"}  # type: ignore[arg-type]

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.held: dict[str, str] = {}
        self.sent = 0
        self.error: ERPError | None = None
        self.is_applied = True

    async def hold_order(self, number: str, reason: str, before_send: BeforeSend) -> None:
        before_send()
        self.sent += 1
        if self.is_applied:
            self.held[number] = reason
        if self.error is not None:
            raise self.error


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kinds.register(Hold())
    monkeypatch.setattr(bootstrap, "REGISTRY", (*REGISTRY, LINE))
    yield
    del kinds._kinds["hold"]


@pytest.fixture
def erp(tmp_path: Path) -> HoldingERP:
    return HoldingERP(tmp_path / "book.db")


@asynccontextmanager
async def client(
    erp: HoldingERP, tmp_path: Path, person: ScriptedPerson | None, era: str = ERAS[0]
) -> AsyncIterator[Client]:
    settings = Settings(journal=str(tmp_path / "journal.db"))
    async with Client(
        bootstrap.build_server(settings, erp=erp), mode=MODES[era], elicitation_callback=person
    ) as connected:
        yield connected


async def hold(connected: Client) -> Any:
    return outcome(await connected.call_tool("hold_purchase_order", {"number": NUMBER, "reason": "price"}))


@pytest.mark.parametrize("era", ERAS)
async def test_a_toy_kind_is_walked_from_the_proposal_to_done(erp: HoldingERP, tmp_path: Path, era: str) -> None:
    person = ScriptedPerson(yes)
    async with client(erp, tmp_path, person, era) as connected:
        done, again = await hold(connected), await hold(connected)

    assert (done["status"], done["message"]) == ("done", f"SANDBOX: Order {NUMBER} is held.")
    assert (again["status"], again["replayed"]) == ("done", True)
    assert erp.held == {NUMBER: "price"}
    assert erp.sent == len(person.asked) == 1
    [recorded] = JournalStore(tmp_path / "journal.db").all()
    assert recorded.state == "DONE"
    assert isinstance(recorded.operation.payload, HoldPayload)
    assert JournalStore(tmp_path / "journal.db").upkeep.verify() == []


@pytest.mark.parametrize(
    ("person", "status"),
    [
        (ScriptedPerson(no), "declined"),
        (ScriptedPerson(accept(decision="No, leave the order alone")), "approval_required"),
        (ScriptedPerson(accept(decision="true")), "approval_required"),
        (ScriptedPerson(accept(confirm=True)), "approval_required"),
        (None, "approval_required"),
    ],
)
async def test_without_a_yes_it_is_not_sent(
    erp: HoldingERP, tmp_path: Path, person: ScriptedPerson | None, status: str
) -> None:
    async with client(erp, tmp_path, person) as connected:
        assert (await hold(connected))["status"] == status

    assert erp.sent == 0


async def test_the_approval_page_says_what_the_toy_kind_leads_to(erp: HoldingERP, tmp_path: Path) -> None:
    async with client(erp, tmp_path, None) as connected:
        await hold(connected)

    journal = JournalStore(tmp_path / "journal.db")
    [recorded] = journal.all()
    shown = present(recorded, journal.events(recorded.operation.id), recorded.expires_at - 60, erp="the sandbox")
    journal.close()
    assert shown.consequence == "The order is held in the sandbox. It can be released again."
    assert (shown.verb, shown.leave) == ("Hold purchase order", "Keep order")


async def test_a_toy_write_is_not_sent_for_an_order_that_changed(erp: HoldingERP, tmp_path: Path) -> None:
    shown: dict[str, Any] = {}

    def change(params: ElicitRequestFormParams) -> ElicitResult:
        shown["order"] = True
        return yes(params)

    snapshot = erp.snapshot

    async def read_changed(number: str, operation: Any) -> Snapshot:
        found = await snapshot(number, operation)
        return found.model_copy(update={"version": "another"}) if shown else found

    erp.snapshot = read_changed  # type: ignore[method-assign]
    async with client(erp, tmp_path, ScriptedPerson(change)) as connected:
        assert (await hold(connected))["status"] == "stale"

    assert erp.sent == 0


async def test_a_lost_answer_is_settled_by_its_own_look(erp: HoldingERP, tmp_path: Path) -> None:
    erp.error = OutcomeUnknown("The connection broke.")
    async with client(erp, tmp_path, ScriptedPerson(yes)) as connected:
        done = await hold(connected)

    assert done["status"] == "done"
    assert "Order PO-2025-0037 was held, confirmed by reading it back" in done["message"]


async def test_a_refusal_of_it_is_believed(erp: HoldingERP, tmp_path: Path) -> None:
    erp.error, erp.is_applied = Refused("The sandbox refused it."), False
    async with client(erp, tmp_path, ScriptedPerson(yes)) as connected:
        refused = await hold(connected)

    assert (refused["status"], erp.sent) == ("refused", 1)


async def test_an_erp_that_does_not_offer_it_lists_no_such_tool(tmp_path: Path) -> None:
    settings = Settings(journal=str(tmp_path / "journal.db"))
    async with Client(bootstrap.build_server(settings, erp=Sandbox(tmp_path / "book.db"))) as connected:
        tools = {tool.name for tool in (await connected.list_tools()).tools}
        result = await connected.call_tool("get_purchase_order", {"number": NUMBER})

    assert "hold_purchase_order" not in tools
    assert NUMBER in text(result)
