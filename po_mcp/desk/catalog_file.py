"""The ERP's lists on disk, so that a start need not read thousands of rows again.

One file for each connection, which its user alone can read. It holds what the ERP lists to everybody who may use it:
ids, codes, names, units, prices. A file that is not ours, of another connection or version, or damaged, is no file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from po_mcp import __version__
from po_mcp.orders import Entries, Item, ItemWithoutId, Vendor, Warehouse, count_left_out, list_without_id

_log = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 * 1024 * 1024
_FORMAT = 6
_END_OF_TIME = 1e11
_price = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_RECORDS = {"vendor": Vendor, "item": Item, "warehouse": Warehouse}


@dataclass(frozen=True)
class StoredList:
    """The entries of a list, with how many rows are left out, and when it was read, in seconds since 1970."""

    entries: Entries[Any]
    read_at: float


class CatalogFile:
    """The file of one connection and one kind of list, in a folder of this user.

    Every process of the user may write it: it is replaced as a whole.

    Args:
        folder: is made where it is missing.
        identity: the connection, and all else that the lists depend on.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity

    def path(self, kind: str) -> Path:
        """Return where a list is kept."""
        name = hashlib.sha256(self._identity.encode()).hexdigest()[:16]
        return self._folder / f"catalog-{name}-{kind}.json"

    def load(self, kind: str) -> StoredList | None:
        """Return a list as it was kept; None where there is no file that can be trusted."""
        try:
            raw = _read_own_file(self.path(kind))
            return None if raw is None else self._parse(kind, json.loads(raw))
        except (OSError, ValueError, RecursionError) as exc:
            _log.warning("the kept catalog of %ss is ignored: %s", kind, type(exc).__name__)
            return None

    def save(self, kind: str, entries: Sequence[Any], read_at: float) -> None:
        """Keep a list; a disk that does not take it is logged, and nothing else."""
        content = {
            "format": _FORMAT,
            "version": __version__,
            "connection": self._identity,
            "kind": kind,
            "read_at": read_at,
            "left_out": count_left_out(entries),
        }
        lists = {
            "without_id": (_without_id_type(), list_without_id(entries)),
            "entries": (_entries_type(kind), entries),
        }
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path(kind), _write_json(content, lists))
        except (OSError, ValueError) as exc:
            _log.warning("the catalog of %ss cannot be kept: %s", kind, type(exc).__name__)

    def _parse(self, kind: str, content: Any) -> StoredList | None:
        known = {"format": _FORMAT, "version": __version__, "connection": self._identity, "kind": kind}
        if not isinstance(content, dict) or any(content.get(name) != value for name, value in known.items()):
            return None
        read_at, entries, left_out = content.get("read_at"), content.get("entries"), content.get("left_out")
        is_time = isinstance(read_at, int | float) and not isinstance(read_at, bool) and 0 <= read_at < _END_OF_TIME
        if not is_time or not isinstance(entries, list) or type(left_out) is not int or left_out < 0:
            return None
        # In plain digits: a number of JSON passes through a float, and an exponent has no bound.
        if not all(isinstance(entry, dict) and _is_plain_price(entry.get("price")) for entry in entries):
            return None
        try:
            found = _entries_type(kind).validate_python(entries)
            without_id = _without_id_type().validate_python(content.get("without_id"))
            return StoredList(Entries(found, left_out, without_id), cast(float, read_at))
        except ValidationError:
            return None


def _is_plain_price(price: object) -> bool:
    """Tell whether a price is missing, or written out in as many digits as prices have."""
    return price is None or (isinstance(price, str) and _price.fullmatch(price) is not None)


def _write_json(
    content: Mapping[str, object], lists: Mapping[str, tuple[TypeAdapter[tuple[Any, ...]], Sequence[Any]]]
) -> bytes:
    """Return a JSON object of values, of which there is one at least, and of lists of records.

    Raises:
        ValueError: a text is no Unicode.
    """
    # Each list in one call, and straight to bytes: one for each of tens of thousands takes four times as long.
    written = [
        b'"%s":%s' % (name.encode(), kind.dump_json(tuple(entries), exclude_defaults=True))
        for name, (kind, entries) in lists.items()
    ]
    head = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b",".join([head.removesuffix(b"}"), *written]) + b"}"


@cache
def _without_id_type() -> TypeAdapter[tuple[ItemWithoutId, ...]]:
    return TypeAdapter(tuple[ItemWithoutId, ...])


@cache
def _entries_type(kind: str) -> TypeAdapter[tuple[Any, ...]]:
    """Return the type of a list's entries, which takes a moment to make."""
    return TypeAdapter(tuple[_RECORDS[kind], ...])  # type: ignore[valid-type]


def _read_own_file(path: Path) -> bytes | None:
    """Return the content of a file that this user alone can write; None where it is missing, too long, or another's."""
    try:
        # A link could lead to what another user writes.
        # A pipe would be waited for until its other end is opened.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        # Of the file that is open: the path may lead to another one by now.
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES or not _is_ours(found):
            return None
        return file.read(MAX_FILE_BYTES + 1)


def _is_ours(found: os.stat_result) -> bool:
    if sys.platform == "win32":
        return True  # the user's own folder is the user's alone
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody reads half of it."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
