"""An ERP that is down is asked now and then; a call is refused at once, and no approval is used up."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http.breaker import FIRST_PAUSE_S, MAX_FAILURES, MAX_PAUSE_S, ErpBreaker
from po_mcp.connectors.http.error_mapping import Answer
from po_mcp.connectors.http.retry import AttemptResult
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.errors import PurchaseOrderError, Unreachable
from po_mcp.orders import OrderQuery
from po_mcp.writes.executor import build_executor
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.policy import SettlementPolicy
from tests.connectors.calls import LIST, NUMBER, exsited, html, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply
from tests.writes.making import guarded_operation, state_of, take_to

DOWN = AttemptResult(Answer(503, None))
UP = AttemptResult(Answer(200, {}))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def open_breaker(clock: Clock) -> ErpBreaker:
    breaker = ErpBreaker("Exsited", clock)
    for _ in range(MAX_FAILURES):
        breaker.note(DOWN)
    return breaker


async def ask(breaker: ErpBreaker, result: AttemptResult) -> None:
    with breaker.watch() as note:
        note(result)


async def read(erp: InventoryPro | Exsited) -> str:
    try:
        await erp.scan_orders(OrderQuery())
    except PurchaseOrderError as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize("failure", [html(503), Reply(after="reset")], ids=["503", "reset"])
async def test_after_five_failed_calls_the_next_fails_at_once_and_says_when_to_ask(failure: Reply) -> None:
    async with raw_peer(failure) as peer:
        erp = inventory_pro(peer.url)
        said = [await read(erp) for _ in range(MAX_FAILURES)]
        sent = len(peer.requests)
        last = await read(erp)
        await erp.aclose()

    assert all("several times in a row" not in one for one in said)
    assert last.startswith(
        "Inventory Pro did not answer several times in a row, and is asked again in 5 s. Nothing was sent."
    )
    assert len(peer.requests) == sent


async def test_an_erp_that_is_back_is_used_as_before() -> None:
    async with raw_peer(html(503)) as peer:
        erp, clock = inventory_pro(peer.url), Clock()
        erp._http.breaker = ErpBreaker("Inventory Pro", clock)
        for _ in range(MAX_FAILURES + 1):
            await read(erp)
        peer.replies = [reply(200, LIST)]
        early = await read(erp)
        clock.now += FIRST_PAUSE_S
        answers = [await read(erp) for _ in range(3)]
        await erp.aclose()

    assert "is asked again in" in early
    assert answers == ["", "", ""]


async def test_one_call_at_a_time_finds_out_whether_the_erp_is_back() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.now += FIRST_PAUSE_S
    with breaker.watch() as note:
        with pytest.raises(Unreachable, match="is asked again in 1 s"):
            await ask(breaker, UP)
        note(UP)

    await ask(breaker, UP)


async def test_a_call_that_is_cancelled_while_it_finds_out_blocks_nobody() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.now += FIRST_PAUSE_S
    with anyio.move_on_after(0.01):
        with breaker.watch():
            await anyio.sleep_forever()

    await ask(breaker, UP)
    assert not breaker.is_open


async def test_the_longer_it_is_down_the_less_often_it_is_asked() -> None:
    clock = Clock()
    breaker, pauses = open_breaker(clock), []
    for _ in range(6):
        began = clock.now
        while breaker._closed_until > clock.now:
            clock.now += 1.0
        pauses.append(clock.now - began)
        await ask(breaker, DOWN)

    assert pauses == [5.0, 10.0, 20.0, 40.0, MAX_PAUSE_S, MAX_PAUSE_S]


@pytest.mark.parametrize("outcome", [Answer(404, {}), Answer(500, None), Answer(429, None), httpx2.DecodingError("")])
def test_an_erp_that_answers_is_not_down(outcome: Answer | Exception) -> None:
    breaker = ErpBreaker("Exsited", Clock())
    for _ in range(3 * MAX_FAILURES):
        breaker.note(AttemptResult(outcome))

    assert not breaker.is_open


async def test_calls_that_end_late_do_not_prolong_the_pause() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.now += FIRST_PAUSE_S / 2
    breaker.note(DOWN)
    clock.now += FIRST_PAUSE_S / 2

    await ask(breaker, UP)


async def test_an_approved_write_is_not_claimed_while_the_erp_is_down() -> None:
    store = JournalStore()
    operation_id = take_to(store, guarded_operation("delete"), "APPROVED")
    async with raw_peer(html(503)) as peer:
        erp = exsited(peer.url)
        erp._http.breaker = open_breaker(Clock())
        executor = build_executor(erp, Journal(store), SettlementPolicy(1.0, None, None))
        with pytest.raises(Unreachable, match="is asked again in 5 s"):
            await executor.execute(operation_id)
        await erp.aclose()

    assert state_of(store, operation_id) == "APPROVED"
    assert (peer.requests, peer.tokens) == ([], 0)


async def test_a_write_that_is_claimed_passes_the_breaker() -> None:
    async with raw_peer(reply(204)) as peer:
        erp = exsited(peer.url)
        erp._http.breaker = open_breaker(Clock())
        await erp.delete_order(NUMBER)
        await erp.aclose()

    assert [line.split()[0] for line in peer.lines] == ["DELETE"]
