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
    """Return the members of one entry, None where it is not there.

    A member is a scalar, a list or a mapping of scalars; one in another form is its lines.
    """
    lines = text.splitlines()
    span = _entry(lines, section, name)
    if span is None:
        return None
    return {member: _member(lines[start:end]) for member, (start, end) in _members(lines, *span).items()}


def put(text: str, section: str, name: str, value: Mapping[str, Any]) -> str:
    """Return the text with the entry; the lines of a member that stays as it is are not touched."""
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
    indent = _indent(lines, head)
    start, end = _entry(lines, section, name) or (head[1], head[1])
    members = _members(lines, start, end)
    first = min((at for at, _ in members.values()), default=end)
    written = lines[start:first] or [f"{indent}{name}:"]
    inner = _blanks(lines[first]) if members else f"{indent}  "
    for key, one in value.items():
        at, to = members.get(key, (0, 0))
        # JSON's values are YAML's too, so no quoting of YAML's own has to be got right.
        is_kept = key in members and _member(lines[at:to]) == one
        written += lines[at:to] if is_kept else [f"{inner}{key}: {json.dumps(one, ensure_ascii=False)}"]
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
    # A line that is no key at the left edge could belong to a text of many lines, in which a key is no key.
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
    # Comments at the left edge may stand within a block; they end none.
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


def _members(lines: list[str], start: int, end: int) -> dict[str, tuple[int, int]]:
    """Return where each member of an entry begins and ends; a block below a name is the member's."""
    inner = next((_blanks(line) for line in lines[start + 1 : end] if _NAME.match(line)), "")
    found: dict[str, tuple[int, int]] = {}
    to = end
    for at in range(end - 1, start, -1):
        match = _NAME.match(lines[at])
        if match is not None and match[1] == inner:
            found[_name(match)] = (at, to)
            to = at
    return dict(reversed(found.items()))


def _member(lines: list[str]) -> Any:
    """Return the value of a member, given its lines."""
    text = lines[0][_match_name(lines[0]).end() :].strip()
    block = [line.strip() for line in lines[1:] if line.strip() and not line.lstrip().startswith("#")]
    if not block:
        return _scalar(text)
    names = [_NAME.match(line) for line in block]
    # A value of several lines, or a block in a block, is compared by its lines: its meaning is not needed.
    if text or len({_blanks(line) for line in lines[1:] if line.strip() in block}) > 1:
        return "\n".join([text, *block])
    if all(line.startswith("- ") for line in block):
        return [_scalar(line[2:].strip()) for line in block]
    if all(names):
        return {
            _name(match): _scalar(line[match.end() :].strip())
            for match, line in zip(names, block, strict=True)
            if match is not None
        }
    return "\n".join(block)


def _blanks(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


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
