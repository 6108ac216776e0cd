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


MEMBERS = gzip.compress(b"order " * 500) + gzip.compress(b"") + gzip.compress(b"order " * 500)


@pytest.mark.parametrize("encoding", ["x-gzip", "X-GZip", "gzip"])
@pytest.mark.parametrize("size", [1, 7, 20, 1024])
async def test_members_are_read_as_one_body_wherever_they_are_cut(encoding: str, size: int) -> None:
    assert await response_body.read_body(answer(MEMBERS, encoding, size)[0], 10_000) == b"order " * 1000


@pytest.mark.parametrize("surplus", [b"{}", b"\0", b"\x1f", zlib.compress(b"{}"), gzip.compress(b"{}")[:-1]], ids=len)
@pytest.mark.parametrize("size", [1, 1024])
async def test_what_stands_behind_the_last_member_is_refused(surplus: bytes, size: int) -> None:
    with pytest.raises(httpx2.DecodingError):
        await response_body.read_body(answer(MEMBERS + surplus, "gzip", size)[0], 10_000)


async def test_members_are_limited_together() -> None:
    half = gzip.compress(b"x" * 5000)

    assert len(await read(half + half, "gzip")) == 10_000
    with pytest.raises(response_body.TooLarge, match="when unpacked"):
        await read(half + half + gzip.compress(b"x"), "gzip")


async def test_a_bomb_of_members_is_refused_before_decompression() -> None:
    response, stream = answer(gzip.compress(b"\0" * 100_000) * 900, "gzip", size=1000)

    with pytest.raises(response_body.TooLarge, match="when unpacked"):
        await response_body.read_body(response, 1_000_000)

    assert stream.taken < 10


async def read_many_members() -> str:
    """Read members that unpack to nothing; return the reason of the refusal, "" for none."""
    try:
        await read(gzip.compress(b"") * 1001, "gzip", 1_000_000)
    except response_body.TooLarge as exc:
        return str(exc)
    return ""


async def test_too_many_members_are_refused_though_they_unpack_to_nothing() -> None:
    assert await read_many_members() == "packed in too many parts"
    assert await read(gzip.compress(b"") * 999 + gzip.compress(b"{}"), "gzip", 1_000_000) == b"{}"


async def test_without_their_limit_members_are_unpacked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_body, "_MAX_MEMBERS", 10**9)

    assert await read_many_members() == ""


async def test_with_a_limit_for_each_member_a_bomb_of_them_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = response_body._Gzip._begin_member

    def begin_anew(self: response_body._Gzip) -> None:
        begin(self)
        self._left = self._max_bytes + 1

    monkeypatch.setattr(response_body._Gzip, "_begin_member", begin_anew)
    whole = answer(gzip.compress(b"x" * 9000) * 20, "gzip")[0]

    # All of what arrived at once is unpacked before the limit of the body is looked at.
    with pytest.raises(response_body.TooLarge, match=r"MB$"):
        await response_body.read_body(whole, 10_000)


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
