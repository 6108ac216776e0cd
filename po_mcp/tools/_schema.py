"""The published JSON schemas: accepted by every model API, in few tokens.

Models read them in every chat, and hosts convert them for model APIs that support less than JSON Schema. So they
have no `$ref` (converters that drop `$defs` lose the schema of array items), no `format` (Gemini's API accepts
`enum` and `date-time` alone, https://ai.google.dev/api/caching#Schema, and `decimal` is no format of JSON Schema)
and no `additionalProperties` (Gemini's API does not support it). Validation does not depend on these schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_UNPUBLISHED = frozenset({"title", "format", "additionalProperties", "$defs"})
_REFERENCE = "#/$defs/"


def input_schema(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a tool's arguments.

    An argument that may be left out may be null, too: strict converters (OpenAI's strict mode) make every
    argument required, and without null a model would have to make one up.
    """
    return _make_optional_nullable(_reduce(schema, schema.get("$defs", {})))


def output_schema(schema: Mapping[str, Any], description: str) -> Schema:
    """Return the schema of a tool's result, without null: a value that is not known is absent.

    Args:
        schema: the schema that pydantic generates.
        description: replaces the models' docstrings, which are for developers.
    """
    return {**_reduce(schema, schema.get("$defs", {})), "description": description}


def _reduce(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Return the schema with references resolved, without null and without the unpublished keywords.

    A description beside a reference or beside alternatives is the parameter's own, and wins over the type's.
    That of an object is a model's docstring, which `PYTHONOPTIMIZE=2` removes, and is left out.
    """
    reduced = {key: value for key, value in schema.items() if key not in _UNPUBLISHED}
    # It goes without saying for an optional argument, and models would read it in every chat.
    if reduced.get("default", ...) is None:
        del reduced["default"]
    if "$ref" in reduced:
        inner = definitions[reduced.pop("$ref").removeprefix(_REFERENCE)]
        return {**_reduce(inner, definitions), **reduced}
    if "anyOf" in reduced:
        real = [_reduce(one, definitions) for one in reduced.pop("anyOf") if one != {"type": "null"}]
        return {**(real[0] if len(real) == 1 else {"anyOf": real}), **reduced}
    if "properties" in reduced:
        reduced.pop("description", None)
        reduced["properties"] = {name: _reduce(inner, definitions) for name, inner in reduced["properties"].items()}
    if "items" in reduced:
        reduced["items"] = _reduce(reduced["items"], definitions)
    return reduced


def _make_optional_nullable(schema: Schema) -> Schema:
    """Return the schema with null allowed for every property that is not required, at every depth."""
    if "items" in schema:
        return {**schema, "items": _make_optional_nullable(schema["items"])}
    if "properties" not in schema:
        return schema
    required = schema.get("required", [])
    properties = {name: _make_optional_nullable(inner) for name, inner in schema["properties"].items()}
    optional = {name: _make_nullable(inner) for name, inner in properties.items() if name not in required}
    return {**schema, "properties": {**properties, **optional}}


def _make_nullable(schema: Schema) -> Schema:
    """Return the schema with null allowed; beside an enum and not in it, because Gemini's API takes enums of text."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        own = {key: value for key, value in schema.items() if key in ("description", "default")}
        values = {key: value for key, value in schema.items() if key not in own}
        return {"anyOf": [values, {"type": "null"}], **own}
    return {**schema, "type": [schema["type"], "null"]}
