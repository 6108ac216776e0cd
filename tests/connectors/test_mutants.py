"""Each control prevents an attack, which succeeds once the control is removed."""

from __future__ import annotations

import contextlib
import json
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest

from po_mcp.connectors import numbers, pages
from po_mcp.connectors.exsited import reading as exsited_reading
from po_mcp.connectors.http import breaker, client, exact_json, exchange, response_body, retry
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import Answer, ErrorMapping
from po_mcp.connectors.http.tokens import Token
from po_mcp.connectors.inventory_pro import translate
from po_mcp.errors import OutcomeUnknown
from tests.connectors.attacks import (
    BOMB,
    answer_a_read_beforehand,
    answer_a_write_late,
    ask_the_dead,
    believe_401_of_gateway,
    create_unreadable_number,
    crowd_the_erp,
    exceed_deadline,
    exhaust_memory,
    let_a_write_wait_in_doubt,
    log_secret,
    lose_digits_in_reading,
    lose_digits_in_writing,
    make_storm,
    overlook_document,
    overlook_missing_receipt,
    reach_another_resource,
    read_another_order,
    read_deep_nesting,
    read_huge_number,
    read_nan,
    read_two_totals,
    repeat_page_for_ever,
    send_after_stop,
    send_secret_elsewhere,
    send_twice,
    share_poisoned_connection,
    take_gateway_page_for_refusal,
    take_success_of_another,
    wait_long,
)
from tests.connectors.calls import html
from tests.connectors.raw_peer import Reply
from tests.connectors.test_limits import MEGABYTE

Remove = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """A program without one control. `attack` returns a description of the damage, or ""."""

    name: str
    removed: str
    remove: Remove
    attack: Callable[[], Awaitable[str]]


def attribute(owner: object, name: str, value: object) -> Remove:
    return lambda patch: patch.setattr(owner, name, value)


async def any_number(self: CallLimit, queue: object) -> None:
    """Let every request go at once."""


def any_segment(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(numbers, "leaves_its_path", lambda number: False)


def any_address(patch: pytest.MonkeyPatch) -> None:
    def build_any(base: httpx2.URL, path: str, segments: tuple[str, ...]) -> httpx2.URL:
        return httpx2.URL(f"{base}{'/'.join((path, *segments))}")

    patch.setattr(client, "build_url", build_any)


def any_path(patch: pytest.MonkeyPatch) -> None:
    any_segment(patch)
    any_address(patch)


@pytest.mark.parametrize("remove", [any_segment, any_address])
async def test_either_of_the_two_checks_of_a_path_is_enough(remove: Remove, monkeypatch: pytest.MonkeyPatch) -> None:
    remove(monkeypatch)

    assert await reach_another_resource() == ""


def place_within_the_time_out(patch: pytest.MonkeyPatch) -> None:
    """The write waits for its place in the time of the request, as a read does."""
    take, exchange = CallLimit.take, ErpHttpClient._send_once

    @contextlib.asynccontextmanager
    async def pass_writes(self: CallLimit, longest: float, *, is_write: bool = False) -> AsyncIterator[None]:
        if is_write:
            yield
        else:
            async with take(self, longest):
                yield

    async def wait_and_send(self: ErpHttpClient, request: httpx2.Request) -> Answer:
        try:
            with anyio.fail_after(self._timeout):
                async with take(self.limit, 60, is_write=True):
                    return await exchange(self, request)
        except TimeoutError as exc:
            raise self._unknown_outcome("the connection broke before it answered") from exc

    patch.setattr(CallLimit, "take", pass_writes)
    patch.setattr(ErpHttpClient, "_send_once", wait_and_send)


once = ErpHttpClient._send_once


async def send_until_answered(self: ErpHttpClient, request: httpx2.Request) -> Answer:
    for _ in range(2):
        with contextlib.suppress(OutcomeUnknown):
            return await once(self, request)
    return await once(self, request)


async def with_a_new_token(self: ErpHttpClient, request: httpx2.Request) -> Answer:
    answer = await once(self, request)
    return await once(self, request) if answer.status == 401 else answer


def any_envelope(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ErrorMapping, "_find_refusal_status", lambda self, answer: answer.status)


def believe_401(patch: pytest.MonkeyPatch) -> None:
    async def believe(self: ErpHttpClient, token: Token) -> None:
        raise await self._renew_after_refusal(token)

    patch.setattr(ErpHttpClient, "_raise_if_signed_out", believe)


class PlainGzip:
    complete = True

    def __init__(self, largest: int) -> None:
        self._decoder = zlib.decompressobj(47)

    def __call__(self, chunk: bytes) -> bytes:
        return self._decoder.decompress(chunk)


def no_deadline(seconds: float) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def lenient(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def by_way_of_float(text: str) -> Decimal:
    return Decimal(float(text))


def through_float(value: Any) -> bytes:
    return json.dumps(value, default=float).encode()


def all_loggers(patch: pytest.MonkeyPatch) -> None:
    for name in ("httpx2", "httpcore2"):
        patch.setattr(logging.getLogger(name), "level", logging.NOTSET)
        patch.setattr(logging.getLogger(name), "_cache", {})


def never_seen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages.RowCollector, "add", lambda self, page: self._rows.extend(page.rows))


async def stay(response: httpx2.Response) -> None:
    """Leave the connection open."""


def follow_redirects(patch: pytest.MonkeyPatch) -> None:
    """Send requests by a client that follows redirects."""
    plain = httpx2.AsyncHTTPTransport

    class Following(httpx2.AsyncHTTPTransport):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._client = httpx2.AsyncClient(transport=plain(**given), follow_redirects=True)

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            return await self._client.send(request, stream=True)

        async def aclose(self) -> None:
            await self._client.aclose()

    patch.setattr(httpx2, "AsyncHTTPTransport", Following)


MUTANTS = [
    Mutant("any path", "the checks of an order number and of its address", any_path, reach_another_resource),
    Mutant("redirects", "the refusal of redirects", follow_redirects, send_secret_elsewhere),
    Mutant(
        "retried writes",
        "the single send",
        attribute(ErpHttpClient, "_send_once", send_until_answered),
        lambda: send_twice(Reply(after="reset")),
    ),
    Mutant(
        "renewed writes",
        "a 401 ends a write",
        attribute(ErpHttpClient, "_send_once", with_a_new_token),
        lambda: send_twice(html(401)),
    ),
    Mutant("any envelope", "the look at the vendor's envelope", any_envelope, take_gateway_page_for_refusal),
    Mutant(
        "unverified success",
        "the check of the order that is echoed",
        attribute(translate, "_check_same_number", lambda *_, **__: None),
        take_success_of_another,
    ),
    Mutant(
        "no last look",
        "the look right before the first byte",
        attribute(exchange, "FirstByte", lambda before_send: None),
        send_after_stop,
    ),
    Mutant("believed 401", "the read with the same token", believe_401, believe_401_of_gateway),
    Mutant(
        "any order",
        "the comparison of the number that comes back",
        attribute(translate, "_check_same_number", lambda *_, **__: None),
        read_another_order,
    ),
    Mutant(
        "any new number",
        "the check of a new order's number",
        attribute(numbers, "check_creatable", lambda number: number),
        create_unreadable_number,
    ),
    Mutant(
        "lenient documents",
        "the refusal of documents that cannot be read",
        attribute(exsited_reading, "_need_every_document", lambda rows: rows),
        overlook_document,
    ),
    Mutant(
        "missing documents",
        "the look at whether all receipts came",
        attribute(exsited_reading, "_need_every_document", lambda rows: rows),
        overlook_missing_receipt,
    ),
    Mutant(
        "raw bytes",
        "the limit of bytes that arrive",
        attribute(response_body, "MAX_BODY_BYTES", 10**12),
        lambda: exhaust_memory(b" " * MEGABYTE, 64, {}),
    ),
    Mutant(
        "unpacked bytes",
        "the limit of bytes unpacked",
        attribute(response_body, "_Gzip", PlainGzip),
        lambda: exhaust_memory(BOMB, 1, {"content-encoding": "gzip"}),
    ),
    Mutant("no deadline", "the total deadline", attribute(anyio, "fail_after", no_deadline), exceed_deadline),
    Mutant(
        "duplicate keys",
        "the refusal of a key that stands twice",
        attribute(exact_json, "_parse_object", dict),
        read_two_totals,
    ),
    Mutant("NaN", "the refusal of NaN", attribute(exact_json, "_refuse_constant", float), read_nan),
    Mutant(
        "huge exponents",
        "the limit of exponents",
        attribute(exact_json, "_MAX_EXPONENT", 10**7),
        lambda: read_huge_number(b"1e999999"),
    ),
    Mutant(
        "many digits",
        "the limit of digits",
        attribute(exact_json, "_MAX_NUMBER_CHARS", 10**7),
        lambda: read_huge_number(b"9" * 4000),
    ),
    Mutant("deep nesting", "the strict reader", attribute(exact_json, "loads", lenient), read_deep_nesting),
    Mutant(
        "floats read",
        "Decimal in reading",
        attribute(exact_json, "_parse_decimal", by_way_of_float),
        lose_digits_in_reading,
    ),
    Mutant(
        "floats written", "Decimal in writing", attribute(exact_json, "dumps", through_float), lose_digits_in_writing
    ),
    Mutant("loud logs", "the level of the libraries' loggers", all_loggers, log_secret),
    Mutant("no budget", "the budget of repeats", attribute(retry.RetryBudget, "take", lambda self: True), make_storm),
    Mutant("no breaker", "the breaker", attribute(breaker, "MAX_FAILURES", 10**9), ask_the_dead),
    Mutant("no places", "the limit of requests", attribute(CallLimit, "_wait", any_number), crowd_the_erp),
    Mutant("a late place", "the wait outside of the time-out", place_within_the_time_out, let_a_write_wait_in_doubt),
    Mutant(
        "any wait", "the limit of what an ERP may ask to wait", attribute(retry, "MAX_RETRY_AFTER_S", 10**9), wait_long
    ),
    Mutant("endless pages", "the memory of pages", never_seen, repeat_page_for_ever),
    Mutant(
        "kept connections",
        "the hang-up after a 400",
        attribute(exchange, "_close_connection", stay),
        share_poisoned_connection,
    ),
    Mutant(
        "answers beforehand",
        "the look for bytes behind an answer",
        attribute(exchange, "may_have_surplus", lambda response: False),
        answer_a_read_beforehand,
    ),
    Mutant(
        "answers too late",
        "the connection of its own that a write has",
        attribute(exchange, "OF_ITS_OWN", "shared"),
        answer_a_write_late,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_every_control_prevents_an_attack(mutant: Mutant) -> None:
    assert await mutant.attack() == ""

    with pytest.MonkeyPatch.context() as patch:
        mutant.remove(patch)
        seen = await mutant.attack()

    print(f"without {mutant.removed}: {seen}")  # noqa: T201
    assert seen
