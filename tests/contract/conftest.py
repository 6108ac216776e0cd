"""The connection that a test of the contract is given."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.subjects import Subject, connect_to_book, connect_to_tryton, serve_book, subjects


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve_book() as address:
        yield address


@pytest.fixture(params=subjects())
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """One connection after the other; what it lacks by its declared capabilities, a test leaves out by `subjects`."""
    if request.param == "tryton":
        server, users = request.getfixturevalue("tryton_server")
        server.reset()
        connected = connect_to_tryton(server.url, users)
        yield connected
        await connected.erp.aclose()
        return
    async with connect_to_book(request.param) as connected:
        yield connected
        await connected.erp.aclose()
