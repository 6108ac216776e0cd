"""The journal's file: SQLite, durable before it says so, shared by the processes of one user.

WAL with `synchronous=FULL`, so that a commit that was answered survives a power cut; one writing transaction
at a time (`BEGIN IMMEDIATE`), the others wait up to five seconds. Readers wait for nobody. SQLite's locks do not
hold across hosts (https://www.sqlite.org/wal.html), so a network file system is refused.

Unlinking or replacing the file under a process that has it open loses records without an error
(https://www.sqlite.org/howtocorrupt.html, section 4). So the file carries a random id, and every transaction makes
sure that the path still leads to the files that were opened, and that the audit log was not cut. A mark beside the
file holds the id and the end of the log: a file that is older than its mark was restored, or copied without its
`-wal`, and is not written to before a person has looked. Without a mark, or with one that was put there with the file,
that is not known: what waits in it is in doubt, and new orders are put to a person for a while (`restores`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import audit_log, due, file_systems, moves, moving, restores, schema
from po_mcp.writes.journal.at_once import Remembered, ask_update, suppose
from po_mcp.writes.journal.database import MEMORY, Ask, Mark, Row, Step, Transaction
from po_mcp.writes.journal.sqlite_connection import BUSY_S as BUSY_S
from po_mcp.writes.journal.sqlite_connection import (
    Calling,
    SqliteConnection,
    connect,
    switch_to_wal,
    translate_errors,
)
from po_mcp.writes.journal.sqlite_files import ADOPT, Files, Stat, need_same_files
from po_mcp.writes.journal.sqlite_mark import MarkFile
from po_mcp.writes.journal.sqlite_schema import expect_schema, id_of, need_journal, prepare, read_schema

T = TypeVar("T")

BUSY_AGAIN_S = 0.25
"""Seconds to wait for another process right after such a wait was in vain: not every call waits the whole of it."""
_SYNCHRONOUS_FULL = 2
_BEGUN = f"SELECT ({moving.SEALED}), (SELECT hash FROM audit_log WHERE place = ?), {due.COLUMNS}"  # noqa: S608
"""What a writing transaction begins with: the mark, and then what is due."""
_NOTHING_IS_OVER = f"NOT EXISTS (SELECT 1 FROM live_operations WHERE {moves.IS_OVER})"  # noqa: S608


class SqliteFile:
    """The journal's file, opened when it is first used.

    A writing and a reading connection, each used by one thread at a time. Every failure of the file is
    `JournalUnavailable`. `clock` gives seconds since 1970; the machine's where None.
    """

    readers = 1

    def __init__(self, path: str | Path, clock: Callable[[], float] | None = None) -> None:
        self._path = str(path)
        self._place = Path(path)
        self._mark_file = MarkFile(self._place)
        self.now = clock or time.time
        self._writer: SqliteConnection | None = None
        self._reader: SqliteConnection | None = None
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._open_lock = threading.RLock()
        self._files = Files(self._path)
        self._known_as: Stat | None = None
        self._id = ""
        self._may_be_copy = self._is_adopting = False
        self._reads_older_copy = self._is_older_copy = False
        self._mark = Mark()
        self._latest = due.Latest()
        self._remembered = Remembered()
        self._was_busy_at = -BUSY_S
        self._waits_for = 0.0
        self._calling = Calling()
        self._reader_waits = True

    @contextmanager
    def writing(self, *asks: Ask) -> Iterator[SqliteConnection]:
        """Run a transaction: all of it is durable when this ends without an error, or none of it."""
        with self._changing() as db:
            seen = self._latest
            sealed, at_mark, *begun = db.execute(_BEGUN, (self._mark.place, seen.place, self.now())).fetchone()
            if sealed is not None:
                moving.need_unsealed(db)
            # What was pruned meanwhile is no longer there, and the log itself says so.
            if at_mark != self._mark.hash:
                self._need_whole_log(db)
            self._latest = due.note_begun(db, seen, *begun)
            self._doubt_copy(db)
            db.answers = db.ask(*asks)
            yield db
        self._may_be_copy = False

    @contextmanager
    def _changing(self) -> Iterator[SqliteConnection]:
        """Run a transaction, in which nothing is looked at yet."""
        with self._alone() as db:
            yield db
            # Before the commit: right after it another process may have written on.
            end = db.end or audit_log.end_of(db)
            db.execute("COMMIT")
            # After the commit: a mark ahead of its journal would lock the next start out.
            self._set_mark(end)
            self._remembered.note(db.rows)

    @contextmanager
    def _alone(self) -> Iterator[SqliteConnection]:
        """Begin a transaction, which is rolled back where it was not committed."""
        with self._write_lock, translate_errors():
            db = self._open_writer()
            if self._is_older_copy:
                raise _older_copy_error()
            self._need_same_file()
            self._begin(db)
            db.forget()
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def recall(self, operation_id: str) -> Row | None:
        """Return an operation's row as this process left it, if `move_at_once` is worth trying with it."""
        return self._remembered.recall(operation_id)

    def move_at_once(self, row: Row, step: Step, now: float, need: Ask | None = None) -> bool:
        """Make a move by the statements that write alone, where all is as this process left it; else change nothing."""
        if row["state"] != step.before:
            return False
        with self._alone() as db:
            move = suppose(row, step, self._mark, now)
            moved = db.execute(*ask_update(move, (Ask(_NOTHING_IS_OVER, (now,)), need)))
            self._remembered.note_try(has_moved=moved.rowcount == 1)
            if moved.rowcount != 1:
                return False
            db.execute(audit_log.INSERT, move.link)
            db.execute("COMMIT")
            self._set_mark(move.end)
            self._remembered.note({row["id"]: move.after})
            return True

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """Read as of one moment; no writer is waited for."""
        with self._reading() as db:
            if not self.is_shared:
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    def ask(self, *asks: Ask) -> list[list[Any]]:
        """Return the rows of each question, as of one moment."""
        with self._reading() if len(asks) == 1 else self.reading() as db:  # one statement sees one moment
            return db.ask(*asks)

    def call_at_once(self, call: Callable[..., T], *arguments: Any) -> T:
        """Make a call that reads, and waits for nothing: where it would have to, it is `JournalUnavailable`."""
        self._calling.waits = False
        try:
            return call(*arguments)
        finally:
            self._calling.waits = True

    @contextmanager
    def _reading(self) -> Iterator[SqliteConnection]:
        waits = self._calling.waits
        lock = self._read_lock if self.is_shared else self._write_lock
        # To open the file takes its time, and may wait for another process.
        is_open = (self._reader if self.is_shared else self._writer) is not None
        if not (waits or is_open) or not lock.acquire(blocking=waits):
            raise JournalUnavailable("The journal is in use at this moment.", effect="nothing_sent")
        try:
            with translate_errors():
                db = self._open_reader() if self.is_shared else self._open_writer()
                if waits != self._reader_waits and self.is_shared:
                    db.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_S) if waits else 0}")
                    self._reader_waits = waits
                self._need_same_file()
                yield db
        finally:
            lock.release()

    @property
    def is_shared(self) -> bool:
        """Tell whether other processes can use it: what is in memory is this one's alone."""
        return self._path != MEMORY

    @property
    def path(self) -> str:
        """Where the file lies, or `:memory:`."""
        return self._path

    @property
    def id(self) -> str:
        """The random id of the journal, once it is open."""
        return self._id

    def exists(self) -> bool:
        """Tell whether the file was made, without making it."""
        try:
            return self._writer is not None or (self.is_shared and self._place.exists())
        except OSError:
            return True  # the system does not tell: who opens it is told why

    @contextmanager
    def unguarded(self, db: Transaction) -> Iterator[None]:
        """Take the trigger away that keeps events from being deleted, and put it back."""
        query = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?"
        # Its text as it stands there: verify compares it with that of this version.
        [guard] = db.execute(query, (audit_log.GUARD,)).fetchone()
        db.execute(f"DROP TRIGGER {audit_log.GUARD}")
        yield
        db.execute(guard)

    def read_older_copy(self) -> None:
        """Read the file from now on also where it is an older copy, or another journal; nothing is written to such."""
        self._reads_older_copy = True

    def is_older_copy(self) -> bool:
        """Tell whether the file that was opened is an older copy, or another journal, than was used here before."""
        return self._is_older_copy

    def find_fault(self) -> str:
        """Say why nothing can be recorded, as far as is seen without making the file; "" where it can."""
        if not self.is_shared:
            return ""
        if self.exists():
            try:
                with self.reading():
                    pass
            except JournalUnavailable as exc:
                return exc.message
        return file_systems.find_obstacle(Path(self._path))

    def slots(self, name: str, most: int) -> None:
        """Return none: a file does not tell who died with one."""

    async def listen(self, heard: Callable[[str, str], None]) -> None:
        """Hear of nothing: SQLite tells no other process."""

    def origin(self) -> str:
        """Return nothing: a file that was put back is noticed by its mark, and not written to."""
        return ""

    def is_other_copy(self) -> bool:
        """Tell whether it may have been put back: nothing was written since, by this process or another."""
        self._may_be_copy = self._may_be_copy and (self._is_adopting or self._mark_file.is_foreign())
        return self._may_be_copy

    def _doubt_copy(self, db: SqliteConnection) -> None:
        """Call unknown what waits in a file that may have been put back: its copy may lack that it was sent."""
        if not self.is_other_copy():
            return
        if self._is_adopting:  # by a person, who is told to look
            restores.doubt_waiting(db, self.now())
        else:
            restores.note_put_back(db, self.now())

    def find_schema_faults(self, db: Transaction) -> list[str]:
        """Compare what the file defines with what this version defines."""
        expected = expect_schema()
        if moving.sealed_to(db) is not None:
            expected |= moving.triggers_of_seal()
        return schema.find_faults(read_schema(db), expected)

    @contextmanager
    def sealing(self, to: str) -> Iterator[SqliteConnection]:
        """Read all of it in the transaction that lets nothing be written here any more, since it goes on elsewhere."""
        with self._changing() as db:
            self._need_whole_log(db)
            self._doubt_copy(db)
            moving.seal(db, to, self.now())
            yield db
        self._remembered = Remembered()

    def adopt(self) -> str:
        """Take the file as it lies there for the journal from now on; return what was done, "" for nothing."""
        if not self.is_shared:
            return ""
        with self._write_lock, translate_errors():
            former, may_be_copy = self._mark_file.read(), self._mark_file.is_foreign()
            self._close()
            self._is_adopting = True
            try:
                db = self._open_writer()
                is_other = former is not None and not self._is_marked_by(db, former)
                self._may_be_copy = self._mark != Mark() and (is_other or may_be_copy)
                return self._adopt_open(former if is_other else None)
            finally:
                self._is_adopting = False

    def _adopt_open(self, former: tuple[str, Mark] | None) -> str:
        """Take the file that is open; where its `former` mark was another's, the log says so."""
        end = self._mark.place
        with self.writing() as db:
            if former is not None:
                detail = {"former journal": former[0], "its last event": former[1].place}
                audit_log.append(db, audit_log.Event("", self.now(), "adopted", detail))
                restores.forget_put_back(db)
        # Not before: by its mark an older copy is told, also after an attempt that failed.
        self._mark_file.remove()
        self._mark_file.write(self._id, self._mark)
        return (
            ""
            if former is None
            else f"The journal goes on from {self._path}; events after number {end} may be missing."
        )

    def close(self) -> None:
        """Close both connections."""
        with self._write_lock, self._read_lock:
            self._close()

    # Opening

    def _open_writer(self) -> SqliteConnection:
        with self._open_lock:  # not the lock of a transaction: what waits in one must delay no reader
            if self._writer is None:
                self._writer = self._open()
            return self._writer

    def _open_reader(self) -> SqliteConnection:
        if self._reader is None:
            self._open_writer()
            self._need_same_file()  # before a new connection makes a file in the place of one that is gone
            self._reader, self._reader_waits = connect(self._path), True
        return self._reader

    def _open(self) -> SqliteConnection:
        if self.is_shared:
            self._need_marked_file()
            file_systems.make_private(Path(self._path))
        self._files.need_one_name()
        db = connect(self._path)
        try:
            db.execute("BEGIN")  # one snapshot: another process may make the tables between two readings
            need_journal(db)
            db.execute("COMMIT")
            switch_to_wal(db)
            # NORMAL would sync at checkpoints only: a power cut would lose a claim whose bytes went out.
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA synchronous").fetchone()[0] != _SYNCHRONOUS_FULL:
                raise JournalUnavailable("The journal cannot be written safely on this disk.", effect="nothing_sent")
            prepare(db)
            self._id = id_of(db)
            self._mark, self._latest = audit_log.end_of(db), due.Latest()
            self._need_mark(db)
            # By now SQLite has what it keeps beside the file.
            self._known_as = self._files.stat()
        except BaseException:
            db.close()
            raise
        return db

    def _close(self) -> None:
        for db in (self._writer, self._reader):
            if db is not None:
                db.close()
        self._writer = self._reader = None
        self._remembered = Remembered()  # what is opened next may be another copy
        self._waits_for = 0.0

    # Is it still the file that was opened, and the whole of it?

    def _need_same_file(self) -> None:
        """See that the path leads to the file that is open, and that nobody wrote another journal over it."""
        known, now = self._known_as, self._files.stat()
        if known == now:
            return
        if not self._calling.waits:
            raise JournalUnavailable("The journal's file must be looked at first.", effect="nothing_sent")
        now = need_same_files(known, now)
        with closing(connect(self._path)) as db:  # what is open may still see the pages that it read before
            if id_of(db) != self._id:
                raise JournalUnavailable(
                    "Another journal was written over this one.", effect="nothing_sent", next_step=ADOPT
                )
            self._need_whole_log(db)
        self._known_as = now

    def _need_whole_log(self, db: SqliteConnection) -> None:
        if not audit_log.holds(db, self._mark):
            raise JournalUnavailable(
                "The journal was cut, or an older copy was put in its place.", effect="nothing_sent", next_step=ADOPT
            )

    def _need_marked_file(self) -> None:
        """Refuse to begin a new journal where one was before."""
        # The mark first: it is made after the file, so that of two processes that begin one none finds the mark alone.
        has_mark = self._mark_file.read() is not None
        if has_mark and not self._is_adopting and not Path(self._path).exists():
            raise JournalUnavailable(
                f"There was a journal at {self._path}, and it is gone.",
                effect="nothing_sent",
                next_step=f"Put it back, or begin a new one. {ADOPT}",
            )

    def _need_mark(self, db: SqliteConnection) -> None:
        """Refuse a file that is another one than its mark tells, or older. A journal ahead of its mark is normal."""
        if not self.is_shared:
            return
        # In a new journal nothing can be missing; its mark is there before its first event.
        if self._mark == Mark() and not self._mark_file.exists():
            self._mark_file.write(self._id, self._mark)
        self._may_be_copy = self._mark != Mark() and self._mark_file.is_foreign()
        mark = self._mark_file.read()
        self._is_older_copy = mark is not None and not (self._is_adopting or self._is_marked_by(db, mark))
        if self._is_older_copy and not self._reads_older_copy:
            raise _older_copy_error()

    def _is_marked_by(self, db: SqliteConnection, mark: tuple[str, Mark]) -> bool:
        return mark[0] == self._id and audit_log.holds(db, mark[1])

    def _set_mark(self, end: Mark) -> None:
        """Note the end of the log, beside the file, too."""
        is_new = end.place != self._mark.place
        self._mark = end
        if self.is_shared and (is_new or not self._mark_file.exists()):
            self._mark_file.write(self._id, end)

    # Waiting for others

    def _begin(self, db: SqliteConnection) -> None:
        was_in_vain = time.monotonic() - self._was_busy_at < BUSY_S
        seconds = BUSY_AGAIN_S if was_in_vain else BUSY_S
        if seconds != self._waits_for:
            db.execute(f"PRAGMA busy_timeout = {int(1000 * seconds)}")
            self._waits_for = seconds
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._was_busy_at = time.monotonic()
            raise
        self._was_busy_at = -BUSY_S


def _older_copy_error() -> JournalUnavailable:
    what = "The journal is an older copy, or another one, than was used here before."
    return JournalUnavailable(what, effect="nothing_sent", next_step=ADOPT)
