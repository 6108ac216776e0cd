"""Reading of an answer's body within a limit on the received and on the decompressed bytes.

httpx2 decompresses a whole chunk before its size can be checked: 300 kB of gzip become 300 MB in memory. The decoder
here has a limit on its output.
"""

from __future__ import annotations

import zlib

import httpx2

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes of one answer at most, compressed or decompressed."""

_GZIP = frozenset({"gzip", "x-gzip"})
"""The names of the one encoding that is requested: "x-gzip" is equivalent (RFC 9110, section 8.4.1.3)."""
_GZIP_OR_ZLIB, _GZIP_ALONE = 47, 31  # zlib's window bits for "tell by the header", and for gzip
_MAX_MEMBERS = 1000
"""Members of one body at most: 20 bytes are one that unpacks to nothing, and each takes its time."""


class TooLarge(ValueError):
    """The body has too many bytes, or a content encoding that is not supported."""


async def read_body(response: httpx2.Response, max_bytes: int = MAX_BODY_BYTES) -> bytearray:
    """Return the decompressed body of a streamed response, which its caller closes.

    Raises:
        TooLarge: the body has more than `max_bytes` bytes, or a Content-Encoding that was not requested.
        httpx2.DecodingError: the body cannot be decompressed, or ends too early.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", *_GZIP):
        raise TooLarge("unsupported compression")
    unpack = _Gzip(max_bytes) if encoding in _GZIP else None
    body = bytearray()
    arrived = 0
    # Not `aiter_raw`, which counts and cuts the chunks once more; who opened the response closes it.
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    async for chunk in response.stream:
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
    """Decompresses chunk by chunk, to at most one byte over the limit.

    A gzip stream is a series of members, which together are what was packed (RFC 1952, section 2.2).
    """

    def __init__(self, max_bytes: int) -> None:
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._members = 1
        self._max_bytes = max_bytes
        # One byte over the limit, since a body of exactly that size is allowed, and one that goes on is not.
        self._left = max_bytes + 1

    @property
    def complete(self) -> bool:
        return self._decoder.eof

    def __call__(self, chunk: bytes) -> bytearray:
        made = bytearray()
        while chunk:
            if self._decoder.eof:
                self._begin_member()
            made += self._unpack(chunk)
            chunk = self._decoder.unused_data
        return made

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            raise TooLarge("packed in too many parts")
        self._decoder = zlib.decompressobj(_GZIP_ALONE)

    def _unpack(self, chunk: bytes) -> bytes:
        try:
            made = self._decoder.decompress(chunk, self._left)
        except zlib.error as exc:
            raise httpx2.DecodingError("invalid compressed data") from exc
        self._left -= len(made)
        if self._left <= 0:
            raise TooLarge(f"larger than {self._max_bytes / 2**20:g} MB when unpacked")
        return made
