from __future__ import annotations

from decimal import Decimal

import anyio
import pytest

from po_mcp.connectors.http.tokens import EXPIRY_MARGIN_S, SHORTEST_S, Clock, Token, Tokens
from po_mcp.connectors.schema_base import TokenResponse
from po_mcp.errors import SignInFailed


class TokenServer:
    """Issues numbered tokens of `lifetime` seconds while `open` is set."""

    lifetime: float = 3600

    def __init__(self) -> None:
        self.now = 0.0
        self.given = 0
        self.broken = False
        self.open = anyio.Event()
        self.open.set()

    async def __call__(self) -> tuple[str, float]:
        await self.open.wait()
        if self.broken:
            raise ConnectionError
        self.given += 1
        return f"token-{self.given}", self.lifetime

    def tokens(self) -> Tokens:
        return Tokens(self, clock=lambda: self.now)


class KeptToken:
    """Where processes share a token, by one clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: tuple[str, float] | None = None

    def load(self) -> tuple[str, float] | None:
        return None if self._kept is None else (self._kept[0], self._kept[1] - self._clock())

    def save(self, token: str, lifetime: float) -> None:
        self._kept = token, self._clock() + lifetime

    def claim(self, lease: float) -> bool:
        return True

    def release(self) -> None:
        return None


async def test_a_token_is_fetched_once_and_kept() -> None:
    server = TokenServer()
    tokens = server.tokens()

    assert [(await tokens.current()).text for _ in range(3)] == ["token-1"] * 3


async def test_concurrent_callers_share_a_single_fetch() -> None:
    server = TokenServer()
    server.open = anyio.Event()
    tokens = server.tokens()
    found: list[str] = []

    async def call() -> None:
        found.append((await tokens.current()).text)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        server.open.set()

    assert found == ["token-1"] * 20


async def test_a_token_is_renewed_before_its_expiry() -> None:
    server = TokenServer()
    tokens = server.tokens()
    await tokens.current()

    server.now = 3600 - EXPIRY_MARGIN_S
    assert (await tokens.current()).text == "token-1"
    server.now += 1
    assert (await tokens.current()).text == "token-2"


async def test_a_write_gets_a_token_that_outlives_the_write() -> None:
    server = TokenServer()
    tokens = server.tokens()
    await tokens.current()
    server.now = 3600 - EXPIRY_MARGIN_S - 30

    assert (await tokens.current(min_lifetime=30)).text == "token-1"
    assert (await tokens.current(min_lifetime=31)).text == "token-2"


@pytest.mark.parametrize(("lifetime", "reads_for"), [(0, SHORTEST_S), (8, SHORTEST_S), (30, 15), (119, 59.5)])
async def test_a_token_that_is_soon_over_serves_the_reads_of_one_call_and_no_write(
    lifetime: float, reads_for: float
) -> None:
    server = TokenServer()
    server.lifetime = lifetime
    tokens = server.tokens()

    assert [(await tokens.current()).text for _ in range(3)] == ["token-1"] * 3
    server.now = reads_for - 0.5
    assert (await tokens.current()).text == "token-1"
    assert (await tokens.current(min_lifetime=60)).text == "token-2"
    assert (await tokens.current()).text == "token-2"
    server.now += reads_for
    assert [(await tokens.current()).text for _ in range(2)] == ["token-3"] * 2


async def test_the_token_of_another_process_that_is_over_at_once_is_shared() -> None:
    server = TokenServer()
    server.lifetime = 0
    store = KeptToken(lambda: server.now)
    one, other = (Tokens(server, lambda: server.now, store) for _ in range(2))

    found = [(await tokens.current()).text for tokens in (one, other) * 3]
    server.now += SHORTEST_S
    later = [(await tokens.current()).text for tokens in (other, one) * 3]

    assert (found, later) == (["token-1"] * 6, ["token-2"] * 6)


async def test_a_token_of_yesterday_is_not_used() -> None:
    server = TokenServer()
    store = KeptToken(lambda: server.now)
    store.save("of yesterday", -86400)

    assert (await Tokens(server, lambda: server.now, store).current()).text == "token-1"


async def test_callers_with_a_rejected_token_share_a_new_token() -> None:
    server = TokenServer()
    tokens = server.tokens()
    rejected = await tokens.current()
    found: list[str] = []

    async def call() -> None:
        found.append((await tokens.replace(rejected)).text)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(call)

    assert found == ["token-2"] * 20


async def test_a_failed_or_cancelled_fetch_does_not_block_the_next_fetch() -> None:
    server = TokenServer()
    tokens = server.tokens()
    server.broken = True
    with pytest.raises(ConnectionError):
        await tokens.current()
    server.broken, server.open = False, anyio.Event()
    with anyio.move_on_after(0):
        await tokens.current()
    server.open.set()

    assert (await tokens.current()).text == "token-1"


def test_a_token_does_not_show_its_text() -> None:
    assert "hush" not in repr(Token("hush", 1.0))


class Answered(TokenResponse):
    """The answer to a sign-in of an ERP."""

    erp_name = "ERP"


@pytest.mark.parametrize("text", ["!", "~" * 8192])
def test_a_token_of_visible_ascii_is_taken(text: str) -> None:
    assert Answered.parse_token({"access_token": text, "expires_in": 60}) == (text, 60)
    assert text not in repr(Answered.parse({"access_token": text}))


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (Decimal("3599.9"), 3599),
        ("3599.5", 3599),
        (0, 0),
        ("0", 0),
        (-1, 0),
        ("-86400", 0),
        (Decimal("0.4"), 0),
        (None, 300),
        ("", 300),
        ("soon", 300),
        ("1 hour", 300),
        (True, 300),
        ([3600], 300),
        ({"seconds": 3600}, 300),
        (Decimal("NaN"), 300),
        (3600000000, 30 * 24 * 3600),
    ],
    ids=str,
)
def test_a_token_is_one_however_its_lifetime_is_told(told: object, lifetime: int) -> None:
    assert Answered.parse_token({"access_token": "t", "expires_in": told}) == ("t", lifetime)


def test_a_token_whose_lifetime_is_not_told_is_one() -> None:
    assert Answered.parse_token({"access_token": "t"}) == ("t", 300)


@pytest.mark.parametrize("text", ["", "a b", "a\n", "a\r\nb", "a\x00", "a\x7f", "\u00e9", "~" * 8193, None, 1])
def test_a_token_that_no_header_can_hold_is_none(text: object) -> None:
    with pytest.raises(SignInFailed):
        Answered.parse_token({"access_token": text})
