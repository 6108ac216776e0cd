"""Texts on wrong arguments, for a model: which are wrong and how to write them, never the given values.

The values stay out because they may be hostile text from an ERP that the model passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from po_mcp.untrusted import visible

_MAX_FAULTS = 8
_NOT_VALID = "is not valid"

_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be an object with item and quantity",
    "model_attributes_type": "must be an object with item and quantity",
    "dict_type": "must be an object",
}
"""Words by the type of pydantic's error (https://docs.pydantic.dev/latest/errors/validation_errors/).

Other types are "is not valid".
"""

_WORDS_OF_PARAMS: Mapping[str, str] = dict.fromkeys(("model_type", "model_attributes_type"), "must be an object")

_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than_equal": ("must be at most {}", "le"),
    "literal_error": ("must be one of {}", "expected"),
    "string_too_long": ("is too long ({} at most)", "max_length"),
    "too_long": ("has too many entries ({} at most)", "max_length"),
}
"""Words with a limit, and the name of that limit in pydantic's context."""

_PATTERNS: Mapping[str, str] = {"operation_id": "must be an operation_id, as an earlier outcome gave it"}


def describe_faults(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """Return a sentence on each wrong argument, at most eight, with how to write it.

    Args:
        error: pydantic's error on the arguments.
        schema: the tool's published input schema.
    """
    found = error.errors(include_url=False)
    faults = [f"{_name_argument(fault['loc'])}: {_describe_fault(fault, schema)}" for fault in found[:_MAX_FAULTS]]
    more = f"; and {len(found) - _MAX_FAULTS} more" if len(found) > _MAX_FAULTS else ""
    said = f"{'; '.join(faults)}{more}. Nothing was sent."
    # The list of arguments helps a model that made a name up.
    has_unknown = any(fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1 for fault in found)
    return f"{said} Arguments: {', '.join(schema['properties'])}." if has_unknown else said


def describe_params(error: ValidationError) -> str:
    """Return which params of a request are wrong, at most eight, and what they must be."""
    faults: dict[str, str] = {}
    for fault in error.errors(include_url=False):
        place = fault["loc"][1:] if fault["loc"][:1] == ("params",) else fault["loc"]
        named = [str(part) for part in place[:2] if _is_param_name(part)]
        words = {**_WORDS, **_WORDS_OF_PARAMS}.get(fault["type"], _NOT_VALID)
        # Deeper places name the SDK's classes, and there may be several for one fault.
        faults.setdefault(visible(".".join(named), 80) or "params", words if len(named) == len(place) else _NOT_VALID)
    return "; ".join(f"{name} {words}" for name, words in [*faults.items()][:_MAX_FAULTS])


def _is_param_name(part: int | str) -> bool:
    """Tell a name from the SDK's classes, and from the types of a union, which stand in a place beside names."""
    return isinstance(part, str) and not part[:1].isupper() and part not in ("int", "str", "float")


def _name_argument(loc: tuple[int | str, ...]) -> str:
    """Return the name of an argument; lines are counted from 1, as people do."""
    if not loc:  # a name that is no text: pydantic names none then
        return "arguments"
    parts = [f"line {part + 1}" if isinstance(part, int) else str(part) for part in loc]
    if len(parts) > 1 and loc[0] == "lines":
        parts = parts[1:]
    return visible(" ".join(parts), 80)


def _describe_fault(fault: Any, schema: Mapping[str, Any]) -> str:
    kind, context, name = fault["type"], fault.get("ctx", {}), str(fault["loc"][-1]) if fault["loc"] else ""
    if kind == "extra_forbidden":
        return "unknown argument, leave it out"
    # Hosts send an empty text for a field that their form left empty.
    if isinstance(fault["input"], str) and not fault["input"].strip():
        return "is empty; give it" if _is_required(fault["loc"], schema) else "is empty; give it or leave it out"
    if kind == "too_short":
        return "needs at least one line"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(name, _NOT_VALID)
    if kind == "value_error":
        # Words of our own validators, which never hold the value.
        return str(fault["msg"]).removeprefix("Value error, ")
    if kind in _LIMITS:
        # with a validator before the length check, pydantic reports a long text as a list that is too long
        words, limit = _LIMITS["string_too_long" if isinstance(fault["input"], str) and kind == "too_long" else kind]
        return words.format(_list_values(str(context[limit])))
    return _WORDS.get(kind, _NOT_VALID)


def _list_values(values: str) -> str:
    """Return pydantic's list of expected values, `'asc' or 'desc'`, as plain words."""
    return values.replace("'", "").replace(" or ", ", ")


def _is_required(loc: tuple[int | str, ...], schema: Mapping[str, Any]) -> bool:
    inner = schema
    for part in loc[:-1]:
        inner = inner["items"] if isinstance(part, int) else inner["properties"][part]
    return bool(loc) and loc[-1] in inner.get("required", ())
