"""The journal's file: SQLite, durable before it says so, shared by the processes of one user.

WAL with `synchronous=FULL`, so that a commit that was answered survives a power cut; one transaction
at a time (`BEGIN IMMEDIATE`), the others wait up to five seconds. SQLite's locks do not hold across
hosts (https://www.sqlite.org/wal.html), so a network file system is refused.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

from po_mcp.errors import JournalUnavailable

MEMORY = ":memory:"
BUSY = 5.0
"""Seconds to wait for another process's transaction."""
_FULL = 2
_VERSION = 1  # of schema.sql
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"})


class Storage:
    """One connection to the journal's file, opened when it is first used.

    Every failure of the file is `JournalUnavailable`.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction: all of it is durable when this ends without an error, or none of it."""
        with self._lock, _translated():
            db = self._opened()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for single statements that read."""
        with self._lock, _translated():
            yield self._opened()

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes can use it: what is in memory is this one's alone."""
        return self._path != MEMORY

    def is_there(self) -> bool:
        """Tell whether the file was made, without making it."""
        return self._db is not None or (self.is_shared and Path(self._path).exists())

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = _open(self._path)
        return self._db


def _open(path: str) -> sqlite3.Connection:
    if path != MEMORY:
        _make_private(Path(path))
    db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if db.execute("PRAGMA synchronous").fetchone()[0] != _FULL:
            raise JournalUnavailable("The journal cannot be made durable. Nothing was sent.")
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables in a new file; two processes may try at once."""
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise JournalUnavailable("The journal was made by a newer version of this program. Nothing was sent.")
        if version == 0:
            for statement in _statements(files("po_mcp.writes").joinpath("schema.sql").read_text("utf-8")):
                db.execute(statement)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Split a script: executescript() would commit the transaction that this one must be part of."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (kind := _file_system(path.parent)) in _NETWORK:
        raise JournalUnavailable(
            f"The journal lies on a network file system ({kind}), which cannot lock it. Nothing was sent.",
            next_step="The operator must set PO_MCP_JOURNAL to a path on a local disk.",
        )
    with closing(os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "rb")):
        path.chmod(0o600)


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder lies on, or "" where the system does not tell (Linux does)."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    place = folder.resolve()
    found = [row.split()[1:3] for row in mounts]
    holding = [
        (len(point), order, kind)
        for order, (point, kind) in enumerate(found)  # of two mounts on one point the later one holds
        if place.is_relative_to(point.replace("\\040", " "))
    ]
    return max(holding, default=(0, 0, ""))[2]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        raise JournalUnavailable(
            "The journal of operations cannot be used now, and without it nothing is written. Nothing was sent."
        ) from exc
