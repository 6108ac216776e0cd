"""YAML as Goose writes it: `extensions:` with one block mapping for each, changed in place.

Only block mappings are understood, since Goose writes no others; anything else is refused, and the person
gets the lines to put in by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"""( *)(?:"([^"]*)"|'([^']*)'|([^\s#:"'&*!|>{\[-][^:#]*?))\s*:(?:\s|$)""")


class NotReadable(ValueError):
    """The file keeps its entries in a form that is not changed here."""


def entry(text: str, section: str, name: str) -> dict[str, Any] | None:
    """Return the scalars and lists of one entry, as far as they are on one line; None where it is not there."""
    span = _entry(text.splitlines(), section, name)
    if span is None:
        return None
    start, end = span
    found: dict[str, Any] = {}
    for line in text.splitlines()[start + 1 : end]:
        match = _NAME.match(line)
        if match:
            found[_name(match)] = _scalar(line[match.end() :].strip())
    return found


def put(text: str, section: str, name: str, value: Mapping[str, Any]) -> str:
    """Return the text with the entry; what it held before is replaced."""
    lines = text.splitlines()
    _refuse_foreign(lines)
    head = _section(lines, section)
    if head is None:
        lines += [f"{section}:"]
        head = (len(lines) - 1, len(lines))
    # Goose writes an empty section so; a block below it would not be YAML.
    elif lines[head[0]].split(":", 1)[1].strip() == "{}":
        lines[head[0]] = f"{section}:"
    elif lines[head[0]].split(":", 1)[1].split("#")[0].strip() not in ("", "null", "~"):
        raise NotReadable(f"{section} is not a block of lines")
    span = _entry(lines, section, name)
    indent = _indent(lines, head)
    written = [
        f"{indent}{name}:",
        # JSON's values are YAML's too, so no quoting of YAML's own has to be got right.
        *(f"{indent}  {key}: {json.dumps(one, ensure_ascii=False)}" for key, one in value.items()),
    ]
    start, end = span if span is not None else (head[1], head[1])
    return "\n".join([*lines[:start], *written, *lines[end:]]) + "\n"


def remove(text: str, section: str, name: str) -> str:
    """Return the text without the entry; a section that it leaves empty becomes `{}`."""
    lines = text.splitlines()
    span = _entry(lines, section, name)
    if span is None:
        return text
    start, end = span
    del lines[start:end]
    head = _section(lines, section)
    # An empty block would be null, which Goose does not take for a mapping.
    if head is not None and not any(_NAME.match(line) for line in lines[head[0] + 1 : head[1]]):
        lines[head[0]] = f"{section}: {{}}"
    return "\n".join(lines) + "\n"


def has_section(text: str, section: str) -> bool:
    """Tell whether there is such a top-level key."""
    return _section(text.splitlines(), section) is not None


def remove_empty_section(text: str, section: str) -> str:
    """Return the text without a section that is `{}`."""
    return "".join(line for line in text.splitlines(keepends=True) if line.rstrip() != f"{section}: {{}}")


def _refuse_foreign(lines: list[str]) -> None:
    if any(
        line.startswith(("---", "...", "%", "{", "[")) or "\t" in line[: len(line) - len(line.lstrip())]
        for line in lines
        if line.strip() != "---" or line is not lines[0]
    ):
        raise NotReadable("it is not a plain block of YAML lines")
    for place, line in enumerate(lines):
        if not _is_plain(line) and not (line.startswith("- ") and any(map(_is_key, lines[:place]))):
            raise NotReadable(f"line {place + 1}: a name and a colon are expected")


def _is_plain(line: str) -> bool:
    return not line.strip() or line.startswith((" ", "#", "---")) or _is_key(line)


def _is_key(line: str) -> bool:
    """Tell whether a line is a top-level key whose value, if it begins with a bracket, ends on that line."""
    match = _NAME.match(line)
    if match is None or match[1]:
        return False
    value = line[match.end() :].split(" #")[0].strip()
    return not value.startswith(("[", "{")) or value.endswith(("]", "}"))


def _section(lines: list[str], section: str) -> tuple[int, int] | None:
    """Return the line of a top-level key, and the line after its block."""
    start = next((at for at, line in enumerate(lines) if re.match(rf"{re.escape(section)}\s*:(\s|$)", line)), None)
    if start is None:
        return None
    end = last = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end].startswith((" ", "#"))):
        end += 1
        if lines[end - 1].startswith(" ") and lines[end - 1].strip():
            last = end
    return start, last


def _entry(lines: list[str], section: str, name: str) -> tuple[int, int] | None:
    head = _section(lines, section)
    if head is None:
        return None
    indent = _indent(lines, head)
    names = [
        at for at in range(head[0] + 1, head[1]) if (match := _NAME.match(lines[at])) is not None and match[1] == indent
    ]
    start = next((at for at in names if _name(_match_name(lines[at])) == name), None)
    if start is None:
        return None
    end = next((at for at in names if at > start), head[1])
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1  # comments and blank lines before the next entry are its own
    return start, end


def _indent(lines: list[str], head: tuple[int, int]) -> str:
    """Return how the entries of a section are indented; two blanks where there are none."""
    return next((match[1] for line in lines[head[0] + 1 : head[1]] if (match := _NAME.match(line))), "  ")


def _match_name(line: str) -> re.Match[str]:
    match = _NAME.match(line)
    assert match is not None
    return match


def _name(match: re.Match[str]) -> str:
    return next(one for one in match.groups()[1:] if one is not None)


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("'\"") if text else None
