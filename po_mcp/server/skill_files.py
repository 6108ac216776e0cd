"""Skills on disk: folders with a SKILL.md, as https://agentskills.io/specification has them. Nothing here knows MCP.

The frontmatter is read as the part of YAML that every reader understands alike: `key: text` lines, and one level of
`key: text` below a key. A host compares it field by field with its own reading, so whatever could be read in two ways
is refused, with what to write.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

MAIN = "SKILL.md"
MAX_FILES = 512
MAX_BYTES = 16 * 1024 * 1024
"""The limits up to which every host must take a skill."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FIELD = re.compile(r"( *)([A-Za-z0-9_.-]+):(?: +(.*?))? *")
_NOT_PLAIN = re.compile(
    r"""^[\[\]{}&*!|>%@`"'#,?]|^[-?:](?=\s|$)|:\s|:$|\s\#   # begins or holds what YAML reads as a sign
    | ^[-+.]?[\d_]*\.?[\d_]+([eE][-+]?\d+)?$|^0[xob][\da-fA-F_]+$|^\d{4}-\d\d?-\d\d?|^\d+(:\d+)+   # numbers, dates
    | ^(?i:true|false|yes|no|on|off|y|n|null|~|[-+]?\.inf|\.nan)$   # words that are no text
    """,
    re.VERBOSE,
)


class SkillNotRead(ValueError):
    """A folder is no skill that can be served; the text says why."""


@dataclass(frozen=True)
class SkillFile:
    """A file of a skill: its address, and where it is."""

    uri: str
    path: Path


@dataclass(frozen=True)
class SkillFolder:
    """A skill: its folder, and the frontmatter of its SKILL.md."""

    path: Path
    frontmatter: dict[str, Any]

    @property
    def name(self) -> str:
        """The name, which is the folder's."""
        return self.path.name

    @property
    def uri(self) -> str:
        """The address of its SKILL.md."""
        return f"skill://{self.name}/{MAIN}"

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities of an ERP without which it is of no use."""
        metadata = self.frontmatter.get("metadata")
        return frozenset(metadata.get("po-mcp-needs", "").split() if isinstance(metadata, dict) else ())

    def files(self) -> list[SkillFile]:
        """Return its files, SKILL.md first; names that begin with a dot are left out.

        Raises:
            SkillNotRead: there are too many, or one lies elsewhere.
        """
        root = self.path.resolve()
        found = []
        for path in sorted(self.path.rglob("*"), key=lambda one: (one != self.path / MAIN, one.as_posix())):
            name = path.relative_to(self.path)
            if not path.is_file() or any(part.startswith(".") for part in name.parts):
                continue
            if not path.resolve().is_relative_to(root):
                raise SkillNotRead(f"{name} is a link to a file outside of the folder")
            found.append(SkillFile(f"skill://{self.name}/{quote(name.as_posix())}", path))
        if len(found) > MAX_FILES or sum(file.path.stat().st_size for file in found) > MAX_BYTES:
            raise SkillNotRead(f"it has more than {MAX_FILES} files or 16 MiB")
        return found

    def entry(self) -> dict[str, Any]:
        """Return what `skills/list` tells of it, from the files as they are now.

        Raises:
            SkillNotRead: it cannot be read any more.
        """
        try:
            contents = [(file.uri, file.path.read_bytes()) for file in self.files()]
        except OSError as exc:
            raise SkillNotRead(f"a file cannot be read ({type(exc).__name__})") from exc
        resources = [
            {"uri": uri, "digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
            for uri, data in contents
        ]
        main = dict(contents).get(self.uri, b"")
        return {"uri": self.uri, "frontmatter": read_frontmatter(main, self.name), "resources": resources}


def find_skills(folder: Path) -> Iterator[SkillFolder | tuple[Path, SkillNotRead]]:
    """Yield the skill of every folder below this one that has a SKILL.md, or why it is none."""
    try:
        found = sorted(path.parent for path in folder.glob(f"*/{MAIN}"))
    except OSError:
        return
    for path in found:
        try:
            skill = SkillFolder(path, read_frontmatter((path / MAIN).read_bytes(), path.name))
            skill.files()
        except OSError as exc:
            yield path, SkillNotRead(f"a file cannot be read ({type(exc).__name__})")
        except SkillNotRead as exc:
            yield path, exc
        else:
            yield skill


def read_frontmatter(data: bytes, name: str) -> dict[str, Any]:
    """Return the frontmatter of a SKILL.md whose folder has this name.

    Raises:
        SkillNotRead: it has none, or one that readers of YAML would not all read alike.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SkillNotRead(f"{MAIN} is not UTF-8") from None
    head = re.match(r"---\r?\n(.*?)^---\r?$", text, re.DOTALL | re.MULTILINE)
    if head is None:
        raise SkillNotRead(f'{MAIN} does not begin with a line "---", fields, and a line "---"')
    fields = _fields(head[1].splitlines())
    if fields.get("name") != name or not _NAME.fullmatch(name) or len(name) > 64:
        raise SkillNotRead("its name must be that of its folder: small letters, digits and single hyphens")
    description = fields.get("description")
    if not isinstance(description, str) or not 0 < len(description) <= 1024:
        raise SkillNotRead("it needs a description of at most 1024 characters")
    return fields


def _fields(lines: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    inner: dict[str, Any] | None = None
    for number, line in enumerate(lines, 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        field = _FIELD.fullmatch(line)
        if field is None or len(field[1]) not in (0, 2) or (field[1] and inner is None):
            raise SkillNotRead(f"line {number}: write it as key: text, on one line")
        target = inner if field[1] and inner is not None else fields
        if field[2] in target:
            raise SkillNotRead(f"line {number}: {field[2]} stands twice")
        if field[3]:
            target[field[2]] = _text(field[3], number)
            inner = inner if field[1] else None
        elif field[1]:
            raise SkillNotRead(f"line {number}: write it as key: text, on one line")
        else:
            fields[field[2]] = inner = {}
    return fields


def _text(value: str, line: int) -> str:
    """Return a value that is text, quoted or plain."""
    if re.fullmatch(r"'([^']|'')*'", value):
        return value[1:-1].replace("''", "'")
    if value.startswith('"'):
        try:
            # Strings of JSON are YAML, too; what YAML alone has is refused, since not every reader knows it.
            return str(json.loads(value))
        except ValueError:
            raise SkillNotRead(f"line {line}: the quotes are not closed, or more follows") from None
    if _NOT_PLAIN.search(value):
        raise SkillNotRead(f'line {line}: put the text in quotes: "..."')
    return value
