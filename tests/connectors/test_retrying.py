"""A read that failed for a moment is tried again: how often, how long, and what is never tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import anyio
import httpx2
import pytest

from po_mcp.connectors.http import exact_json
from po_mcp.connectors.http.error_mapping import Answer, ErrorMapping
from po_mcp.connectors.http.exact_json import NotExact
from po_mcp.connectors.http.header_times import parse_retry_after
from po_mcp.connectors.http.retry import Retrier, RetryBudget
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.errors import BadAnswer, PurchaseOrderError, TooManyRequests, Unreachable
from po_mcp.orders import OrderQuery
from tests.connectors.calls import (
    LIST,
    SECRET,
    Read,
    Write,
    every_read,
    every_write,
    exsited,
    failing,
    html,
    inventory_pro,
    no_wait,
)
from tests.connectors.raw_peer import Reply, raw_peer, reply

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
CUT_OFF = Reply(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"value":', after="close")
PASSING = {
    "reset": Reply(after="reset"),
    "closed": Reply(after="close"),
    "half a head": Reply(b"HTTP/1.1 200 O", after="close"),
    "half a body": CUT_OFF,
    "not JSON": html(200),
    "a broken gzip": reply(200, None, "Content-Encoding: gzip", raw=b"not gzip"),
    **{str(status): html(status) for status in (408, 425, 429, 500, 502, 503, 504)},
}
DEFINITE = [400, 403, 404, 405, 409, 410, 422, 501]


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
async def test_a_read_is_answered_by_the_third_try(failure: Reply) -> None:
    async with raw_peer(failure, failure, reply(200, LIST)) as peer:
        erp = inventory_pro(peer.url)

        page = await erp.scan_orders(OrderQuery())

        await erp.aclose()
    assert (page.orders, len(peer.requests)) == ((), 3)


@every_read
@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
async def test_a_read_is_sent_three_times_at_most(read: Read, failure: Reply) -> None:
    async with failing(read, failure, error=PurchaseOrderError) as peer:
        assert len(peer.requests) == 3


@every_read
@pytest.mark.parametrize("status", DEFINITE)
async def test_a_definite_no_is_not_asked_again(read: Read, status: int) -> None:
    async with failing(read, html(status), error=PurchaseOrderError) as peer:
        assert len(peer.requests) == 1


async def test_too_large_an_answer_is_not_asked_for_again() -> None:
    large = reply(200, None, raw=b" " * (8 * 1024 * 1024 + 1))
    async with raw_peer(large) as peer:
        erp = inventory_pro(peer.url)
        with pytest.raises(BadAnswer):
            await erp.scan_orders(OrderQuery())
        await erp.aclose()
    assert len(peer.requests) == 1


class Silent(httpx2.AsyncBaseTransport):
    """Times out on the first request of a read, and answers the next one; remembers the read time-out of each."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return answer({"access_token": "token-1", "expires_in": 3600})
        self.timeouts.append(request.extensions["timeout"]["read"])
        if len(self.timeouts) == 1:
            raise httpx2.ReadTimeout("silent")
        return answer(LIST)


def answer(content: object) -> httpx2.Response:
    return httpx2.Response(200, stream=httpx2.ByteStream(exact_json.dumps(content)))


async def test_silence_for_half_of_the_time_leaves_time_for_another_try() -> None:
    peer = Silent()
    erp = InventoryPro(
        "http://erp.invalid", "client", SECRET, timeout=8, transport=peer, retrier=Retrier(sleep=no_wait)
    )

    assert (await erp.scan_orders(OrderQuery())).orders == ()

    await erp.aclose()
    assert peer.timeouts == [4, 4]


@every_write
async def test_a_sign_in_before_a_write_is_tried_again_and_the_write_is_not(write: Write) -> None:
    token = reply(200, {"access_token": "token-1", "expires_in": 3600})
    async with raw_peer(html(503), Reply(after="reset"), token, html(503)) as peer:
        peer.gives_tokens = False
        erp = write[0](peer.url)
        with pytest.raises(PurchaseOrderError):
            await write[1](erp)
        await erp.aclose()
    asked = ["token" in line.casefold() for line in peer.lines]
    assert asked == [True, True, True, False]


@every_write
@pytest.mark.parametrize("failure", [html(503), html(429), Reply(after="reset"), html(200)])
async def test_a_sign_in_that_keeps_failing_sends_no_write(write: Write, failure: Reply) -> None:
    async with raw_peer(failure) as peer:
        peer.gives_tokens = False
        erp = write[0](peer.url)
        with pytest.raises((Unreachable, TooManyRequests)):
            await write[1](erp)
        await erp.aclose()
    assert len(peer.lines) == 3
    assert all("token" in line.casefold() for line in peer.lines)


async def test_the_renewal_of_a_token_is_no_try_and_happens_once() -> None:
    replies = [html(503), html(401), html(503), reply(200, LIST)]
    async with raw_peer(*replies) as peer:
        erp = inventory_pro(peer.url)
        assert (await erp.scan_orders(OrderQuery())).orders == ()
        await erp.aclose()
    assert (len(peer.requests), peer.tokens) == (4, 2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("999999999999", 999999999999),
        ("Sun, 22 Nov 2026 12:00:05 GMT", 5),
        ("Sun, 22 Nov 2026 12:00:05 -0000", 5),
        ("Sun, 22 Nov 2026 11:59:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 13, None),
        ("soon", None),
        ("5, 10", None),
        ("Sun, 99 Nov 2026 99:00:05 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_a_retry_after_header_is_parsed_or_ignored(text: str | None, seconds: int | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


class Waits:
    """Remembers the waits instead of waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def failing_with(*outcomes: Answer | Exception) -> Callable[[], Awaitable[Answer]]:
    left = list(outcomes)

    async def attempt() -> Answer:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


async def test_the_waits_double_and_are_any_part_of_that() -> None:
    fractions = iter([1.0, 1.0, 0.0, 0.5, 0.5, 0.0])  # the third try's wait is worked out and not waited
    waits = Waits()
    retrier = Retrier(sleep=waits, fraction=lambda: next(fractions))

    for _ in range(2):
        result = await retrier(failing_with(Answer(503, None)))

    assert waits.seconds == [0.2, 0.4, 0.1, 0.2]
    assert result.explanation == "Tried 3 times."


@pytest.mark.parametrize(("asked", "waited"), [(0, [0.0, 0.0]), (3, [3.0, 3.0]), (20, [20.0, 20.0]), (21, [])])
async def test_a_retry_after_is_respected_up_to_a_limit(asked: int, waited: list[float]) -> None:
    waits = Waits()
    retrier = Retrier(sleep=waits, fraction=lambda: 0.0)

    await retrier(failing_with(Answer(429, None, asked)))

    assert waits.seconds == waited


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("90", "90 seconds"), ("150", "about 3 minutes"), ("86400", "more than an hour")],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_long_retry_after_is_named_in_the_error(asked: str, expected: str, status: int) -> None:
    async with raw_peer(reply(status, None, f"Retry-After: {asked}")) as peer:
        erp = inventory_pro(peer.url)
        with pytest.raises(TooManyRequests, match=f"asks to wait {expected}") as failed:
            await erp.scan_orders(OrderQuery())
        await erp.aclose()
    assert failed.value.message.startswith(f"Inventory Pro asks to wait {expected}. Nothing was changed.")
    assert failed.value.next_step == "Try again after that."
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "a second"), (1, "a second"), (2, "2 seconds"), (3600, "about 60 minutes")]
)
def test_a_time_to_wait_is_written_in_words(seconds: int, words: str) -> None:
    mapping = ErrorMapping("An ERP", lambda body: "", "", "")

    assert f" asks to wait {words}. " in mapping.transient_failure(Answer(429, None, seconds), "").message


async def test_no_wait_is_begun_that_the_deadline_would_cut_off() -> None:
    waits = Waits()
    with anyio.fail_after(10):
        result = await Retrier(sleep=waits)(failing_with(Answer(503, None, 15)))

    assert (waits.seconds, result.explanation) == ([], "Not retried: the wait would be too long.")


@pytest.mark.parametrize("error", [httpx2.ReadTimeout("x"), httpx2.ConnectError("x"), NotExact("x"), OSError("x")])
async def test_a_broken_answer_is_tried_again(error: Exception) -> None:
    result = await Retrier(sleep=no_wait)(failing_with(error, error, Answer(200, {})))

    assert result.outcome == Answer(200, {})


async def test_an_error_that_no_repeat_can_mend_is_raised_at_once() -> None:
    waits = Waits()
    with pytest.raises(httpx2.UnsupportedProtocol):
        await Retrier(sleep=waits)(failing_with(httpx2.UnsupportedProtocol("x")))
    assert waits.seconds == []


def test_a_budget_is_spent_and_comes_back_by_tenths() -> None:
    budget = RetryBudget()

    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(9):
        budget.give_back()
    assert budget.take() is False
    budget.give_back()
    assert [budget.take(), budget.take()] == [True, False]
    for _ in range(1000):
        budget.give_back()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]


async def test_a_storm_ends_with_an_explanation() -> None:
    async with raw_peer(html(503)) as peer:
        erp = inventory_pro(peer.url)
        expected: list[str] = []

        async def call() -> None:
            with pytest.raises(Unreachable) as failed:
                await erp.scan_orders(OrderQuery())
            expected.append(str(failed.value))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(call)
        await erp.aclose()

    assert len(peer.requests) <= 60
    assert "Not retried: too many requests have failed." in expected[-1]


async def test_a_storm_on_a_connection_leaves_other_connections_their_tries() -> None:
    async with raw_peer(html(503)) as peer:
        for connect in (inventory_pro, exsited):
            for _ in range(20):
                erp = connect(peer.url)
                with pytest.raises(Unreachable, match="Tried 3 times"):
                    await erp.get_order("PO-1")
                await erp.aclose()


async def test_the_deadline_of_a_call_covers_every_try() -> None:
    async with raw_peer(html(503), Reply(after="hang"), reply(200, LIST)) as peer:
        erp = inventory_pro(peer.url)
        with pytest.raises(Unreachable):
            await erp.scan_orders(OrderQuery())
        await erp.aclose()
    assert len(peer.requests) == 2
