"""The cookies of an ERP lead to the same server behind its balancer, and never keep a request from being taken."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

import pytest

from po_mcp.connectors.http import cookies
from po_mcp.orders import OrderQuery
from tests.connectors.calls import LIST, NUMBER, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply

ORDER = {"poNo": NUMBER, "status": "Open"}
WHOLE = reply(200, ORDER)
COOKIES = ["a=\u00fc\u20ac", "a=\x01", "a=b\x7f", f"a={'x' * 5000}", f"a=b; Path=/; Comment={'x' * 5000}"]


@pytest.mark.parametrize("cookie", COOKIES)
async def test_a_cookie_that_no_header_holds_is_left_out(cookie: str) -> None:
    first = reply(200, LIST, "Set-Cookie: kept=1")
    first = Reply(first.raw.replace(b"Set-Cookie: kept=1", b"Set-Cookie: kept=1\r\nSet-Cookie: " + cookie.encode()))
    async with raw_peer(first, WHOLE) as peer, aclosing(inventory_pro(peer.url)) as erp:
        await erp.scan_orders(OrderQuery())
        await erp.get_order(NUMBER)

    assert b"\r\nCookie: kept=1\r\n" in peer.requests[-1]


async def test_without_the_choice_of_cookies_no_request_is_written_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies, "_is_writable", lambda cookie: True)

    with pytest.raises(UnicodeEncodeError):
        await test_a_cookie_that_no_header_holds_is_left_out(COOKIES[0])


async def cookies_after(*answers: Sequence[str]) -> list[str]:
    """Return the cookies of the last request, after one answer with each of these."""
    replies = [reply(200, ORDER, *(f"Set-Cookie: {cookie}" for cookie in answer)) for answer in answers]
    async with raw_peer(*replies, WHOLE) as peer, aclosing(inventory_pro(peer.url)) as erp:
        for _ in (*answers, None):
            await erp.get_order(NUMBER)
    [line] = [line for line in peer.requests[-1].split(b"\r\n") if line.startswith(b"Cookie: ")]
    return line.removeprefix(b"Cookie: ").decode().split("; ")


def many(start: int, end: int) -> list[str]:
    return [f"c{number}={number}" for number in range(start, end)]


async def test_of_too_many_cookies_the_oldest_go() -> None:
    assert await cookies_after(many(0, 30), many(30, 60)) == many(10, 60)


async def test_a_cookie_that_is_set_anew_is_the_newest() -> None:
    sent = await cookies_after(["server=1", *many(0, 40)], ["server=2"], many(40, 80))

    assert set(sent) == {"server=2", *many(31, 80)}


async def test_cookies_that_are_long_together_go_by_age() -> None:
    long = [f"c{number}={'x' * 1000}" for number in range(8)]

    assert await cookies_after(long) == long[3:]


async def test_a_cookie_that_the_erp_takes_back_is_sent_no_more() -> None:
    assert await cookies_after(["a=1", "b=2"], ["a=1; Max-Age=0"]) == ["b=2"]


async def test_each_answer_with_a_new_cookie_makes_no_request_longer_without_end() -> None:
    sent = await cookies_after(*([f"c{number}={'x' * 200}"] for number in range(70)))

    assert len("; ".join(sent)) <= 6000


@pytest.mark.parametrize("limit", ["_MAX_COOKIES", "_MAX_SENT_CHARS"])
async def test_without_their_limits_all_cookies_are_sent(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies, limit, 10**9)
    given = many(0, 60) if limit == "_MAX_COOKIES" else [f"c{number}={'x' * 1000}" for number in range(8)]

    assert await cookies_after(given) == given


async def test_without_the_limit_of_one_a_long_attribute_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies, "_MAX_COOKIE_CHARS", 10**9)

    assert await cookies_after([COOKIES[-1]]) == ["a=b"]
