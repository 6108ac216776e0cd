"""A fresh book and a signed-in client for each API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import simplejson
from starlette.applications import Starlette

from po_mcp.sandbox import Book, create_app

CREDENTIALS = {"client_id": "sandbox", "client_secret": "sandbox"}


class Clock:
    """The book's time, which a test may move."""

    def __init__(self) -> None:
        self.time = datetime(2025, 5, 31, 14, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> Iterator[Book]:
    book = Book.open(":memory:", now=clock)
    yield book
    book.close()


@pytest.fixture
def app(book: Book) -> Starlette:
    return create_app(book)


@pytest.fixture
async def stranger(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has not signed in."""
    async with _client(app) as client:
        yield client


@pytest.fixture
async def inventory_pro(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(app, "/api/v1") as client:
        answer = await client.post("/Token", data={"grant_type": "client_credentials", **CREDENTIALS})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.fixture
async def exsited(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(app) as client:
        token = await exsited_token(client)
        client.base_url = httpx2.URL("http://erp.test/api/v3")
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield client


def _client(app: Starlette, base: str = "") -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"http://erp.test{base}")


async def exsited_token(client: httpx2.AsyncClient, **changes: str) -> Any:
    body = {"grant_type": "client_credentials", "redirect_uri": "https://erp.test/back", **CREDENTIALS}
    return (await client.post("http://erp.test/api/v1/oauth2/token", json=body | changes)).json()


def exact(answer: httpx2.Response) -> Any:
    """The answer's JSON, with decimals exact."""
    return simplejson.loads(answer.content, use_decimal=True)


def messages(answer: httpx2.Response) -> list[str]:
    """The reasons in a refusal of Exsited's."""
    errors = answer.json()["errors"]
    assert all(error["code"] == answer.status_code for error in errors)
    return [error["message"] for error in errors]
