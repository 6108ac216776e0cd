"""The journal's files as the system tells them: the database, and what SQLite keeps beside it.

Two processes are kept apart by the locks of one `-shm`, and see each other's transactions in one `-wal`. Where one of
them was removed under a process that has it open, or the database goes by a second name, the next process makes
others, and neither knows what the other one sends (https://www.sqlite.org/howtocorrupt.html, sections 2.5 and 4.2).
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal.database import MEMORY

_BESIDE = ("-wal", "-shm")

ADOPT = "Look in the ERP at the orders that were sent last, then run: po-mcp journal adopt"

Inode = tuple[int, int]


class Stat(NamedTuple):
    """The files as the system tells them: the database's inode, and those of what stands beside it, None without one.

    In WAL mode size and time change with a checkpoint only.
    """

    inode: Inode
    beside: tuple[Inode | None, ...]
    size: int
    changed_ns: int


class Files:
    """The files of the journal at a path, where SQLite has them: it follows links before it names what is beside."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._database = ""
        self._beside: list[str] = []

    def need_one_name(self) -> None:
        """Find the files, which are about to be opened.

        Raises:
            JournalUnavailable: the database has a second name.
        """
        if self._path != MEMORY:
            self._database = os.path.realpath(self._path)
            self._beside = [self._database + end for end in _BESIDE]
            self.stat()

    def stat(self) -> Stat | None:
        """Return what tells these files, and their state, from all others; None where the path leads to no such file.

        Raises:
            JournalUnavailable: the database has a second name.
        """
        if not self._database:
            return None
        try:
            found = os.lstat(self._database)
            leads_here = self._path == self._database or os.path.samestat(found, os.stat(self._path))
        except FileNotFoundError:
            return None
        # What stands beside a link is named after what that leads to, and no longer as it was.
        if not stat.S_ISREG(found.st_mode) or not leads_here:
            return None
        if found.st_nlink > 1:
            raise JournalUnavailable(
                "The journal's file has a second name (a hard link), by which another process would not see this one.",
                effect="nothing_sent",
                next_step="Your administrator must remove the other name, or make it a copy.",
            )
        return Stat(_inode(found), tuple(map(_find_inode, self._beside)), found.st_size, found.st_mtime_ns)


def need_same_files(known: Stat | None, now: Stat | None) -> Stat:
    """Return the files as they are now; refuse others than those that are open."""
    if now is None or known is None or now.inode != known.inode:
        raise JournalUnavailable(
            "The journal's file was removed or replaced while it was in use.",
            effect="nothing_sent",
            next_step=f"Restart po-mcp where that was meant to be. {ADOPT}",
        )
    if now.beside != known.beside:
        raise JournalUnavailable(
            "A file that belongs to the journal (-wal or -shm) was removed while it was in use.",
            effect="nothing_sent",
            next_step="Restart po-mcp wherever it runs, and look in the ERP at the orders that were sent last.",
        )
    return now


def _find_inode(path: str) -> Inode | None:
    try:
        return _inode(os.lstat(path))
    except FileNotFoundError:
        return None


def _inode(found: os.stat_result) -> Inode:
    return found.st_dev, found.st_ino
