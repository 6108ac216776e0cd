"""A read over a real socket: what cannot be trusted is not passed on."""

from __future__ import annotations

import pytest

from po_mcp.errors import (
    BadAnswer,
    ERPError,
    NotPermitted,
    OrderNotFound,
    PurchaseOrderError,
    Refused,
    SignInFailed,
    TooManyRequests,
    Unreachable,
)
from po_mcp.orders import OrderQuery
from tests.connectors.calls import (
    INJECTED,
    LIST,
    NUMBER,
    READS,
    WRITES,
    Read,
    every_read,
    exsited,
    failing,
    html,
    inventory_pro,
)
from tests.connectors.raw_peer import Reply, raw_peer, reply


async def test_a_right_that_is_lacking_is_named() -> None:
    for call, right in (
        (READS["inventory-pro get"], "SecurityID 18"),
        (WRITES["inventory-pro create"], "SecurityID 42"),
    ):
        async with raw_peer(reply(403, {"statusCode": 403, "error": "forbidden"})) as peer:
            erp = call[0](peer.url)
            with pytest.raises(NotPermitted, match=right):
                await call[1](erp)
            await erp.aclose()


@every_read
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(read: Read, status: int) -> None:
    async with raw_peer() as trap:
        away = reply(status, None, f"Location: {trap.url}/api/v1/PurchaseOrder/{NUMBER}")
        async with failing(read, away, away, error=ERPError):
            assert trap.connections == 0


async def test_a_read_renews_the_token_once_on_401() -> None:
    async with raw_peer(html(401), reply(200, LIST)) as peer:
        erp = inventory_pro(peer.url)

        page = await erp.scan_orders(OrderQuery())

        await erp.aclose()
    assert page.orders == ()
    assert peer.tokens == 2
    assert [b"Bearer token-1" in peer.requests[0], b"Bearer token-2" in peer.requests[1]] == [True, True]


async def test_exsited_says_in_the_body_or_by_a_redirect_that_the_token_ended() -> None:
    done = reply(200, {"purchase_orders": [], "pagination": {"records": 0, "limit": 25, "offset": 0}})
    for ended in (
        reply(200, {"errors": [{"code": 401, "message": INJECTED}]}),
        reply(400, {"errors": [{"code": "401", "message": INJECTED}]}),
        reply(302, None, "Location: /login"),
        html(401),
    ):
        async with raw_peer(ended, done) as peer:
            erp = exsited(peer.url)
            assert (await erp.scan_orders(OrderQuery())).orders == ()
            await erp.aclose()
        assert (peer.tokens, len(peer.requests)) == (2, 2)


@every_read
async def test_a_token_that_is_rejected_twice_is_a_failed_sign_in(read: Read) -> None:
    async with failing(read, html(401), html(401), error=SignInFailed) as peer:
        assert len(peer.requests) == 2


@every_read
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(200), BadAnswer),
        (html(200), BadAnswer),
        (reply(200, {"poNo": "PO-1", "lines": []}), BadAnswer),
        (reply(200, None, raw=b'{"totalValue": 1, "totalValue": 2}'), BadAnswer),
        (reply(200, None, raw=b" " * (8 * 1024 * 1024 + 1)), BadAnswer),
        (html(500), Unreachable),
        (html(429), TooManyRequests),
        (Reply(after="close"), Unreachable),
        (Reply(after="hang"), Unreachable),
    ],
)
async def test_a_read_that_cannot_be_trusted_is_an_error(
    read: Read, answer: Reply, error: type[PurchaseOrderError]
) -> None:
    async with failing(read, answer, error=error):
        pass


async def test_a_404_to_a_list_is_not_about_an_order() -> None:
    for name in ("inventory-pro list", "exsited list"):
        async with failing(READS[name], html(404), error=Refused):
            pass


async def test_a_connection_that_said_400_is_not_used_again() -> None:
    async with raw_peer(reply(200, LIST), reply(400), reply(200, LIST), reply(200, LIST)) as peer:
        erp = inventory_pro(peer.url)
        await erp.scan_orders(OrderQuery())
        assert peer.connections == 1
        with pytest.raises(Refused):
            await erp.scan_orders(OrderQuery())
        assert peer.connections == 1

        await erp.scan_orders(OrderQuery())
        await erp.scan_orders(OrderQuery())

        assert peer.connections == 2
        await erp.aclose()


@pytest.mark.parametrize("answer", [html(403), html(404), html(500), html(200), reply(200, {})])
async def test_a_delete_is_not_decided_on_while_a_list_of_blockers_cannot_be_read(answer: Reply) -> None:
    order = reply(200, {"purchase_order": {"id": NUMBER, "status": "ACTIVE", "lines": []}})
    invoices = reply(200, {"purchase_invoices": [], "pagination": {"records": 0, "offset": 0}})
    for replies in ((order, answer), (order, invoices, answer)):
        async with raw_peer(*replies) as peer:
            erp = exsited(peer.url)
            with pytest.raises(ERPError) as failed:
                await erp.snapshot(NUMBER, "delete")
            await erp.aclose()
        assert not isinstance(failed.value, OrderNotFound)


async def test_received_quantities_are_unknown_without_readable_receipts() -> None:
    line = {"uuid": "u", "item_id": "ITEM-0055", "item_quantity": "40.000000"}
    order = reply(200, {"purchase_order": {"id": NUMBER, "status": "ACTIVE", "lines": [line]}})
    async with raw_peer(order, html(404)) as peer:
        erp = exsited(peer.url)
        found = await erp.get_order(NUMBER)
        await erp.aclose()

    assert found.lines is not None
    assert (found.lines[0].received, found.lines[0].outstanding) == (None, None)
