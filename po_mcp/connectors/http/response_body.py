"""Reading of an answer's body within a limit on the received and on the decompressed bytes.

httpx2 decompresses a whole chunk before its size can be checked: 300 kB of gzip become 300 MB in memory. The decoder
here has a limit on its output.
"""

from __future__ import annotations

import zlib

import httpx2

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of one answer at most, compressed or decompressed."""

_GZIP_OR_ZLIB = 47  # zlib's window bits for "tell by the header"


class TooLarge(ValueError):
    """The body has too many bytes, or a content encoding that is not supported."""


async def read_body(response: httpx2.Response, max_bytes: int = MAX_BODY_BYTES) -> bytearray:
    """Return the decompressed body of a streamed response.

    Raises:
        TooLarge: the body has more than `max_bytes` bytes, or a Content-Encoding that was not requested.
        httpx2.DecodingError: the body cannot be decompressed, or ends too early.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise TooLarge("unsupported compression")
    unpack = _Gzip(max_bytes) if encoding == "gzip" else None
    body = bytearray()
    arrived = 0
    async for chunk in response.aiter_raw():
        arrived += len(chunk)
        body += unpack(chunk) if unpack else chunk
        # Both are counted: bytes that unpack to nothing would never reach a limit on the output.
        if arrived > max_bytes or len(body) > max_bytes:
            raise TooLarge(f"larger than {max_bytes / 2**20:g} MB")
    # A gzip stream without its end would be half of a document that may still be valid JSON.
    if unpack is not None and not unpack.complete:
        raise httpx2.DecodingError("incomplete compressed data", request=response.request)
    return body  # not as bytes: a copy would double what an answer costs


class _Gzip:
    """Decompresses chunk by chunk, to at most one byte over the limit."""

    def __init__(self, max_bytes: int) -> None:
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._max_bytes = max_bytes
        # One byte over the limit, since a body of exactly that size is allowed, and one that goes on is not.
        self._left = max_bytes + 1

    @property
    def complete(self) -> bool:
        return self._decoder.eof

    def __call__(self, chunk: bytes) -> bytes:
        try:
            made = self._decoder.decompress(chunk, self._left)
        except zlib.error as exc:
            raise httpx2.DecodingError("invalid compressed data") from exc
        self._left -= len(made)
        if self._left <= 0:
            raise TooLarge(f"larger than {self._max_bytes / 2**20:g} MB when unpacked")
        return made
