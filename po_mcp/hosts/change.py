"""One change of a host's file: worked out first, shown, and then made whole or not at all."""

from __future__ import annotations

import difflib
import glob
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from po_mcp.errors import PurchaseOrderError
from po_mcp.hosts import jsonc, toml, yaml
from po_mcp.hosts.known import Host
from po_mcp.hosts.program import Program

SERVER = "purchase-orders"
"""The name of the entry in every host."""

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"
_SECRET_HOLDERS = ("env", "envs", "headers")
_KEPT = ".before-po-mcp-"
"""Stands before the stamp in the name of a file as it was."""


class HostFileNotChanged(PurchaseOrderError):
    """A host's file could not be read or changed; it is as it was."""


@dataclass(frozen=True)
class Change:
    """What a file holds and what it would hold. `before` and `after` are the entry's, None where there is none."""

    host: Host
    path: Path
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    old: bytes | None
    new: bytes

    @property
    def is_none(self) -> bool:
        """Whether the file is already as it would become."""
        return self.before == self.after

    def lines(self) -> list[str]:
        """Return the change of the entry as the file writes it, each value that could be a secret hidden."""
        old, new = _shown(self.host, self.before), _shown(self.host, self.after)
        return [line.rstrip("\n") for line in difflib.ndiff(old, new) if not line.startswith("?")]

    def secrets(self) -> list[str]:
        """Return the names of our settings that the entry holds in clear and that are secrets."""
        held = [(self.after or {}).get(holder) for holder in _SECRET_HOLDERS]
        named = {name for holder in held if isinstance(holder, Mapping) for name in holder}
        return sorted(name for name in named if name.startswith("PO_MCP_") and name.endswith(("_SECRET", "_PIN")))


def plan_install(host: Host, path: Path, program: Program) -> Change:
    """Work out the file with our entry in it. Members that the entry has besides (`env`) stay.

    Raises:
        HostFileNotChanged: the file cannot be read, or is kept in a form that is not changed here.
    """
    old = _content(host, path)
    text = _decode(host, path, old)
    before = _entry(host, path, text)
    # What a person put there besides, such as `env` or `disabled`, is their own and stays.
    # A default that the entry has already may be the person's own choice by now, such as `enabled: false`.
    changed = set(host.defaults) & set(before or {})
    ours = {name: value for name, value in host.entry(program).items() if name not in changed}
    after = {**(before or {}), **ours}
    return _check_nothing_else(Change(host, path, before, after, old, _encode(old, _with(host, path, text, after))))


def plan_uninstall(host: Host, path: Path) -> Change:
    """Work out the file without our entry: letter for letter as it was kept, if nothing else was changed since.

    Raises:
        HostFileNotChanged: the file cannot be read, or is kept in a form that is not changed here.
    """
    old = _content(host, path)
    text = _decode(host, path, old)
    before = _entry(host, path, text)
    # Without our entry there is nothing to remove, and every byte stays.
    new = (old or b"") if before is None else _without(host, path, old, before)
    return _check_nothing_else(Change(host, path, before, None, old, new))


def entry_text(host: Host, program: Program) -> str:
    """Return the entry as it stands in the host's file, for a person to put in."""
    path = (*host.section, SERVER)
    match host.format:
        case "json":
            return jsonc.put("", path, host.entry(program))
        case "toml":
            return toml.put("", path, host.entry(program))
        case "yaml":
            return yaml.put("", host.section[0], SERVER, host.entry(program))


def apply(change: Change, stamp: str) -> Path | None:
    """Make a change, and return where the former file is kept; None where there was none.

    Args:
        change: what was shown.
        stamp: what is put into the backup's name, such as 20261127-014500.

    Raises:
        HostFileNotChanged: the file is another by now, or cannot be written; it is as it was.
    """
    path = Path(os.path.realpath(change.path))  # dotfiles are often links into a repository; the link stays
    backup = None
    try:
        # A host writes its file whenever it likes, and what it wrote since must not be lost.
        if _content(change.host, path) != change.old:
            raise HostFileNotChanged(f"{path} was changed meanwhile.", next_step="Nothing was written. Try again.")
        if not change.path.is_symlink():  # where a link leads to is not ours to make
            path.parent.mkdir(parents=True, exist_ok=True)
        if change.old is not None:
            backup = path.with_name(f"{path.name}{_KEPT}{stamp}")
            # With its mode: the file can hold secrets of other servers.
            shutil.copy2(path, backup)
        replace(path, change.new)
    except OSError as exc:
        # Nothing was changed, so a backup would only puzzle.
        if backup is not None:
            backup.unlink(missing_ok=True)
        raise HostFileNotChanged(f"{path} cannot be written ({exc.strerror or type(exc).__name__}).") from exc
    return backup


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put a file in the place of another at once; it keeps the mode that the other had, else it gets `mode`."""
    if path.exists():
        mode = stat.S_IMODE(path.stat().st_mode)
    # In the same folder: a rename is whole or not at all only within one file system.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            # Before the rename: after a power cut the name could else lead to an empty file.
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _content(host: Host, path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unreadable(host, path, exc.strerror or type(exc).__name__) from exc


def _decode(host: Host, path: Path, content: bytes | None) -> str:
    try:
        return _text(content)
    except UnicodeDecodeError as exc:
        raise _unreadable(host, path, "it is not UTF-8 text") from exc


def _text(content: bytes | None) -> str:
    return (content or b"").removeprefix(_BOM).decode().replace("\r\n", "\n")


def _encode(old: bytes | None, text: str) -> bytes:
    """Return the text with the mark and the line ends that the file had."""
    old = old or b""
    content = text.encode()
    # A file keeps its one kind of line ends: some hosts on Windows write CRLF.
    if b"\r\n" in old:
        content = content.replace(b"\n", b"\r\n")
    return (_BOM if old.startswith(_BOM) else b"") + content


def _with(host: Host, path: Path, text: str, entry: Mapping[str, Any]) -> str:
    where = (*host.section, SERVER)

    def put() -> str:
        match host.format:
            case "json":
                return jsonc.put(text, where, entry)
            case "toml":
                return toml.put(text, where, entry)
            case "yaml":
                return yaml.put(text, host.section[0], SERVER, entry)

    return _attempt(host, path, put)


def _remove(host: Host, text: str) -> str:
    where = (*host.section, SERVER)
    match host.format:
        case "json":
            return jsonc.remove(text, where)
        case "toml":
            return toml.remove(text, where)
        case "yaml":
            return yaml.remove(text, host.section[0], SERVER)


def _without(host: Host, path: Path, old: bytes | None, entry: Mapping[str, Any]) -> bytes:
    """Return the file as it was before our entry, if the entry is all that differs.

    Else without the entry, and without the table of servers if that came with it.
    """
    left = _attempt(host, path, lambda: _remove(host, _decode(host, path, old)))
    try:
        kept = _kept_before_entry(host, path)
        # The kept file is put back only if our entry is the one difference: what was changed since would be lost.
        if kept is not None and _encode(kept, _with(host, path, _decode(host, path, kept), entry)) == old:
            return kept
        if _is_section_ours(host, kept, left):
            left = _drop_empty_section(host, left)
    except HostFileNotChanged:
        pass  # a kept file that cannot be read decides nothing
    return _encode(old, left)


def _kept_before_entry(host: Host, path: Path) -> bytes | None:
    """Return the newest kept file that has no entry of ours; None where none was kept."""
    real = Path(os.path.realpath(path))
    # Stamps sort as their times do, so the last name is the newest. One kept by a second install has our entry.
    for file in sorted(real.parent.glob(f"{glob.escape(real.name)}{_KEPT}*"), reverse=True):
        content = _content(host, file)
        if _entry(host, file, _decode(host, file, content)) is None:
            return content
    return None


def _is_section_ours(host: Host, kept: bytes | None, left: str) -> bool:
    """Tell whether the table of servers came with our entry: the file that was kept then has none.

    Where none was kept, the file came with the entry, too, and holds nothing else.
    """
    if kept is not None:
        return not _has_section(host, _text(kept))
    return not _drop_empty_section(host, left).strip("{} \n")


def _has_section(host: Host, text: str) -> bool:
    if host.format == "yaml":
        return yaml.has_section(text, host.section[0])
    return host.section[0] in (jsonc if host.format == "json" else toml).read(text)


def _drop_empty_section(host: Host, text: str) -> str:
    """Return the text without the table of servers, if that is empty. A table of TOML that is empty has no line."""
    match host.format:
        case "json":
            return jsonc.remove(text, host.section) if jsonc.read(text).get(host.section[0]) == {} else text
        case "yaml":
            return yaml.remove_empty_section(text, host.section[0])
        case "toml":
            return text


def _entry(host: Host, path: Path, text: str) -> dict[str, Any] | None:
    """Return our entry of a text, None where there is none."""
    if host.format == "yaml":
        return _attempt(host, path, lambda: yaml.entry(text, host.section[0], SERVER))
    document = _attempt(host, path, lambda: (jsonc if host.format == "json" else toml).read(text))
    if not isinstance(document, dict):
        raise _unreadable(host, path, "it holds something else than settings by name")
    for name in (*host.section, SERVER):
        if not isinstance(document, dict):
            raise _unreadable(host, path, f"its {'.'.join(host.section)} is no table of servers")
        document = document.get(name, {} if name != SERVER else None)
    if document is not None and not isinstance(document, dict):
        raise _unreadable(host, path, f"its {SERVER} is no table")
    return document


def _attempt(host: Host, path: Path, do: Callable[[], T]) -> T:
    try:
        return do()
    except (jsonc.NotReadable, toml.NotReadable, yaml.NotReadable) as exc:
        raise _unreadable(host, path, str(exc)) from None


def _check_nothing_else(change: Change) -> Change:
    """Refuse a change whose text, read again, differs from the old one in anything but our entry."""
    host, path = change.host, change.path
    if change.is_none:
        return change
    text = _decode(host, path, change.new)
    # The writers here know the usual forms only; read again, a file in another form shows what they made of it.
    if not _holds(change, text):
        raise _unreadable(host, path, f"its {host.section[-1]} is kept in a form that is not changed here")
    if host.format != "yaml" and _others(host, text) != _others(host, _decode(host, path, change.old)):
        raise _unreadable(host, path, "its entry cannot be changed without changing others")
    return change


def _holds(change: Change, text: str) -> bool:
    """Tell whether a text can be read, and holds the entry as it would become."""
    try:
        return _entry(change.host, change.path, text) == change.after
    except HostFileNotChanged:
        return False


def _others(host: Host, text: str) -> Any:
    """Return a document without our entry, and without the tables that only it would fill."""
    document: Any = (jsonc if host.format == "json" else toml).read(text)
    tables = [document]
    for name in host.section:
        tables.append(tables[-1].setdefault(name, {}))
    # A missing table counts as an empty one: an install makes those on the way, which changes nothing else.
    tables[-1].pop(SERVER, None)
    return document


def _shown(host: Host, entry: Mapping[str, Any] | None) -> list[str]:
    """Return the lines of an entry in the form of its host's file."""
    if entry is None:
        return []
    # Names stay, values go: terminals are recorded and shared.
    hidden = {name: _hide(value) if name in _SECRET_HOLDERS else value for name, value in entry.items()}
    match host.format:
        case "json":
            return json.dumps({SERVER: hidden}, indent=2, ensure_ascii=False)[2:-2].splitlines()
        case "toml":
            return toml.put("", (*host.section, SERVER), hidden).splitlines()
        case "yaml":
            return yaml.put("", host.section[0], SERVER, hidden).splitlines()


def _hide(value: object) -> object:
    return dict.fromkeys(value, "(hidden)") if isinstance(value, Mapping) else value and "(hidden)"


def _unreadable(host: Host, path: Path, why: str) -> HostFileNotChanged:
    return HostFileNotChanged(
        f"{path} was not changed: {why}.",
        next_step=f"Put the entry in by hand: po-mcp install {host.key} --print shows it.",
    )
