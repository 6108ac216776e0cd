"""The mark beside the journal's file: the journal's id, the end of its log, and when that was noted.

A file that is older than its mark was restored. One without a mark, or with a mark that something else has touched
since, may have been: a folder that is put back brings its mark along, but never the time of its last change, which the
system alone sets (st_ctime, https://man7.org/linux/man-pages/man7/inode.7.html).
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from po_mcp.writes.journal.database import Mark

_BYTES = 256
_ITSELF_AT_ONCE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
TOUCHED_NS = 1_000_000_000
"""Nanoseconds by which a mark may be changed later than it says: a file's times are coarse, and a machine is busy."""
_TRIES = 3


class MarkFile:
    """The mark of a journal's file, at `place`."""

    def __init__(self, place: Path) -> None:
        # Its name does not begin as the file's: who removes `journal.db*` leaves the mark, and it is noticed.
        self._path = place.parent / f".{place.name}.mark"

    def exists(self) -> bool:
        """Tell whether there is one, readable or not."""
        return self._path.exists()

    def read(self) -> tuple[str, Mark] | None:
        """Return the journal's id and the end of its log; None where no mark can be read."""
        try:
            mark = self._load()
            return str(mark["journal"]), Mark(int(mark["place"]), str(mark["hash"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_foreign(self) -> bool:
        """Tell whether there is no mark that can be read, or none that only po-mcp has touched."""
        # Another process may write it at this very moment.
        return all(self._is_foreign_now() for _ in range(_TRIES))

    def _is_foreign_now(self) -> bool:
        try:
            before = self._path.stat().st_ctime_ns
            noted_at = self._load().get("at", before)  # an older version notes no time
            after = self._path.stat().st_ctime_ns
            is_touched = before == after and abs(after - int(noted_at)) > TOUCHED_NS
        except (OSError, ValueError, TypeError, AttributeError):
            return True
        # On Windows st_ctime is when a file was made.
        return is_touched and sys.platform != "win32"

    def _load(self) -> Any:
        mark = self._open(os.O_RDONLY)
        try:
            return json.loads(os.read(mark, _BYTES).decode("ascii"))
        finally:
            os.close(mark)

    def _open(self, how: int) -> int:
        """Open a mark that is a file; a pipe would be waited for, and a link may lead to what is no mark."""
        mark = os.open(self._path, how | _ITSELF_AT_ONCE, 0o600)
        if not stat.S_ISREG(os.fstat(mark).st_mode):
            os.close(mark)
            raise OSError(f"{self._path} is no file")
        return mark

    def write(self, journal_id: str, end: Mark) -> None:
        """Note the end of the log. A failure costs only a check: the journal itself is durable."""
        # Over the former one, in a single write of always the same length: to replace the file would wait for the disk
        # longer than the commit did. What is cut by a crash cannot be read, and counts as no mark.
        with suppress(OSError):
            mark = self._open(os.O_CREAT | os.O_WRONLY)
            try:
                for _ in range(_TRIES):
                    at = time.time_ns()
                    text = json.dumps({"journal": journal_id, "place": end.place, "hash": end.hash, "at": at})
                    os.lseek(mark, 0, os.SEEK_SET)
                    os.write(mark, text.ljust(_BYTES).encode("ascii"))
                    # A machine that slept right between the two would call its own mark another's.
                    if abs(os.fstat(mark).st_ctime_ns - at) <= TOUCHED_NS // 2:
                        break
            finally:
                os.close(mark)

    def remove(self) -> None:
        """Remove it, if it can be."""
        with suppress(OSError):
            self._path.unlink()
