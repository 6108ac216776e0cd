"""Mutations of an answer, and ways of sending one.

A mutation takes the ERP's answer and the fault's value; mutations of JSON leave a body that is not JSON unchanged.
A way of sending is an async iterator of the bytes, which waits before each part.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import simplejson

from po_mcp.sandbox.apis.exact_json import read_json, write_json
from po_mcp.sandbox.faults.messages import CHUNK, HOST, Answer

Change = Callable[[Answer, float], Answer]
Sending = Callable[[Answer, float], AsyncIterator[bytes]]

OTHER_NUMBER = "PO-0000-0000"
OTHER_STATUS = "Quarantined"
EXTRA_FIELDS = 50
# Beyond the 4,300 digits at which Python refuses to make an integer of text.
DIGITS = 5_000
# Beyond every limit of recursion, of a parser in C too.
DEPTH = 100_000
# More than a client should hold, and small enough for the machine that runs the relay.
BOMB_BYTES = 64 * 2**20
_MEGABYTE = b" " * 2**20
_HTML = b"<!doctype html><title>Sign in</title><h1>Please sign in to continue</h1>"
_NUMBERS = {"poNo", "backorderPoNo", "id", "purchase_order_id"}
_KEYS = _NUMBERS | {"uuid"}
_TOTALS = {"totalValue", "total"}


def keep(answer: Answer, _: float) -> Answer:
    """Change nothing."""
    return answer


# Another answer.


def answer_status(status: int, *headers: tuple[bytes, bytes]) -> Change:
    """Answer by a status of a gateway's, with an error body in both vendors' shapes."""
    text = f"The relay answers {status}."
    body = {
        "statusCode": status,
        "error": "scripted",
        "message": text,
        "details": None,
        "errors": [{"code": status, "message": text}],
    }
    return lambda _, __: Answer(status, ((b"Content-Type", b"application/json"), *headers), write_json(body))


def ask_retry_in_two_seconds(_: Answer, __: float) -> Answer:
    """Answer 429 with a date in Retry-After."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    return answer_status(429, (b"Retry-After", date.encode()))(Answer(429), 0)


def answer_redirect(status: int) -> Change:
    """Answer with a redirect to the port of this machine that is the fault's value."""
    return lambda _, port: Answer(status, ((b"Location", f"http://{HOST}:{int(port)}/".encode()),))


# Another body.


def change_body(change: Callable[[bytes], bytes]) -> Change:
    """Answer with another body; a 204, which can have none, becomes a 200."""
    return lambda answer, _: _with_body(answer, change(answer.body))


def answer_html(answer: Answer, _: float) -> Answer:
    """Answer with a page for people."""
    return _with_body(answer, _HTML).with_header(b"Content-Type", b"text/html")


def garble(_: bytes) -> bytes:
    """Return bytes that are not text in any encoding of JSON."""
    return b'{"\xff\xfe\x00' * 4


def truncate(content: bytes) -> bytes:
    """Return the first half, as if that were all."""
    return content[: len(content) // 2]


def make_empty(_: bytes) -> bytes:
    """Return nothing."""
    return b""


def add_byte_order_mark(content: bytes) -> bytes:
    """Put a byte order mark before it."""
    return b"\xef\xbb\xbf" + content


def nest_deeply(content: bytes) -> bytes:
    """Add a field of arrays in arrays."""
    return _with_members(content, b'"deep":' + b"[" * DEPTH + b"]" * DEPTH)


def repeat_keys(content: bytes) -> bytes:
    """Give each key of the outermost object a second time, with null."""
    try:
        return _with_members(content, *(write_json(key) + b":null" for key in read_json(content)))
    except (TypeError, ValueError):
        return content


def pack_as_bomb(answer: Answer, _: float) -> Answer:
    """Pack the body with so much white space before it that it unpacks to a thousand times its size."""
    # 31: the window of 15 bits, with the head and tail of gzip.
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(_MEGABYTE) for _ in range(BOMB_BYTES // len(_MEGABYTE))]
    packed = b"".join([*parts, packer.compress(answer.body), packer.flush()])
    return _with_body(answer, packed).with_header(b"Content-Encoding", b"gzip")


# Another content.


def change_json(change: Callable[[Any], Any]) -> Change:
    """Answer with other JSON."""

    def change_bytes(before: bytes) -> bytes:
        try:
            return write_json(change(read_json(before)))
        except ValueError:
            return before

    return lambda answer, _: replace(answer, body=change_bytes(answer.body))


def replace_numbers(value: Any) -> Any:
    """Put another order's number wherever one stands."""
    return _change_values(value, lambda key, old: OTHER_NUMBER if key in _NUMBERS and isinstance(old, str) else old)


def replace_status(value: Any) -> Any:
    """Put a status that nobody knows wherever one stands."""
    return _change_values(value, lambda key, old: OTHER_STATUS if key == "status" else old)


def write_nulls(value: Any) -> Any:
    """Put null wherever no number or uuid of a record stands."""
    return _change_values(value, lambda key, old: old if key in _KEYS else None)


def replace_totals(text: str) -> Callable[[Any], Any]:
    """Write `text` as it is for each total, and for one in the outermost object if there is none."""

    def change(value: Any) -> Any:
        # As text: no number of Python is written as NaN, or with 5,000 digits.
        raw = simplejson.RawJSON(text)
        change_bytes = _change_values(value, lambda key, old: raw if key in _TOTALS else old)
        return {"total": raw, **change_bytes}

    return change


def add_fields(value: Any) -> Any:
    """Give each object more fields than anybody knows."""
    if isinstance(value, dict):
        extra = {f"extra{number}": "?" for number in range(1, EXTRA_FIELDS + 1)}
        return {key: add_fields(inner) for key, inner in value.items()} | extra
    return [add_fields(inner) for inner in value] if isinstance(value, list) else value


# Sending.


async def send_whole(answer: Answer, _: float) -> AsyncIterator[bytes]:
    """Send all of it at once."""
    yield answer.head() + answer.body


async def send_half_headers(answer: Answer, _: float) -> AsyncIterator[bytes]:
    """Stop in the middle of the headers."""
    head = answer.head()
    yield head[: len(head) // 2]


async def send_half_body(answer: Answer, _: float) -> AsyncIterator[bytes]:
    """Stop in the middle of the body that the headers promise."""
    # A body must be promised for half of it to be missing.
    promised = _with_body(answer, answer.body or b"{}")
    yield promised.head() + promised.body[: len(promised.body) // 2]


async def send_byte_by_byte(answer: Answer, seconds: float) -> AsyncIterator[bytes]:
    """Wait so many seconds before each byte."""
    # Each byte comes in time: only a limit for the whole call ends this.
    for byte in answer.head() + answer.body:
        await anyio.sleep(seconds)
        yield bytes([byte])


async def send_without_end(answer: Answer, seconds: float) -> AsyncIterator[bytes]:
    """Send the headers, and white space for ever, a block of 64 kB after each so many seconds."""
    yield _with_body(answer, b"").head(length=False)
    while True:
        yield b" " * CHUNK
        await anyio.sleep(seconds)


def _with_body(answer: Answer, content: bytes) -> Answer:
    return replace(answer, status=200 if answer.status == 204 else answer.status, body=content)


def _with_members(content: bytes, *members: bytes) -> bytes:
    if not content.endswith(b"}"):
        return content
    # As bytes: written as JSON again, a key that is there twice would be there once.
    separator = b"" if content == b"{}" else b","
    return content[:-1] + separator + b",".join(members) + b"}"


def _change_values(value: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """Return the JSON with every scalar changed by `change`, which gets the key and the value."""
    if isinstance(value, dict):
        return {name: _change_values(inner, change, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_change_values(inner, change, key) for inner in value]
    return change(key, value)
