from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest

from po_mcp.connectors.http import response_body


class Chunks(httpx2.AsyncByteStream):
    """A body that arrives in chunks, and counts those that were asked for."""

    def __init__(self, content: bytes, size: int) -> None:
        self._chunks = [content[start : start + size] for start in range(0, len(content), size)]
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk


def answer(content: bytes, encoding: str | None = None, size: int = 1024) -> tuple[httpx2.Response, Chunks]:
    headers = {} if encoding is None else {"content-encoding": encoding}
    stream = Chunks(content, size)
    request = httpx2.Request("GET", "http://erp.invalid/")
    return httpx2.Response(200, headers=headers, stream=stream, request=request), stream


async def read(content: bytes, encoding: str | None = None, largest: int = 10_000) -> bytearray:
    return await response_body.read_body(answer(content, encoding)[0], largest)


@pytest.mark.parametrize("encoding", [None, "identity", ""])
async def test_a_plain_body_is_read_unchanged(encoding: str | None) -> None:
    assert await read(b"x" * 5000, encoding) == b"x" * 5000


async def test_a_packed_body_is_unpacked() -> None:
    assert await read(gzip.compress(b"order " * 1000), "GZIP") == b"order " * 1000


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert len(await read(b"x" * 10_000)) == 10_000
    assert len(await read(gzip.compress(b"x" * 10_000), "gzip")) == 10_000


async def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(response_body.TooLarge):
        await read(b"x" * 10_001)


async def test_a_bomb_is_refused_before_decompression() -> None:
    bomb = gzip.compress(b"\0" * 300_000_000)
    response, stream = answer(bomb, "gzip", size=1000)

    with pytest.raises(response_body.TooLarge):
        await response_body.read_body(response, 1_000_000)

    assert stream.taken < 10


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate"])
async def test_a_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(response_body.TooLarge):
        await read(zlib.compress(b"{}"), encoding)


@pytest.mark.parametrize(
    "content", [gzip.compress(b"order " * 1000)[:-9], b"not packed", b""], ids=["cut", "not packed", "empty"]
)
async def test_a_broken_packing_is_refused(content: bytes) -> None:
    with pytest.raises(httpx2.DecodingError):
        await read(content, "gzip")
