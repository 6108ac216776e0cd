"""A line of standard input, or a body over HTTP, as a JSON-RPC message, or as the error that answers it. Pure.

The SDK drops lines that it cannot parse, and their client waits for ever; over HTTP it names no id. JSON-RPC 2.0,
section 5.1 (https://www.jsonrpc.org/specification#error_object): -32700 for what is no JSON, -32600 for JSON that is
no message, with the id if it can be read. Hosts that cut text by UTF-16 units send halves of surrogate pairs: these,
and bytes that are no UTF-8, become U+FFFD in a call that only reads, and are refused in a call that writes. So is a
name that stands twice in one object: JSON lets a parser take either value (RFC 8259, section 4).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

from mcp.types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

from po_mcp.transports.bounded_stdin import MAX_LINE_BYTES, Line
from po_mcp.untrusted import visible

BATCH_VERSION = "2025-03-26"
"""The one version with batches (https://modelcontextprotocol.io/specification/2025-03-26/basic#batching)."""
RequestId = str | int | float | None
IsWriteTool = Callable[[str], bool]
"""Returns whether the tool of this name writes."""

_TOO_DEEP = "This message is nested too deeply."
_MAX_SCANNED_CHARS = 64 * 1024
_part = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_id_at_the_end = re.compile(r'[{,]\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]{1,18})\s*\}\s*$')
_surrogate = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class ParsedMessage:
    """A message for the SDK, and its text."""

    text: str
    message: JSONRPCMessage


@dataclass(frozen=True)
class ErrorReply:
    """The error that answers what is no message."""

    code: int
    message: str
    id: RequestId = None
    ends: ParsedMessage | None = None
    """A reply that ends the server's request of this id: what was no message may have been the reply to it."""

    def to_json(self) -> str:
        """Return the response as one line of ASCII, which can repeat any id."""
        error = {"code": self.code, "message": self.message}
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "error": error}, separators=(",", ":"))


@dataclass(frozen=True)
class Batch:
    """Several messages in one line, as JSON values."""

    elements: list[Any]


def read_line(line: Line, writes: IsWriteTool) -> ParsedMessage | ErrorReply | Batch | None:
    """Return the content of a line; None for an empty line or an unreadable reply without an id."""
    # Bytes that are no UTF-8 become surrogates, which are dealt with as those that stand in the text.
    text = line.start.decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
    if line.is_cut:
        size = MAX_LINE_BYTES // 1024 // 1024
        found = _find_id(text) or _find_id_at_end(line.tail.decode("utf-8", "replace"))
        return ErrorReply(INVALID_REQUEST, f"This message is longer than {size} MB.", found)
    if not text:
        return None
    return _read_message(text, writes) or _read_text(text, writes)


def _read_message(text: str, writes: IsWriteTool) -> ParsedMessage | None:
    """Return a message that needs no closer look: the usual case, in which the text is read once."""
    try:
        # By the names on the wire, as the SDK reads: its models take those of Python, too.
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return None
    # A request with an invalid id would be read as a notification, and never be answered; a reply may be a yes.
    is_usual = isinstance(message, JSONRPCRequest) and not _is_write(message.method, message.params, writes)
    return ParsedMessage(text, message) if is_usual else None


def _read_text(text: str, writes: IsWriteTool) -> ParsedMessage | ErrorReply | Batch | None:
    doubles: list[str] = []
    try:
        value = json.loads(text, object_pairs_hook=partial(_read_pairs, doubles))
    except (ValueError, RecursionError):
        found = _find_id(text)
        # A request is cut off behind its method, which hosts write before what is long.
        ends = None if '"method"' in text else _replace_reply({"id": found})
        return ErrorReply(PARSE_ERROR, "This message is not JSON.", found, ends)
    refusal = _refuse_doubles(value, doubles, writes)
    if refusal is not None:
        return _replace_reply(value) if _is_reply(value) else refusal
    return Batch(value) if isinstance(value, list) else read_value(value, writes)


def _refuse_doubles(value: Any, doubles: list[str], writes: IsWriteTool) -> ErrorReply | None:
    if not doubles or not (isinstance(value, list) or _is_reply(value) or _is_write_call(value, writes)):
        return None
    said = f"The name {visible(doubles[0], 40)} stands twice in one object. Nothing was sent. Write it once."
    return ErrorReply(INVALID_PARAMS, said, _read_id(value))


def _read_pairs(doubles: list[str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, and note a name that it has twice."""
    read = dict(pairs)
    if len(read) != len(pairs) and not doubles:
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        doubles.append(name)
    return read


def read_value(value: Any, writes: IsWriteTool) -> ParsedMessage | ErrorReply | None:
    """Return the message of a JSON value; None for an unreadable reply without an id."""
    if not isinstance(value, dict):
        return ErrorReply(INVALID_REQUEST, "A message is a JSON object.")
    try:
        return _read_object(value, writes)
    except RecursionError:
        return ErrorReply(INVALID_REQUEST, _TOO_DEEP, _read_id(value))


def _read_object(value: dict[str, Any], writes: IsWriteTool) -> ParsedMessage | ErrorReply | None:
    whole = _replace_surrogates(value)
    # A replaced character in a name or note would be written into the ERP.
    if whole != value and _is_write_call(whole, writes):
        said = "The text holds half a character (a lone UTF-16 surrogate) or bytes that are no UTF-8."
        said += " Nothing was sent. Write it without."
        return ErrorReply(INVALID_PARAMS, said, _read_id(value))
    for holder, name in ((whole, "id"), (whole.get("params"), "requestId")):
        if isinstance(holder, dict) and isinstance(holder.get(name), float) and holder[name].is_integer():
            holder[name] = int(holder[name])  # in JSON, 1.0 and 1 are the same number
    passed = _parse(whole) if _read_id(value) == whole.get("id") else None
    if passed is not None and ("id" not in whole or not isinstance(passed.message, JSONRPCNotification)):
        return passed
    if _is_reply(value):
        return _replace_reply(value)
    ends = None if "method" in value else _replace_reply(value)
    return ErrorReply(INVALID_REQUEST, _describe_fault(value), _read_id(value), ends)


def end_replies(elements: list[Any]) -> list[ParsedMessage]:
    """Return what ends the server's requests to which a batch that is refused holds the replies."""
    return [ends for one in elements if _is_reply(one) and (ends := _replace_reply(one)) is not None]


def _parse(value: dict[str, Any]) -> ParsedMessage | None:
    text = json.dumps(value)
    try:
        return ParsedMessage(text, jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValidationError:
        return None


def _replace_reply(value: dict[str, Any]) -> ParsedMessage | None:
    """Return an error reply in the place of an unreadable one, so that the waiting request ends."""
    error = {"code": INVALID_REQUEST, "message": "The client's reply could not be read."}
    return _parse({"jsonrpc": "2.0", "id": _read_id(value), "error": error}) if _read_id(value) is not None else None


def _is_reply(value: Any) -> bool:
    return isinstance(value, dict) and "method" not in value and ("result" in value or "error" in value)


def _is_write_call(value: Any, writes: IsWriteTool) -> bool:
    return isinstance(value, dict) and _is_write(value.get("method"), value.get("params"), writes)


def _is_write(method: Any, params: Any, writes: IsWriteTool) -> bool:
    name = params.get("name") if isinstance(params, dict) else None
    return method == "tools/call" and isinstance(name, str) and writes(name)


def _replace_surrogates(value: Any) -> Any:
    """Return a JSON value with U+FFFD for every half of a surrogate pair, also in keys."""
    if isinstance(value, str):
        return _surrogate.sub("\ufffd", value)
    if isinstance(value, list):
        return [_replace_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(one) for key, one in value.items()}
    return value


def _describe_fault(value: dict[str, Any]) -> str:
    if value.get("jsonrpc") != "2.0":
        return 'A message has "jsonrpc": "2.0".'
    if not isinstance(value.get("method"), str):
        return "A message has a method, which is text."
    if "params" in value and not isinstance(value["params"], dict | None):
        return "The params are an object."
    return _TOO_DEEP if "id" not in value or _is_id(value["id"]) else "The id is text or a whole number."


def _is_id(value: Any) -> bool:
    return _surrogate.search(value) is None if isinstance(value, str) else type(value) is int


def _read_id(value: Any) -> RequestId:
    # `type` and not isinstance: true is an int to Python, and no id to a client.
    found = value.get("id") if isinstance(value, dict) else None
    is_number = type(found) is int or (isinstance(found, float) and isfinite(found))
    return found if isinstance(found, str) or is_number else None


def _find_id(text: str) -> RequestId:
    """Return the id of an object that is no valid JSON, if it stands at the top level of its first 64 kB."""
    depth = 0
    last = ("", "", "")
    for part in _part.findall(text[:_MAX_SCANNED_CHARS]):
        if depth == 1 and last[0] in ("{", ",") and last[1:] == ('"id"', ":"):
            return _read_scalar(part)
        depth += (part in "{[") - (part in "}]")
        last = (*last[1:], part)
    return None


def _find_id_at_end(tail: str) -> RequestId:
    found = _id_at_the_end.search(tail)
    return _read_scalar(found[1]) if found else None


def _read_scalar(text: str) -> RequestId:
    try:
        return _read_id({"id": json.loads(text)})
    except ValueError:
        return None
