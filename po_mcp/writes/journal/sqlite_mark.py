"""The mark beside the journal's file: the journal's id and the end of its log. An older file was restored."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from po_mcp.writes.journal.database import Mark

_BYTES = 256


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
            mark = json.loads(self._path.read_text(encoding="ascii"))
            return str(mark["journal"]), Mark(int(mark["place"]), str(mark["hash"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, journal_id: str, end: Mark) -> None:
        """Note the end of the log. A failure costs only a check: the journal itself is durable."""
        text = json.dumps({"journal": journal_id, "place": end.place, "hash": end.hash})
        # Over the former one, in a single write of always the same length: to replace the file would wait for the disk
        # longer than the commit did. What is cut by a crash cannot be read, and counts as no mark.
        with suppress(OSError):
            mark = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.write(mark, text.ljust(_BYTES).encode("ascii"))
            finally:
                os.close(mark)

    def remove(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)
