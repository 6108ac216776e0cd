"""JSON with comments and trailing commas, as VS Code and Zed keep it, changed in place.

Only the one entry is touched; comments, order and indentation of everything else stay. What was made is read
again by the caller (`hosts.change`), who refuses it unless nothing but the entry differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"[^\s,:{}\[\]\"/]+")
_SKIPPED = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REMARK = re.compile(r"(?:[ \t]*(?://[^\n]*|/\*(?:(?!\*/)[^\n])*\*/)(?=[ \t]*(?:\n|$)))?")
# No host nests its settings deeper than a handful.
_MAX_DEPTH = 100


class NotReadable(ValueError):
    """The text is not JSON with comments. The message says where, without any of the text."""


@dataclass(frozen=True)
class Member:
    """One name of an object, with the places where it begins, and where its value begins and ends."""

    name: str
    start: int
    value: Node


@dataclass(frozen=True)
class Node:
    """A value, with the places where it begins and ends in the text."""

    start: int
    end: int
    value: Any
    members: list[Member] = field(default_factory=list)

    def member(self, name: str) -> Member | None:
        """Return the last member of that name, which is the one that counts."""
        return next((member for member in reversed(self.members) if member.name == name), None)


def read(text: str) -> Any:
    """Return the value of a text; an empty text is an empty object."""
    return _tree(text).value


def put(text: str, path: Sequence[str], value: Mapping[str, Any]) -> str:
    """Return the text with `value` at `path`, whose objects are made where they are missing."""
    tree = _tree(text)
    if not text.strip() or tree.start == tree.end:
        ending = "" if not text or text.endswith("\n") else "\n"  # a comment without an end of line would take it in
        return text + ending + _write(_nest(path, value), "") + "\n"
    return _put_in(text, tree, path, value, "")


def remove(text: str, path: Sequence[str]) -> str:
    """Return the text without what is at `path`, if it is there."""
    node = _tree(text)
    for name in path[:-1]:
        member = node.member(name)
        if member is None:
            return text
        node = member.value
    found = node.member(path[-1])
    return text if found is None else _without(text, node, found)


def _put_in(text: str, node: Node, path: Sequence[str], value: Mapping[str, Any], indent: str) -> str:
    if not isinstance(node.value, dict):
        raise NotReadable("an object is expected where the servers are listed")
    member = node.member(path[0])
    if member is None:
        return _add(text, node, path[0], _nest(path[1:], value), indent)
    inner = _indent_at(text, member.start)
    if len(path) > 1:
        return _put_in(text, member.value, path[1:], value, inner)
    return text[: member.value.start] + _write(value, inner) + text[member.value.end :]


def _add(text: str, node: Node, name: str, value: Any, indent: str) -> str:
    """Return the text with one more member at the end of an object."""
    step = _step(text)
    if node.members:
        return _add_after(text, node.members[-1], name, value)
    outer = _indent_at(text, node.start) or indent
    inner = outer + step
    kept = text[node.start + 1 : node.end - 1].rstrip()  # an object that holds comments alone
    written = f"{json.dumps(name)}: {_write(value, inner)}"
    return f"{text[: node.start + 1]}{kept}\n{inner}{written}\n{outer}{text[node.end - 1 :]}"


def _add_after(text: str, last: Member, name: str, value: Any) -> str:
    """Return the text with one more member after the last, below the comment that the last has on its line."""
    # As the members above it, whatever the file indents by.
    inner = _indent_at(text, last.start)
    written = f"\n{inner}{json.dumps(name)}: {_write(value, inner)}"
    # The comma can stand behind a comment.
    after = _SKIPPED.match(text, last.value.end)
    assert after is not None
    has_comma = text[after.end() : after.end() + 1] == ","
    comma = after.end() + 1 if has_comma else last.value.end
    remark = _REMARK.match(text, comma)
    assert remark is not None
    place = remark.end()
    return (
        f"{text[:comma]}{'' if has_comma else ','}{text[comma:place]}{written}{',' if has_comma else ''}{text[place:]}"
    )


def _without(text: str, node: Node, found: Member) -> str:
    """Return the text without a member, its comma, and the line that it leaves empty."""
    start, end = found.start, found.value.end
    after = _SKIPPED.match(text, end)
    assert after is not None
    if text[after.end() : after.end() + 1] == ",":
        end = after.end() + 1
    elif found is not node.members[0]:
        # Behind the new last member its comma would be a trailing one, which plain JSON does not have.
        before = node.members[node.members.index(found) - 1].value.end
        comma = _SKIPPED.match(text, before)
        assert comma is not None
        text = text[: comma.end()] + text[comma.end() + 1 :]
        end -= 1
        start = len(text[: start - 1].rstrip(" \t"))
    # A line that held the member alone goes with it; other members of its line stay where they are.
    line = text[text.rfind("\n", 0, start) + 1 : start]
    if not line.strip() and len(line) < start:
        start -= len(line) + 1
    return text[:start] + text[end:]


def _nest(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _write(value: Any, indent: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{indent}")


def _indent_at(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _step(text: str) -> str:
    """Return how the text indents: its first indented line's blanks, else two."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _tree(text: str) -> Node:
    reader = _Reader(text)
    start = reader.skip(0)
    if start == len(text):
        return Node(start, start, {})
    node = reader.value(start, 0)
    if reader.skip(node.end) != len(text):
        raise NotReadable(reader.where("more text than one value", node.end))
    return node


class _Reader:
    """Reads one value after the other and keeps where each begins and ends."""

    def __init__(self, text: str) -> None:
        self._text = text

    def where(self, what: str, place: int) -> str:
        return f"line {self._text.count(chr(10), 0, place) + 1}: {what}"

    def skip(self, place: int) -> int:
        found = _SKIPPED.match(self._text, place)
        assert found is not None
        return found.end()

    def value(self, place: int, depth: int) -> Node:
        # Python's own limit would end the program with a traceback in place of a sentence.
        if depth > _MAX_DEPTH:
            raise NotReadable(self.where("nested too deeply", place))
        match self._text[place : place + 1]:
            case "{":
                return self._object(place, depth)
            case "[":
                return self._array(place, depth)
            case '"':
                return self._string(place)
        return self._scalar(place)

    def _object(self, start: int, depth: int) -> Node:
        members: list[Member] = []
        place = self.skip(start + 1)
        while self._text[place : place + 1] != "}":
            name = self._string(place)
            colon = self.skip(name.end)
            if self._text[colon : colon + 1] != ":":
                raise NotReadable(self.where("a colon is missing", colon))
            value = self.value(self.skip(colon + 1), depth + 1)
            members.append(Member(name.value, place, value))
            place = self._next(value.end, "}")
        return Node(start, place + 1, {member.name: member.value.value for member in members}, members)

    def _array(self, start: int, depth: int) -> Node:
        values: list[Any] = []
        place = self.skip(start + 1)
        while self._text[place : place + 1] != "]":
            value = self.value(place, depth + 1)
            values.append(value.value)
            place = self._next(value.end, "]")
        return Node(start, place + 1, values)

    def _next(self, place: int, closing: str) -> int:
        """Return where the next member begins, or the closing bracket stands."""
        place = self.skip(place)
        if self._text[place : place + 1] == ",":
            return self.skip(place + 1)
        if self._text[place : place + 1] != closing:
            raise NotReadable(self.where(f"a comma or {closing} is missing", place))
        return place

    def _string(self, start: int) -> Node:
        found = _STRING.match(self._text, start)
        if found is None:
            raise NotReadable(self.where("text in quotes is expected", start))
        return Node(start, found.end(), self._load(found[0], start))

    def _scalar(self, start: int) -> Node:
        found = _SCALAR.match(self._text, start)
        if found is None:
            raise NotReadable(self.where("a value is missing", start))
        return Node(start, found.end(), self._load(found[0], start))

    def _load(self, text: str, start: int) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            # Without the cause: its message quotes the text.
            raise NotReadable(self.where("not a JSON value", start)) from None
