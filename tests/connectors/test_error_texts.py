"""Every failure says what happened, whether anything was sent or changed, and what to do next."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest

from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http import exact_json
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP
from po_mcp.errors import (
    BadAnswer,
    ConfigurationError,
    ERPError,
    InvalidInput,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    PurchaseOrderError,
    SignInEnded,
)
from po_mcp.orders import OrderQuery, Status
from tests.connectors.calls import INJECTED, NUMBER, SECRET, draft, exsited, inventory_pro, no_wait

Outcome = httpx2.Response | Exception
Connect = Callable[[httpx2.AsyncBaseTransport], ERP]

_SENTENCE = re.compile(r"[A-Z].*[.]", re.DOTALL)
_TOLD_EFFECT = re.compile(r"Nothing was (sent|changed)|Sent to ")


class Peer(httpx2.AsyncBaseTransport):
    """Gives tokens where it is let, and one outcome for everything else."""

    def __init__(self, outcome: Callable[[], Outcome], *, gives_tokens: bool) -> None:
        self._outcome = outcome
        self._gives_tokens = gives_tokens

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._gives_tokens and request.url.path.casefold().endswith("token"):
            return make_response(200, exact_json.dumps({"access_token": "token-1", "expires_in": 3600}))
        outcome = self._outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def make_response(status: int, content: bytes, retry_after: str = "") -> httpx2.Response:
    return httpx2.Response(status, stream=httpx2.ByteStream(content), headers={"retry-after": retry_after})


def answer_with(status: int, content: bytes = b"", retry_after: str = "") -> Callable[[], Outcome]:
    return lambda: make_response(status, content, retry_after)


def raise_error(error: type[Exception]) -> Callable[[], Outcome]:
    return lambda: error(f"{INJECTED} {SECRET}")


V4 = exact_json.dumps({"object": "error", "status": 400, "code": "validation_error", "message": INJECTED})
OUTCOMES: dict[str, Callable[[], Outcome]] = {
    **{str(status): answer_with(status, INJECTED.encode()) for status in (*range(300, 309), *range(400, 430))},
    **{str(status): answer_with(status, INJECTED.encode()) for status in (451, *range(500, 512), 599)},
    "429 with a time": answer_with(429, retry_after="90"),
    "503 with a time": answer_with(503, retry_after="1"),
    "200 with nothing": answer_with(200),
    "202": answer_with(202, b"{}"),
    "204 with a body": answer_with(204),
    "HTML": answer_with(200, f"<html>{INJECTED}</html>".encode()),
    "another document": answer_with(200, exact_json.dumps({"message": INJECTED})),
    "errors as a success": answer_with(200, exact_json.dumps({"errors": [{"code": 400, "message": INJECTED}]})),
    "the envelope of v4 as a success": answer_with(200, V4),
    "the envelope of v4": answer_with(400, V4),
    "a sign-out in the body": answer_with(400, exact_json.dumps({"errors": [{"code": "401"}]})),
    "too large": answer_with(200, b" " * (8 * 1024 * 1024 + 1)),
    **{
        error.__name__: raise_error(error)
        for error in (
            httpx2.ConnectError,
            httpx2.ConnectTimeout,
            httpx2.PoolTimeout,
            httpx2.ReadError,
            httpx2.ReadTimeout,
            httpx2.WriteError,
            httpx2.WriteTimeout,
            httpx2.RemoteProtocolError,
            httpx2.LocalProtocolError,
            httpx2.UnsupportedProtocol,
            httpx2.DecodingError,
            httpx2.CloseError,
            OSError,
        )
    },
}
CONNECTS: dict[str, Connect] = {
    "inventory-pro": lambda peer: InventoryPro(
        "http://erp.invalid", "client", SECRET, transport=peer, retrier=Retrier(sleep=no_wait)
    ),
    "exsited": lambda peer: Exsited(
        "http://erp.invalid", "client", SECRET, "r", transport=peer, retrier=Retrier(sleep=no_wait)
    ),
}
CALLS: dict[str, Callable[[ERP], Awaitable[object]]] = {
    "list": lambda erp: erp.scan_orders(OrderQuery()),
    "get": lambda erp: erp.get_order(NUMBER),
    "vendors": lambda erp: erp.vendors(),
    "items": lambda erp: erp.items(),
    "warehouses": lambda erp: erp.warehouses(),
    "create": lambda erp: erp.create_order(draft("1" if isinstance(erp, InventoryPro) else None)),
    "finalize": lambda erp: erp.finalize_order(NUMBER, create_backorder=False),
    "delete": lambda erp: erp.delete_order(NUMBER),
    "cancel": lambda erp: erp.cancel_order(NUMBER),
}


SUCCEED_WITH_204 = frozenset({"delete", "cancel", "list", "vendors", "items", "warehouses"})
"""Calls for which 204 is a success, or an empty list."""


async def failures(connect: Connect, outcome: Callable[[], Outcome]) -> AsyncIterator[PurchaseOrderError]:
    """Make every call against one outcome, with a token and without, and yield how each one failed."""
    for gives_tokens in (True, False):
        for name, call in CALLS.items():
            erp = connect(Peer(outcome, gives_tokens=gives_tokens))
            try:
                await call(erp)
            except PurchaseOrderError as exc:
                yield exc
            else:
                assert name in SUCCEED_WITH_204
            await erp.aclose()


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("connect", CONNECTS.values(), ids=CONNECTS)
async def test_every_failure_names_its_effect_and_the_next_step(
    connect: Connect, outcome: Callable[[], Outcome]
) -> None:
    seen = 0
    async for failed in failures(connect, outcome):
        seen += 1
        assert _SENTENCE.fullmatch(failed.message), failed.message
        assert _SENTENCE.fullmatch(str(failed)), str(failed)
        if isinstance(failed, ERPError):
            assert failed.next_step, failed.message
        if not isinstance(failed, BadAnswer | OrderNotFound):  # the two say it by being about a read
            assert _TOLD_EFFECT.search(failed.message), failed.message
        assert INJECTED not in str(failed)
        assert SECRET not in str(failed)
    assert seen >= 2 * len(CALLS) - len(SUCCEED_WITH_204)


@pytest.mark.parametrize("connect", CONNECTS.values(), ids=CONNECTS)
async def test_a_write_that_was_sent_is_never_called_unsent(connect: Connect) -> None:
    """Statuses after which a write may have been carried out are in doubt, whatever else they are for a read."""
    for status in (301, 302, 400, 403, 404, 408, 409, 425, 429, 500, 501, 502, 503, 504):
        for name in ("create", "finalize", "delete", "cancel"):
            erp = connect(Peer(answer_with(status), gives_tokens=True))
            if name not in erp.capabilities:
                continue
            with pytest.raises(ERPError) as failed:
                await CALLS[name](erp)
            assert isinstance(failed.value, OutcomeUnknown | SignInEnded)  # a 302 leads to Exsited's sign-in
            assert (failed.value.effect == "unknown") is isinstance(failed.value, OutcomeUnknown)
            await erp.aclose()


@pytest.mark.parametrize(
    ("connect", "call", "right"),
    [
        ("inventory-pro", "get", "SecurityID 18"),
        ("inventory-pro", "create", "SecurityID 42"),
        ("inventory-pro", "finalize", "SecurityID 42"),
        ("inventory-pro", "vendors", "view vendors, items and locations"),
        ("inventory-pro", "warehouses", "view vendors, items and locations"),
        ("exsited", "list", "ask your Exsited contact to let this client id read purchase orders, purchase invoices"),
        (
            "exsited",
            "create",
            "let this client id create, cancel and delete purchase orders",
        ),
        (
            "exsited",
            "delete",
            "let this client id create, cancel and delete purchase orders",
        ),
        (
            "exsited",
            "cancel",
            "let this client id create, cancel and delete purchase orders",
        ),
        ("exsited", "items", "ask your Exsited contact to let this client id read accounts, items and settings"),
    ],
)
async def test_a_missing_right_is_named_with_its_grantor(connect: str, call: str, right: str) -> None:
    said = {"statusCode": 403, "error": "forbidden", "errors": [{"code": 403}]}
    erp = CONNECTS[connect](Peer(answer_with(403, exact_json.dumps(said)), gives_tokens=True))

    with pytest.raises(NotPermitted) as failed:
        await CALLS[call](erp)

    assert re.search(right, failed.value.next_step)
    await erp.aclose()


async def test_a_status_that_cannot_be_listed_is_refused_before_anything_is_sent() -> None:
    statuses: tuple[Status, ...] = ("partial", "closed", "unknown")
    for status in statuses:
        with pytest.raises(InvalidInput, match=f"Exsited has no status for {status} orders"):
            await exsited("http://erp.invalid").scan_orders(OrderQuery(status=status))
    for status in ("closed", "cancelled", "draft", "deleted", "unknown"):
        with pytest.raises(InvalidInput, match=f"so {status} orders cannot be listed"):
            await inventory_pro("http://erp.invalid").scan_orders(OrderQuery(status=status))


@pytest.mark.parametrize("versions", [{"lists": "v3"}, {"list": "3"}, {"list": "v3/../.."}, {"list": ""}])
def test_a_version_of_exsiteds_api_that_is_none_is_a_wrong_setting(versions: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="PO_MCP_API_VERSIONS"):
        Exsited("http://erp.invalid", "client", SECRET, "r", api_versions=versions)


WRITES = [name for name in CALLS if name in ("create", "finalize", "delete", "cancel")]


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("connect", CONNECTS.values(), ids=CONNECTS)
async def test_a_write_whose_sign_in_fails_says_that_nothing_was_sent(
    connect: Connect, outcome: Callable[[], Outcome]
) -> None:
    for name in WRITES:
        erp = connect(Peer(outcome, gives_tokens=False))
        with pytest.raises(PurchaseOrderError) as failed:
            await CALLS[name](erp)
        await erp.aclose()

        assert failed.value.effect == "nothing_sent"
        assert "Nothing was changed" not in str(failed.value)
