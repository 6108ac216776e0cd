"""TOML, as Codex and po-mcp itself keep it, changed in place: one table, or one top-level key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(#.*)?$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class NotReadable(ValueError):
    """The text is not TOML, or keeps the table in a form that is not changed here."""


def read(text: str) -> dict[str, Any]:
    """Return the document."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        line = re.search(r"line (\d+)", str(exc))
        # Not tomllib's own message, which can quote the line, and with it a secret.
        raise NotReadable(f"line {line[1]}: not valid TOML" if line else "not valid TOML") from None


def put(text: str, path: Sequence[str], value: Mapping[str, Any]) -> str:
    """Return the text with the table `path` holding `value`; its sub-tables stay."""
    lines = text.splitlines(keepends=True)
    # A key that is a table of its own already may not be given once more as a line: TOML refuses a file with both.
    apart = {name for name in value if _table(lines, (*path, name)) is not None}
    written = [
        f"[{_join(path)}]\n",
        *(f"{name} = {_value(one)}\n" for name, one in value.items() if name not in apart),
    ]
    span = _table(lines, path)
    if span is None:
        gap = "" if not text.strip() else "\n" if text.endswith("\n") else "\n\n"
        return text + gap + "".join(written)
    start, end = span
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1  # the blank lines before the next table stay
    # Comments are the person's: they stay, above the keys that are written again.
    comments = [line for line in lines[start + 1 : end] if line.lstrip().startswith("#")]
    return "".join([*lines[:start], written[0], *comments, *written[1:], *lines[end:]])


def remove(text: str, path: Sequence[str]) -> str:
    """Return the text without the table `path` and its sub-tables."""
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    inside = False
    for line in lines:
        name = _header(line)
        if name is not None:
            # A table below ours, such as its `env`, would else be left without the table that it is of.
            inside = name[: len(path)] == tuple(path)
        if not inside:
            kept.append(line)
    return "".join(kept).rstrip("\n") + "\n" if "".join(kept).strip() else ""


def set_key(text: str, name: str, value: str | bool | float) -> str:
    """Return the text with one top-level key set; its line is replaced, or one is put before the first table."""
    # Behind a table's header a line is a key of that table.
    lines = text.splitlines(keepends=True)
    first = next((at for at, line in enumerate(lines) if _header(line) is not None), len(lines))
    written = f"{name} = {_value(value)}\n"
    for at in range(first):
        if re.match(rf"\s*{re.escape(name)}\s*=", lines[at]):
            return "".join([*lines[:at], written, *lines[at + 1 :]])
    if first and not lines[first - 1].endswith("\n"):
        lines[first - 1] += "\n"
    return "".join([*lines[:first], written, *lines[first:]])


def remove_key(text: str, name: str) -> str:
    """Return the text without the line of one top-level key."""
    lines = text.splitlines(keepends=True)
    first = next((at for at, line in enumerate(lines) if _header(line) is not None), len(lines))
    return "".join(
        line for at, line in enumerate(lines) if at >= first or not re.match(rf"\s*{re.escape(name)}\s*=", line)
    )


def _table(lines: Sequence[str], path: Sequence[str]) -> tuple[int, int] | None:
    """Return the first line of a table and the line after its last."""
    start = next((at for at, line in enumerate(lines) if _header(line) == tuple(path)), None)
    if start is None:
        return None
    end = next((at for at in range(start + 1, len(lines)) if _header(lines[at]) is not None), len(lines))
    return start, end


def _header(line: str) -> tuple[str, ...] | None:
    """Return the names of a table's header, None for any other line."""
    found = _HEADER.match(line.rstrip("\r\n"))
    if found is None:
        return None
    try:
        names: list[str] = []
        # Its names may be quoted and hold dots, which tomllib reads and a split would not.
        node: Any = tomllib.loads(f"[{found[1]}]")
        while node:
            ((name, node),) = node.items()
            names.append(name)
    except (tomllib.TOMLDecodeError, ValueError):
        return None
    return tuple(names)


def _join(path: Sequence[str]) -> str:
    return ".".join(name if _BARE.fullmatch(name) else json.dumps(name) for name in path)


def _value(value: object) -> str:
    """Return a TOML value. A JSON string is a TOML basic string, apart from DEL, which is escaped besides."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_join([name])} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, date | time):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
