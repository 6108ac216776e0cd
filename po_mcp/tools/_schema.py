"""The JSON schemas that clients get: what every model API takes, in few tokens.

They are read in every chat, and converted by hosts for model APIs that know less than JSON Schema.
So nothing is referred to (`$ref` of array items is lost by converters that cut `$defs`), nothing is
said by `format` (Gemini's API takes `enum` and `date-time` alone, https://ai.google.dev/api/caching#Schema,
and `decimal` is no format of JSON Schema) or by `additionalProperties` (Gemini's API does not know it).
The server checks arguments itself: what it refuses does not depend on what is published.
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
    """Return the schema of a tool's result. Null is never published: what is not known is absent.

    Args:
        schema: as pydantic makes it.
        description: in the place of the models' docstrings, which are for developers.
    """
    return {**_reduce(schema, schema.get("$defs", {})), "description": description}


def _reduce(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Return the schema with references replaced by what they refer to, without null and what is not said.

    A description beside a reference or beside alternatives is the parameter's own, and wins over the type's.
    That of an object is a model's docstring, which `PYTHONOPTIMIZE=2` removes, and is left out.
    """
    reduced = {key: value for key, value in schema.items() if key not in _UNPUBLISHED}
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
    """Let every property that is not required be null, at every depth."""
    if "items" in schema:
        return {**schema, "items": _make_optional_nullable(schema["items"])}
    if "properties" not in schema:
        return schema
    required = schema.get("required", [])
    properties = {name: _make_optional_nullable(inner) for name, inner in schema["properties"].items()}
    optional = {name: _make_nullable(inner) for name, inner in properties.items() if name not in required}
    return {**schema, "properties": {**properties, **optional}}


def _make_nullable(schema: Schema) -> Schema:
    """Let a value be null. An enum stands beside null and not with it: Gemini's API takes enums of text alone."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        own = {key: value for key, value in schema.items() if key in ("description", "default")}
        values = {key: value for key, value in schema.items() if key not in own}
        return {"anyOf": [values, {"type": "null"}], **own}
    return {**schema, "type": [schema["type"], "null"]}
