"""A write that its caller stops at the last moment: no byte of it arrives, and its error is untouched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import ERP, BeforeSend
from po_mcp.errors import OrderNotFound, Refused
from tests.connectors.calls import NUMBER, Connect, draft, exsited, inventory_pro
from tests.connectors.raw_peer import raw_peer, reply

Act = Callable[[ERP, BeforeSend], Awaitable[object]]
WRITES: dict[str, tuple[Connect, Act]] = {
    "inventory-pro create": (inventory_pro, lambda erp, before: erp.create_order(draft("1"), before)),
    "inventory-pro finalize": (
        inventory_pro,
        lambda erp, before: erp.finalize_order(NUMBER, create_backorder=True, before_send=before),
    ),
    "exsited create": (exsited, lambda erp, before: erp.create_order(draft(None), before)),
    "exsited delete": (exsited, lambda erp, before: erp.delete_order(NUMBER, before)),
    "exsited cancel": (exsited, lambda erp, before: erp.cancel_order(NUMBER, before)),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


class Stop:
    """Lets the write pass so many times, and stops it then."""

    def __init__(self, passes: int) -> None:
        self.error = Refused("It is too old.", effect="nothing_sent")
        self.calls = 0
        self._passes = passes

    def __call__(self) -> None:
        self.calls += 1
        if self.calls > self._passes:
            raise self.error


@every_write
@pytest.mark.parametrize("passes", [0, 1], ids=["before it connects", "before its first byte"])
async def test_a_write_that_is_stopped_sends_no_byte(write: tuple[Connect, Act], passes: int) -> None:
    connect, act = write
    stop = Stop(passes)
    async with raw_peer(reply(500)) as peer:
        erp = connect(peer.url)
        with pytest.raises(Refused) as stopped:
            await act(erp, stop)
        await erp.aclose()
    assert stopped.value is stop.error
    assert stopped.value.effect == "nothing_sent"
    assert (peer.tokens, peer.lines, peer.begun) == (1, [], 0)


@every_write
async def test_a_write_is_asked_for_its_leave_after_the_sign_in_and_again_on_the_socket(
    write: tuple[Connect, Act],
) -> None:
    connect, act = write
    seen: list[tuple[int, int]] = []
    async with raw_peer(reply(409)) as peer:
        erp = connect(peer.url)
        with pytest.raises(Exception, match="HTTP 409"):
            await act(erp, lambda: seen.append((peer.tokens, len(peer.requests))))
        await erp.aclose()
    assert seen == [(1, 0), (1, 0)]


async def test_a_connection_whose_write_was_stopped_is_used_no_more() -> None:
    async with raw_peer(reply(404)) as peer:
        erp = inventory_pro(peer.url)
        with pytest.raises(Refused):
            await erp.create_order(draft("1"), Stop(1))
        with pytest.raises(OrderNotFound):
            await erp.get_order(NUMBER)
        await erp.aclose()
    assert [line.split()[0] for line in peer.lines] == ["GET"]


async def test_a_write_to_the_sandbox_is_stopped_too() -> None:
    sandbox, stop = Sandbox(), Stop(0)
    calls: list[Act] = [
        lambda erp, before: erp.create_order(draft("1"), before),
        lambda erp, before: erp.finalize_order(NUMBER, create_backorder=True, before_send=before),
        lambda erp, before: erp.cancel_order(NUMBER, before),
        lambda erp, before: erp.delete_order(NUMBER, before),
    ]
    for call in calls:
        with pytest.raises(Refused) as stopped:
            await call(sandbox, stop)
        assert stopped.value is stop.error
    assert (await sandbox.get_order(NUMBER)).status == "open"
    await sandbox.aclose()
