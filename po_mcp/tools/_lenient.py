"""Reading of arguments as hosts and models send them, before validation. Pure.

The published schemas are strict and simple. Arguments often have the right meaning and a wrong type, and if the
host changed the type, the model cannot do better on its next try. These variants are accepted, and no others:
"true" and "false", whole numbers as text or as 10.0, an integer for an id, code or number, null for an optional
argument, an empty text for some optional arguments, a fixed word in any case, and lines as JSON text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from po_mcp.desk.catalog import Kind

HOST_ARGUMENTS = frozenset({"wait_for_previous", "toolCallId"})
"""Arguments that hosts add to every call: Gemini CLI the first (google-gemini/gemini-cli#27403), n8n the second
(n8n-io/n8n#21500). They are dropped at the top level; every other unknown argument is refused."""

_OMITTED_WHEN_EMPTY = frozenset(
    {
        "note",
        "status",
        "create_backorder",
        "expected_on",
        "operation_id",
        "sort",
        "direction",
        "detail",
        "limit",
    }
)
"""Optional arguments that an empty text leaves out. An empty vendor, number, price or cursor is refused: it could
mean another order."""

_ENTRY_ARGUMENTS = frozenset({"vendor", "number", "text", "item", "warehouse"})
"""Arguments that may be an id or a code of digits, which models send as a JSON number."""
_KINDS: Mapping[str, Kind] = {"vendor": "vendor", "item": "item", "warehouse": "warehouse"}
_MAX_EXACT_INTEGER = 10**15
"""A larger JSON number may have been rounded on its way: JavaScript hosts have 53 bits."""
_whole = re.compile(r"([0-9]{1,15})(\.0+)?", re.ASCII)


@dataclass(frozen=True)
class SentAsNumber:
    """An id or code that came as a JSON number, which has no leading zeros: `7` may have been `007`."""

    kind: Kind
    place: str
    digits: str


@dataclass
class Arguments:
    """The arguments to validate, and the ids and codes that came as JSON numbers."""

    values: dict[str, Any]
    numbers: list[SentAsNumber] = field(default_factory=list)


def read_arguments(given: Mapping[str, Any], schema: Mapping[str, Any]) -> Arguments:
    """Return the arguments with the types of the schema where the meaning is certain; other values stay unchanged.

    Args:
        given: the arguments of the call.
        schema: the tool's published input schema.
    """
    read = Arguments({})
    # Dropped and not refused: the model did not write them, and could not leave them out.
    sent = {name: value for name, value in given.items() if name not in HOST_ARGUMENTS}
    read.values = _read_object(sent, schema, "", read.numbers)
    return read


def _read_object(given: Mapping[str, Any], schema: Mapping[str, Any], place: str, numbers: list[SentAsNumber]) -> Any:
    properties = schema["properties"]
    read = {}
    for name, value in given.items():
        # Strict hosts make every argument required and send null for the ones that the model leaves out.
        if name in properties and (value is None or (value == "" and name in _OMITTED_WHEN_EMPTY)):
            continue
        read[name] = _read_value(name, value, properties.get(name, {}), f"{place}{name}", numbers)
    return read


def _read_value(name: str, value: Any, schema: Mapping[str, Any], place: str, numbers: list[SentAsNumber]) -> Any:
    types = schema.get("type", ())
    if "boolean" in types:
        return _read_boolean(value)
    if "integer" in types:
        return _read_integer(value)
    if "array" in types:
        return _read_list(value, schema["items"], place, numbers)
    if words := _find_words(schema):
        return _read_word(value, words)
    # `type` and not isinstance: true is an int to Python, and no id.
    if name in _ENTRY_ARGUMENTS and type(value) is int and 0 <= value < _MAX_EXACT_INTEGER:
        if name in _KINDS:
            numbers.append(SentAsNumber(_KINDS[name], place, str(value)))
        return str(value)
    return value


def _find_words(schema: Mapping[str, Any]) -> Sequence[str]:
    """Return the fixed words that an argument takes; none if it takes any text."""
    return next((one["enum"] for one in (schema, *schema.get("anyOf", ())) if "enum" in one), ())


def _read_word(value: Any, words: Sequence[str]) -> Any:
    """Return the word that was sent in another case."""
    # In another case and no other spelling: what is nearly a word may be another one.
    found = [word for word in words if isinstance(value, str) and word.casefold() == value.casefold()]
    return found[0] if len(found) == 1 else value


def _read_boolean(value: Any) -> Any:
    # No "yes" or "1": they are not what any host makes of a boolean, so they mean something else.
    words = {"true": True, "false": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


def _read_integer(value: Any) -> Any:
    # Hosts in languages with one kind of number write 10 as 10.0.
    if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_EXACT_INTEGER:
        return int(value)
    written = _whole.fullmatch(value) if isinstance(value, str) else None
    return int(written[1]) if written else value


def _read_list(value: Any, schema: Mapping[str, Any], place: str, numbers: list[SentAsNumber]) -> Any:
    """Return a list that came as JSON text, whole or by element, or as its single element."""
    # Some hosts send a list of one element as that element.
    found = _decode(value)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        return value
    elements = [_decode(element) for element in found]
    return [
        _read_object(element, schema, f"{place}.{at}.", numbers) if isinstance(element, dict) else element
        for at, element in enumerate(elements)
    ]


def _decode(value: Any) -> Any:
    """Return the list or object of a JSON text, encoded once or twice; other values unchanged."""
    found = value
    # Some hosts encode a list that the model has encoded as text already.
    for _ in range(2):
        if isinstance(found, str):
            try:
                found = json.loads(found, object_pairs_hook=_refuse_duplicate_keys)
            except (ValueError, RecursionError):
                return value
    return found if isinstance(found, list | dict) else value


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    # JSON allows a key twice, and Python would take the last: a quantity must not depend on that.
    if len(read) != len(pairs):
        raise ValueError("duplicate key")
    return read
