"""JSON schemas as pydantic makes them, without what a model does not need: they are read in every chat."""

from __future__ import annotations

from typing import Any


def slim(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without titles, null alternatives and null defaults.

    A property that may be null is one that may be left out, and that is said by `required`.
    """
    kept = {key: value for key, value in schema.items() if key != "title" and (key != "default" or value is not None)}
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: slim(inner) for name, inner in kept[key].items()}
    if "items" in kept:
        kept["items"] = slim(kept["items"])
    if "anyOf" in kept:
        kept |= _one_of(kept.pop("anyOf"))
    return kept


def _one_of(alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    real = [slim(alternative) for alternative in alternatives if alternative != {"type": "null"}]
    return real[0] if len(real) == 1 else {"anyOf": real}
