"""The issuer's keys: when and how often they are read, and which of its answers are not trusted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from starlette.responses import PlainTextResponse, RedirectResponse

from po_mcp.connectors.http.document import fetch_document
from po_mcp.errors import BadAnswer, Unreachable
from po_mcp.sign_in.issuer_keys import FRESH_S, PAUSE_S, IssuerKeys, IssuerUnavailable
from po_mcp.transports.uvicorn_server import listen
from tests.commands.test_serve import HELLO, call
from tests.ports import serve
from tests.sign_in.issuer import Issuer, issuing, public_jwk, rsa_key, serving_for, team_server


@dataclass
class Clock:
    """A clock that a test sets; `now` is in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reading_keys() -> AsyncIterator[tuple[Issuer, IssuerKeys, Clock]]:
    """Run an issuer; yield it, what reads its keys, and the clock that stands still for that."""
    clock = Clock()
    async with issuing() as issuer:
        yield issuer, IssuerKeys(issuer.url, fetch_document, clock), clock


async def test_the_keys_are_read_once_and_again_after_a_while() -> None:
    async with reading_keys() as (issuer, keys, clock):
        found = [await keys.find("k1") for _ in range(20)]
        before = issuer.asked.count("/jwks")
        clock.now += FRESH_S
        await keys.find("k1")

    assert None not in found
    assert (before, issuer.asked.count("/jwks")) == (1, 2)


async def test_a_new_key_is_found_and_invented_key_ids_are_not_asked_for_each_time() -> None:
    async with reading_keys() as (issuer, keys, clock):
        await keys.find("k1")
        invented = [await keys.find(f"invented {number}") for number in range(200)]
        asked = issuer.asked.count("/jwks")
        issuer.keys.append(public_jwk(rsa_key("k2"), "k2"))
        too_soon = await keys.find("k2")
        clock.now += PAUSE_S
        found = await keys.find("k2")

    assert set(invented) == {None}
    assert asked == 1
    assert (too_soon, found is None) == (None, False)


async def test_many_requests_at_once_read_the_keys_once() -> None:
    async with reading_keys() as (issuer, keys, _):
        found: list[Any] = []

        async def find() -> None:
            found.append(await keys.find("k1"))

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(find)

    assert len(found) == 50
    assert None not in found
    assert issuer.asked.count("/jwks") == 1


async def test_a_key_that_the_issuer_withdraws_is_no_longer_valid() -> None:
    async with reading_keys() as (issuer, keys, clock):
        await keys.find("k1")
        issuer.keys = [public_jwk(rsa_key("k2"), "k2")]
        clock.now += FRESH_S
        found = await keys.find("k1")

    assert found is None


async def test_keys_stay_valid_for_a_day_while_the_issuer_is_away() -> None:
    async with reading_keys() as (issuer, keys, clock):
        await keys.find("k1")
        issuer.is_away = True
        clock.now += 80_000
        meanwhile = await keys.find("k1")
        clock.now += 10_000
        with pytest.raises(IssuerUnavailable):
            await keys.find("k1")

    assert meanwhile is not None


async def test_a_client_that_hangs_up_does_not_keep_the_keys_from_being_read() -> None:
    async with issuing() as issuer:
        begun, goes_on = anyio.Event(), anyio.Event()

        async def slowly(url: str) -> Any:
            begun.set()
            await goes_on.wait()
            return await fetch_document(url)

        keys = IssuerKeys(issuer.url, slowly)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keys.find, "k1")
            await begun.wait()
            tasks.cancel_scope.cancel()
            goes_on.set()
        found = await keys.find("k1")

    assert found is not None
    assert issuer.asked.count("/jwks") == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": "http://evil.example/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": None},
        {"jwks_uri": ["x"]},
    ],
    ids=str,
)
async def test_metadata_of_another_issuer_or_with_an_unsafe_address_is_not_trusted(metadata: dict[str, Any]) -> None:
    async with reading_keys() as (issuer, keys, _):
        issuer.metadata = metadata
        with pytest.raises(IssuerUnavailable):
            await keys.find("k1")

    assert "/jwks" not in issuer.asked


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}],
        [{**public_jwk(rsa_key("k1"), "k1"), "use": "enc"}],
        ["x", None, 3],
        {"k1": public_jwk(rsa_key("k1"), "k1")},
    ],
    ids=["none", "a shared secret", "for encryption", "no objects", "no list"],
)
async def test_only_public_keys_for_signatures_are_used(listed: Any) -> None:
    async with reading_keys() as (issuer, keys, _):
        issuer.keys = listed
        with pytest.raises(IssuerUnavailable):
            await keys.find("k1")


async def test_a_request_is_postponed_without_keys_and_not_sent_to_sign_in() -> None:
    async with issuing() as issuer:
        issuer.is_away = True
        async with serving_for(issuer) as server, server.http(server.token()) as http:
            answer = await http.post("/mcp", json=call("initialize", HELLO))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "www-authenticate" not in answer.headers
    assert "cannot be checked" in answer.json()["error"]["message"]


async def test_a_broken_key_of_the_issuer_refuses_its_tokens_alone() -> None:
    async with team_server() as server:
        server.issuer.keys.append({"kty": "RSA", "kid": "k2", "n": "?", "e": "AQAB"})
        answers = []
        for kid in ("k2", "k1"):
            token = server.issuer.sign(server.issuer.claims(server.url), header={"kid": kid})
            async with server.http(token) as http:
                answers.append((await http.post("/mcp", json=call("initialize", HELLO))).status_code)

    assert answers == [401, 200]


ODD_ANSWERS = {
    "a redirect": RedirectResponse("http://127.0.0.1:1/elsewhere"),
    "no JSON": PlainTextResponse("<html>"),
    "a megabyte": PlainTextResponse('{"keys": "' + "x" * 1_000_000 + '"}'),
    "a key twice": PlainTextResponse('{"issuer": "a", "issuer": "b"}'),
    "an error": PlainTextResponse("{}", 404),
}


@pytest.mark.parametrize("odd", ODD_ANSWERS)
async def test_an_odd_answer_is_no_document(odd: str) -> None:
    async with serve(ODD_ANSWERS[odd]) as address:
        with pytest.raises(BadAnswer):
            await fetch_document(f"{address}/")


async def test_an_issuer_that_cannot_be_reached_gives_no_document() -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]

    with pytest.raises(Unreachable):
        await fetch_document(f"http://127.0.0.1:{port}/")
