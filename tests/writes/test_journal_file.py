"""The journal's file: private, durable, and not written to once it is another one, an older one, or gone."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from po_mcp.errors import JournalUnavailable, OperationUnderWay
from po_mcp.writes.journal import (
    JournalStore,
    file_systems,
    restores,
    sqlite,
    sqlite_connection,
    sqlite_files,
    sqlite_mark,
)
from po_mcp.writes.journal.sqlite_mark import MarkFile
from po_mcp.writes.operation import State
from po_mcp.writes.policy import SettlementPolicy
from tests.writes.erp import Bench
from tests.writes.making import (
    CONNECTION,
    Clock,
    create,
    find,
    guarded_operation,
    order,
    outcome,
    propose,
    state_of,
    take_to,
)


def mark_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.mark")


def wal_of(file: Path) -> Path:
    return Path(f"{file}-wal")


def remove(file: Path) -> None:
    for path in file.parent.glob("journal.db*"):
        path.unlink()


def keep_copy(file: Path, *, with_wal: bool) -> Callable[[], None]:
    """Copy the file as it is now; what is returned puts the copy in its place, as a restored backup is."""
    kept = {file.name: file.read_bytes()}
    if with_wal:
        kept |= {wal_of(file).name: wal_of(file).read_bytes()}

    def restore() -> None:
        for name in (file.name, wal_of(file).name, f"{file.name}-shm"):
            (file.parent / name).unlink(missing_ok=True)
        for name, content in kept.items():
            (file.parent / name).write_bytes(content)

    return restore


def read_refusal(store: JournalStore) -> str:
    """What is said where nothing may be written."""
    with pytest.raises(JournalUnavailable) as error:
        store.propose(guarded_operation(number="PO-NEW"), {})
    return str(error.value)


# Private and durable


def test_the_file_is_private_durable_and_in_a_private_folder(store: JournalStore, file: Path) -> None:
    propose(store, guarded_operation())

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with store._file.writing() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_no_file_is_made_before_a_write_is_asked_for(store: JournalStore, file: Path) -> None:
    assert not store.exists()
    assert not file.exists()


def test_a_full_disk_refuses_the_write_and_leaves_nothing_half_done(store: JournalStore) -> None:
    propose(store, guarded_operation())
    with store._file.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(JournalUnavailable):
        store.propose(create(arguments="x" * 1_000_000), {}, approved=True)

    assert store.upkeep.verify() == []
    assert store.counts()[0] == 1


def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(file: Path, clock: Clock) -> None:
    file.parent.mkdir()
    content = b"this is not a database" * 100
    file.write_bytes(content)

    assert "Nothing was sent" in read_refusal(JournalStore(file, 600, clock))
    assert file.read_bytes() == content


def test_a_journal_of_a_newer_version_is_refused(store: JournalStore, file: Path) -> None:
    propose(store, guarded_operation())
    store.close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")

    assert "newer po-mcp" in read_refusal(JournalStore(file))


@pytest.mark.parametrize("version", [0, 1, 2, 7])
def test_the_database_of_another_program_is_refused_and_left_as_it_is(file: Path, version: int) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE orders (number TEXT)")
        db.execute(f"PRAGMA user_version = {version}")
    content = file.read_bytes()

    assert "the database of another program" in read_refusal(JournalStore(file))
    assert file.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()

    assert "Nothing was sent" in read_refusal(JournalStore(tmp_path / "a file" / "journal.db"))


def test_an_obstacle_is_reported_without_making_a_file(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    below, new = tmp_path / "a file" / "journal.db", tmp_path / "new" / "journal.db"

    assert JournalStore(below).find_fault() == (
        f"The journal {below} cannot be made: {tmp_path / 'a file'} is no folder."
    )
    assert JournalStore(new).find_fault() == ""
    assert [one.name for one in tmp_path.iterdir()] == ["a file"]


def test_a_folder_and_a_file_that_may_not_be_written_are_reported(
    store: JournalStore, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is asked, which lets root write everywhere."""
    take_to(store, guarded_operation(), "DONE")
    new = tmp_path / "new" / "journal.db"
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert JournalStore(file).find_fault() == f"The journal {file} cannot be written."
    assert JournalStore(new).find_fault() == f"The journal {new} cannot be made: {tmp_path} cannot be written."


def test_the_fault_of_a_file_that_is_no_journal_is_reported(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("no database", encoding="utf-8")
    journal = JournalStore(file)

    assert journal.path == str(file)
    assert (
        journal.find_fault()
        == read_refusal(JournalStore(file)).partition(" Nothing was sent.")[0] + " Nothing was sent."
    )


def test_a_place_of_which_the_system_does_not_tell_whether_it_is_there_is_refused(tmp_path: Path) -> None:
    store = JournalStore(tmp_path / ("n" * 300) / "journal.db")

    assert "Nothing was sent" in read_refusal(store)
    assert store.find_fault().endswith("Nothing was sent.")
    with pytest.raises(JournalUnavailable):
        store.find("0" * 32)


def test_in_a_journal_that_is_not_there_nobody_said_no(store: JournalStore) -> None:
    assert store.find_last_no(guarded_operation()) is None
    assert not store.exists()


# What is no file on this machine


def test_a_directory_is_refused_and_untouched(file: Path) -> None:
    file.mkdir(parents=True, mode=0o755)

    assert "is no file, so it cannot be the journal" in read_refusal(JournalStore(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o755
    assert list(file.parent.iterdir()) == [file]


def test_a_device_is_refused_and_untouched() -> None:
    """As root, a journal at /dev/null changed the device's mode for everybody."""
    before = Path("/dev/null").stat()

    assert "is no file" in read_refusal(JournalStore("/dev/null"))
    after = Path("/dev/null").stat()
    assert (before.st_mode, before.st_ctime_ns) == (after.st_mode, after.st_ctime_ns)


def test_a_pipe_is_refused_without_waiting_for_its_other_end(file: Path) -> None:
    file.parent.mkdir()
    os.mkfifo(file)

    assert "is no file" in read_refusal(JournalStore(file))


REMOTE = [
    *("nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "ocfs2", "gfs2"),
    *("virtiofs", "vboxsf", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.rclone", "fuse.s3fs"),
    *("fuse.gvfsd-fuse", "fuse.something-new"),
]


@pytest.mark.parametrize("kind", REMOTE)
def test_a_remote_file_system_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nthere {file.parent} {kind} rw 0 0\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)

    assert f"network drive ({kind})" in read_refusal(JournalStore(file))
    assert not file.exists()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.ntfs-3g", "fuse.gocryptfs"])
def test_a_local_file_system_is_taken(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"there /mnt nfs4 rw 0 0\n/dev/sda1 {str(file.parent).replace(' ', chr(92) + '040')} {kind} rw 0 0\n"
    )
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)

    assert propose(JournalStore(file), guarded_operation()).state == "PROPOSED"


def test_the_kind_of_a_real_mount_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert file_systems._kind_of(Path("/proc")) == "proc"
    assert file_systems.remote_kind(tmp_path) is None
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "no such file")
    assert file_systems.remote_kind(tmp_path) is None


# Removed, replaced, cut or restored under a running process


def test_a_file_that_was_removed_is_noticed_and_nothing_new_takes_its_place(
    store: JournalStore, file: Path, clock: Clock
) -> None:
    """A server ran on with an unlinked file, and a second one sent the same finalize again."""
    take_to(store, guarded_operation("finalize"), "APPROVED")
    remove(file)

    text = read_refusal(store)
    assert "removed or replaced" in text
    assert "po-mcp journal adopt" in text
    with pytest.raises(JournalUnavailable):
        store.live(None)
    assert not file.exists()


def test_a_journal_that_another_process_begins_at_this_moment_is_used(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_mark, others = MarkFile.read, [JournalStore(file, 600, clock)]

    def begin_and_read(mark: MarkFile) -> object:
        while others:
            take_to(others.pop(), guarded_operation(number="PO-1"), "PROPOSED")
        return read_mark(mark)

    monkeypatch.setattr(MarkFile, "read", begin_and_read)

    take_to(store := JournalStore(file, 600, clock), guarded_operation(number="PO-2"), "PROPOSED")
    assert len(store.live(None)) == 2


def test_the_next_process_makes_no_new_journal_where_one_was(store: JournalStore, file: Path, clock: Clock) -> None:
    """The clean-up `rm journal.db*` under a running server, and a second one that starts."""
    take_to(store, guarded_operation(), "UNKNOWN")
    remove(file)

    assert "and it is gone" in read_refusal(JournalStore(file, 600, clock))
    assert not file.exists()


def test_a_file_that_was_replaced_by_another_journal_is_noticed(
    store: JournalStore, file: Path, tmp_path: Path, clock: Clock
) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    another = JournalStore(tmp_path / "another.db", 600, clock)
    propose(another, guarded_operation())
    another.close()
    os.replace(tmp_path / "another.db", file)

    assert "removed or replaced" in read_refusal(store)
    for left in (wal_of(file), Path(f"{file}-shm")):
        left.unlink(missing_ok=True)
    assert "older copy, or another one" in read_refusal(JournalStore(file, 600, clock))


BESIDE = [("-shm",), ("-wal",), ("-wal", "-shm")]
CLAIMS = """
import sys
from po_mcp.writes.journal import JournalStore
from tests.writes.making import CONNECTION
store = JournalStore(sys.argv[1])
[recorded] = store.live(None)
print(store.claim(recorded.operation.id, CONNECTION) is not None)
store.close()
"""


def remove_beside(file: Path, ends: tuple[str, ...]) -> None:
    for end in ends:
        Path(f"{file}{end}").unlink()


def claim_in_another_process(file: Path) -> str:
    return subprocess.run([sys.executable, "-c", CLAIMS, str(file)], capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("ends", BESIDE, ids="".join)
def test_a_file_beside_it_that_was_removed_is_noticed(store: JournalStore, file: Path, ends: tuple[str, ...]) -> None:
    """The clean-up `rm *-shm` under a running server, and a second one: both sent the same finalize at once."""
    take_to(store, guarded_operation(), "APPROVED")
    remove_beside(file, ends)

    assert "(-wal or -shm) was removed" in read_refusal(store)
    with pytest.raises(JournalUnavailable, match="was removed"):
        store.live(None)


def test_after_a_restart_such_a_file_is_used_again(store: JournalStore, file: Path, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    remove_beside(file, ("-wal", "-shm"))
    store.close()

    with closing(JournalStore(file, 600, clock)) as again:
        assert again.claim(operation_id, CONNECTION) is not None


@pytest.mark.process
@pytest.mark.parametrize("looks", [True, False], ids=["", "mutant: without the look beside it"])
def test_two_processes_that_share_no_locks_do_not_send_the_same(
    file: Path, looks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not looks:
        monkeypatch.setattr(sqlite_files, "_BESIDE", ())
    with closing(JournalStore(file)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        remove_beside(file, ("-shm",))
        claimed = [claim_in_another_process(file)]
        with suppress(JournalUnavailable):
            claimed.append(str(store.claim(operation_id, CONNECTION) is not None))

    assert claimed == (["True"] if looks else ["True", "True"])


def test_a_folder_in_the_place_of_the_file_is_no_second_name(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    remove(file)
    file.mkdir()

    assert "removed or replaced" in read_refusal(store)


def test_a_journal_whose_id_was_removed_is_refused(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    store.close()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM journal WHERE name = 'id'")

    with closing(JournalStore(file, 600, clock)) as again:
        assert again.find_fault() == "The journal's id was removed from its file. Nothing was sent."
        with pytest.raises(JournalUnavailable, match="journal adopt"):
            again.upkeep.verify()


def test_a_file_that_became_a_link_is_noticed(store: JournalStore, file: Path) -> None:
    """SQLite looks for what belongs to it beside what the link leads to."""
    take_to(store, guarded_operation(), "APPROVED")
    file.rename(moved := file.with_name("moved.db"))
    file.symlink_to(moved)

    assert "removed or replaced" in read_refusal(store)


def test_a_link_that_leads_to_another_file_is_noticed(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    store.close()
    (link := file.with_name("link.db")).symlink_to(file)
    with closing(JournalStore(link, 600, clock)) as linked:
        assert linked.counts()[0] == 1
        link.unlink()
        link.symlink_to(file.with_name("another.db"))

        assert "removed or replaced" in read_refusal(linked)


def test_a_file_with_a_second_name_is_refused_until_that_is_gone(store: JournalStore, file: Path, clock: Clock) -> None:
    """By each name SQLite makes other files beside it, so that two processes would not see each other."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    os.link(file, other := file.with_name("other.db"))

    assert "second name" in read_refusal(store)
    assert "second name" in read_refusal(JournalStore(other, 600, clock))
    assert JournalStore(other, 600, clock).find_fault().startswith("The journal's file has a second name")
    other.unlink()
    assert store.claim(operation_id, CONNECTION) is not None


@pytest.mark.parametrize("with_wal", [True, False], ids=["with its wal", "without its wal"])
def test_an_older_copy_is_noticed_by_the_running_and_by_the_next_process(
    store: JournalStore, file: Path, clock: Clock, with_wal: bool
) -> None:
    """After a kill, a copy without its -wal forgot an order that had been made, and it was made again."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    restore = keep_copy(file, with_wal=with_wal)
    store.claim(operation_id, CONNECTION)
    restore()

    assert "Nothing was sent" in read_refusal(store)
    store.close()
    assert "older copy" in read_refusal(JournalStore(file, 600, clock))


def put_older_copy_back(store: JournalStore, file: Path) -> str:
    """Put a copy back that has an approved operation as it was before it was claimed; return its id."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    store.close()
    restore = keep_copy(file, with_wal=False)
    store.claim(operation_id, CONNECTION)
    store.close()
    restore()
    return operation_id


def test_an_older_copy_can_be_read_where_that_is_asked_for_and_never_written(
    store: JournalStore, file: Path, clock: Clock
) -> None:
    operation_id = put_older_copy_back(store, file)
    before = file.read_bytes()
    with closing(JournalStore(file, 600, clock)) as older:
        older.read_older_copy()
        [found] = older.all()
        assert (found.operation.id, found.state, older.is_older_copy()) == (operation_id, "APPROVED", True)
        with pytest.raises(JournalUnavailable, match="older copy"):
            older.claim(operation_id, CONNECTION)
        assert "older copy" in read_refusal(older)
        assert older.upkeep.verify() == []

    assert file.read_bytes() == before
    assert "older copy" in read_refusal(JournalStore(file, 600, clock))


def test_a_whole_journal_is_no_older_copy(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    with closing(JournalStore(file, 600, clock)) as same:
        same.read_older_copy()
        assert (len(same.all()), same.is_older_copy()) == (1, False)
        propose(same, guarded_operation(number="PO-NEW"))


def test_without_the_look_an_older_copy_would_be_written(
    store: JournalStore, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation_id = put_older_copy_back(store, file)
    with closing(JournalStore(file, 600, clock)) as older:
        older.read_older_copy()
        older.all()
        monkeypatch.setattr(older._file, "_is_older_copy", False)
        claimed = older.claim(operation_id, CONNECTION)

    assert claimed is not None  # what the control prevents: it is sent a second time


def test_an_older_copy_written_over_the_same_inode_is_noticed(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "APPROVED")
    store.close()  # so that the file holds all of it
    former = file.read_bytes()
    again = JournalStore(file, 600, clock)
    take_to(again, guarded_operation(number="PO-2"), "SENT")
    again.close()
    running = JournalStore(file, 600, clock)
    running.counts()
    inode = file.stat().st_ino
    file.write_bytes(former)

    assert file.stat().st_ino == inode
    assert "Nothing was sent" in read_refusal(running)
    assert "Nothing was sent" in read_refusal(JournalStore(file, 600, clock))


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_file_that_was_cut_is_refused(store: JournalStore, file: Path, clock: Clock, length: int) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    store.close()
    with file.open("r+b") as cut:
        cut.truncate(length)

    assert "Nothing was sent" in read_refusal(JournalStore(file, 600, clock))


def test_events_that_were_cut_off_behind_our_back_are_noticed_while_it_runs(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "SENT")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DROP TRIGGER audit_log_is_not_cut")
        db.execute("DELETE FROM audit_log WHERE place > 1")

    assert "was cut" in read_refusal(store)


def test_a_journal_that_two_processes_use_is_whole_for_both(store: JournalStore, file: Path, clock: Clock) -> None:
    other = JournalStore(file, 600, clock)
    for place in range(4):
        take_to(store, guarded_operation(number=f"PO-{place}"), "DONE")
        take_to(other, guarded_operation(number=f"PO-{place}X"), "DONE")

    assert store.counts() == other.counts()
    assert JournalStore(file, 600, clock).upkeep.verify() == []


# The mark


def test_the_mark_tells_the_journal_and_its_last_event(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "SENT")

    mark = json.loads(mark_of(file).read_text())

    assert mark["place"] == 3
    assert set(mark) == {"journal", "place", "hash", "at"}
    assert list(file.parent.glob("*mark-*")) == []


def test_a_mark_of_one_journal_is_none_of_another_in_the_same_folder(file: Path, clock: Clock) -> None:
    take_to(JournalStore(file, 600, clock), guarded_operation(), "DONE")

    take_to(JournalStore(file.with_suffix(".test"), 600, clock), guarded_operation(), "DONE")

    assert JournalStore(file, 600, clock).counts()[0] == 1


GARBLED = [b"", b"{}", b"\xff\xfe", b'{"journal": 7', b'{"journal": "x", "place": "y"}', b"[" * 100_000, b"9" * 5000]


@pytest.mark.parametrize("garbled", GARBLED, ids=lambda garbled: repr(garbled[:9]))
def test_a_mark_that_is_missing_or_cannot_be_read_stops_nothing(
    store: JournalStore, file: Path, clock: Clock, garbled: bytes
) -> None:
    take_to(store, guarded_operation(), "DONE")
    store.close()
    mark_of(file).write_bytes(garbled)
    again = JournalStore(file, 600, clock)

    take_to(again, guarded_operation(number="PO-2"), "DONE")

    assert json.loads(mark_of(file).read_bytes()[:256])["place"] == again.counts()[1]
    mark_of(file).unlink()
    assert propose(JournalStore(file, 600, clock), guarded_operation(number="PO-3")).state == "PROPOSED"


def test_a_mark_that_is_a_pipe_is_not_waited_for(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "DONE")
    mark_of(file).unlink()
    os.mkfifo(mark_of(file))

    assert propose(store, guarded_operation(number="PO-2")).state == "PROPOSED"
    assert propose(JournalStore(file, 600, clock), guarded_operation(number="PO-3")).state == "PROPOSED"


def test_a_mark_that_is_a_link_leaves_what_it_leads_to_as_it_is(store: JournalStore, file: Path) -> None:
    take_to(store, guarded_operation(), "DONE")
    (other := file.with_name("other")).write_text("something else")
    mark_of(file).unlink()
    mark_of(file).symlink_to(other)

    assert propose(store, guarded_operation(number="PO-2")).state == "PROPOSED"
    assert other.read_text() == "something else"


def test_a_journal_ahead_of_its_mark_is_normal(store: JournalStore, file: Path, clock: Clock) -> None:
    """A process was killed between the commit and the mark, or two wrote their marks in the other order."""
    take_to(store, guarded_operation(), "SENT")
    former = mark_of(file).read_bytes()
    take_to(store, guarded_operation(number="PO-2"), "DONE")
    store.close()
    mark_of(file).write_bytes(former)

    assert propose(JournalStore(file, 600, clock), guarded_operation(number="PO-3")).state == "PROPOSED"


def test_a_mark_ahead_of_its_journal_is_an_older_copy(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "SENT")
    store.close()
    mark = json.loads(mark_of(file).read_text())
    mark_of(file).write_text(json.dumps({**mark, "place": mark["place"] + 1}))

    assert "older copy" in read_refusal(JournalStore(file, 600, clock))


def test_a_mark_that_cannot_be_written_costs_no_record(
    store: JournalStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *arguments: object, **more: object) -> int:
        raise OSError("no space left on device")

    propose(store, guarded_operation())
    monkeypatch.setattr(Path, "write_text", full)

    assert take_to(store, guarded_operation(number="PO-2"), "SENT")
    assert store.upkeep.verify() == []


# The way out


def test_adopting_takes_an_older_copy_and_says_so_in_the_log(store: JournalStore, file: Path, clock: Clock) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    store.close()
    restore = keep_copy(file, with_wal=False)
    again = JournalStore(file, 600, clock)
    again.claim(operation_id, CONNECTION)
    again.close()
    restore()
    restored = JournalStore(file, 600, clock)

    assert "events after number 2 may be missing" in restored.upkeep.adopt_file()

    assert propose(JournalStore(file, 600, clock), guarded_operation(number="PO-2")).state == "PROPOSED"
    assert [event.event for event in restored.events("")] == ["adopted"]
    assert restored.upkeep.verify() == []


def restored_without_the_send(store: JournalStore, file: Path, clock: Clock, state: State, kind: str) -> JournalStore:
    """A journal of which a copy was put back that has an operation on PO-1 as it was before it was sent."""
    take_to(store, guarded_operation(kind), state)
    store.close()
    restore = keep_copy(file, with_wal=False)
    again = JournalStore(file, 600, clock)
    [recorded] = again.live(None)
    if state == "PROPOSED":
        again.approve(recorded.operation.id, recorded.operation.payload, {})
    assert again.claim(recorded.operation.id, CONNECTION) is not None
    again.close()
    restore()
    return JournalStore(file, 600, clock)


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
@pytest.mark.parametrize("kind", ["finalize", "delete", "cancel"])
@pytest.mark.parametrize("was_done", [True, False])
async def test_an_operation_that_waited_in_an_adopted_copy_is_settled_by_reading_and_never_sent(
    store: JournalStore, file: Path, clock: Clock, state: State, kind: str, was_done: bool
) -> None:
    with closing(restored_without_the_send(store, file, clock, state, kind)) as restored:
        restored.upkeep.adopt_file()
        bench = Bench(restored, SettlementPolicy(timeout=20.0, late_apply=60.0, read_lag=0.0, foreign_gap=0.0))
        bench.erp.orders = {"PO-1": order()}
        if was_done:
            effect = {"finalize": "closed", "cancel": "cancelled"}
            bench.erp.orders = {"PO-1": order(status=effect[kind])} if kind in effect else {}
        [recorded] = restored.live(None)
        operation_id = recorded.operation.id
        assert (recorded.state, recorded.sent_at) == ("UNKNOWN", None)

        said = await bench.execute(operation_id)
        assert bench.erp.writes == []
        if was_done:
            assert said.status == "done"
            assert "restored from a copy" in said.message
            return
        assert (said.status, said.do_not_repeat) == ("unknown", True)
        # What may have been sent until the copy was adopted may come as late as anything that is sent then.
        clock.now += 101
        assert await bench.reconcile(operation_id) == "NOT_APPLIED"
        assert restored.upkeep.verify() == []


def test_without_the_doubt_what_was_sent_before_a_copy_was_put_back_is_sent_again(
    store: JournalStore, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restores, "doubt_waiting", lambda db, now: None)
    with closing(restored_without_the_send(store, file, clock, "APPROVED", "delete")) as restored:
        restored.upkeep.adopt_file()
        [recorded] = restored.live(None)

        assert restored.claim(recorded.operation.id, CONNECTION) is not None


# Put back where no mark tells of it


def put_back_whole(store: JournalStore, file: Path, state: State, way: str) -> JournalStore:
    """A journal whose folder was put back as it was before its operation was sent: a mark is no newer than its file."""
    take_to(store, guarded_operation(), state)
    store.close()
    if way == "alone":
        mark_of(file).unlink()
    if way == "with a mark that was cut":
        mark_of(file).write_bytes(b"")
    if way == "with its mark":
        noted = json.loads(mark_of(file).read_text())
        # The mark of a backup: it was noted long before the system changed the file here.
        mark_of(file).write_text(json.dumps({**noted, "at": noted["at"] - 60 * 10**9}))
    return JournalStore(file, 600, store._clock)


WAYS = ["alone", "with a mark that was cut", "with its mark"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
def test_what_waits_in_a_file_that_may_have_been_put_back_is_not_known(
    store: JournalStore, file: Path, state: State, way: str
) -> None:
    with closing(put_back_whole(store, file, state, way)) as restored:
        [seen] = restored.live(None)
        operation = seen.operation
        recorded = mark_of(file).read_bytes() if mark_of(file).exists() else None

        assert (seen.state, restored.upkeep.verify()) == ("UNKNOWN", [])
        assert (mark_of(file).read_bytes() if mark_of(file).exists() else None) == recorded, "reading changes nothing"
        assert not restored.approve(operation.id, operation.payload, {})
        assert restored.claim(operation.id, CONNECTION) is None
        assert restored.events(operation.id)[-1].detail == {"because": "the journal was restored"}
        with pytest.raises(OperationUnderWay, match="not confirmed"):
            propose(restored, guarded_operation("cancel"))
        # Nothing else is stopped, and what is asked for from now on waits as ever.
        later = take_to(restored, guarded_operation(number="PO-2"), "APPROVED")
        assert state_of(restored, later) == "APPROVED"
    with closing(JournalStore(file)) as again:
        assert (state_of(again, later), again.upkeep.verify()) == ("APPROVED", [])


@pytest.mark.parametrize("way", WAYS)
def test_no_order_is_created_unseen_for_as_long_as_a_call_may_be_repeated(
    store: JournalStore, file: Path, clock: Clock, way: str
) -> None:
    with closing(put_back_whole(store, file, "DONE", way)) as restored:
        assert restored.may_lack_events()
        with pytest.raises(JournalUnavailable, match="just restored"):
            restored.propose(create("PO-7"), {}, approved=True)
        assert propose(restored, create("PO-8", question=True)).state == "PROPOSED"
    # Who starts later knows it, too, though the mark is po-mcp's own again.
    with closing(JournalStore(file, 600, clock)) as later:
        assert later.may_lack_events()
        with pytest.raises(JournalUnavailable, match="just restored"):
            propose(later, create("PO-9", vendor="y", content_digest="y"), approved=True)

        clock.now += 601

        assert not later.may_lack_events()
        assert propose(later, create("PO-10", vendor="x", content_digest="x"), approved=True).state == "APPROVED"
        assert [one.event for one in later.events("")] == ["may have been put back"]
        assert later.upkeep.verify() == []


def test_a_person_who_adopts_such_a_file_has_looked(store: JournalStore, file: Path) -> None:
    with closing(put_back_whole(store, file, "DONE", "with its mark")) as restored:
        take_to(restored, guarded_operation(number="PO-2"), "APPROVED")

        assert "may be missing" in restored.upkeep.adopt_file()

        assert not restored.may_lack_events()
        assert restored.upkeep.adopt_file() == ""
        assert restored.upkeep.verify() == []


def test_a_file_that_was_not_put_back_lacks_nothing(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "DONE")
    store.close()
    with closing(JournalStore(file, 600, clock)) as again:
        assert not again.may_lack_events()
        assert propose(again, create("PO-7"), approved=True).state == "APPROVED"
        assert again.events("") == []


@pytest.mark.parametrize("control", ["note_put_back", "may_lack_events"])
def test_without_the_note_a_new_order_goes_out_unseen(
    store: JournalStore, file: Path, monkeypatch: pytest.MonkeyPatch, control: str
) -> None:
    instead = {"note_put_back": restores.doubt_waiting, "may_lack_events": lambda *of: False}
    monkeypatch.setattr(restores, control, instead[control])
    with closing(put_back_whole(store, file, "DONE", "with its mark")) as restored:
        assert propose(restored, create("PO-7"), approved=True).state == "APPROVED"


@pytest.mark.parametrize("way", WAYS)
def test_adopting_such_a_file_leaves_nothing_to_be_sent(store: JournalStore, file: Path, way: str) -> None:
    with closing(put_back_whole(store, file, "APPROVED", way)) as restored:
        assert restored.upkeep.adopt_file() == ""

        assert [one.state for one in restored.live(None)] == ["UNKNOWN"]


@pytest.mark.parametrize("way", WAYS)
def test_another_process_that_saw_to_it_leaves_nothing_in_doubt(
    store: JournalStore, file: Path, clock: Clock, way: str
) -> None:
    with closing(put_back_whole(store, file, "DONE", way)) as one, closing(JournalStore(file, 600, clock)) as other:
        other.counts()
        operation_id = take_to(one, guarded_operation(number="PO-2"), "APPROVED")

        assert state_of(other, operation_id) == "APPROVED"
        assert other.claim(operation_id, CONNECTION) is not None


def test_a_file_that_is_moved_to_a_database_takes_its_doubt_along(store: JournalStore, file: Path) -> None:
    with closing(put_back_whole(store, file, "APPROVED", "alone")) as restored:
        assert isinstance(restored._file, sqlite.SqliteFile)
        with restored._file.sealing("elsewhere") as db:
            states = [row["state"] for row in db.execute("SELECT state FROM live_operations")]

    assert states == ["UNKNOWN"]


def test_without_the_look_at_the_mark_what_was_put_back_is_sent_again(
    store: JournalStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_mark.MarkFile, "is_foreign", lambda self: False)
    with closing(put_back_whole(store, file, "APPROVED", "with its mark")) as restored:
        [recorded] = restored.live(None)

        assert restored.claim(recorded.operation.id, CONNECTION) is not None


def test_a_new_journal_has_its_mark_before_its_first_event(file: Path, clock: Clock) -> None:
    with closing(JournalStore(file, 600, clock)) as first, closing(JournalStore(file, 600, clock)) as second:
        first.counts()
        assert json.loads(mark_of(file).read_text())["place"] == 0
        second.counts()
        operation_id = take_to(first, guarded_operation(), "APPROVED")

        assert second.claim(operation_id, CONNECTION) is not None


def test_the_mark_of_an_older_version_tells_no_time_and_stops_nothing(
    store: JournalStore, file: Path, clock: Clock
) -> None:
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    store.close()
    mark = json.loads(mark_of(file).read_text())
    del mark["at"]
    mark_of(file).write_text(json.dumps(mark))

    assert JournalStore(file, 600, clock).claim(operation_id, CONNECTION) is not None


def test_a_machine_that_slept_while_it_wrote_its_mark_knows_it(
    store: JournalStore, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([time.time_ns() - 3600 * 10**9])
    monkeypatch.setattr(sqlite_mark, "time", SimpleNamespace(time_ns=lambda: next(times, time.time_ns())))
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    store.close()

    assert JournalStore(file, 600, clock).claim(operation_id, CONNECTION) is not None


def lock(file: Path) -> Callable[[], None]:
    """Keep every other connection from writing; what is returned ends that."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    return db.close


def put_another_program_there(file: Path) -> Callable[[], None]:
    content = file.read_bytes()
    file.unlink()
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE invoices (number)")
    return lambda: [file.write_bytes(content)].clear()


@pytest.mark.parametrize("hinder", [lock, put_another_program_there])
def test_an_adopting_that_fails_leaves_an_older_copy_noticed(
    store: JournalStore, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, hinder: Callable[[Path], Any]
) -> None:
    """The mark was removed first: a backup that was put back after that was written to at once."""
    operation_id = take_to(store, guarded_operation(), "APPROVED")
    store.close()
    former = file.read_bytes()
    with closing(JournalStore(file, 600, clock)) as again:
        again.claim(operation_id, CONNECTION)
    monkeypatch.setattr(sqlite, "BUSY_S", 0.0)
    end = hinder(file)
    with pytest.raises(JournalUnavailable), closing(JournalStore(file, 600, clock)) as failing:
        failing.upkeep.adopt_file()
    end()
    file.write_bytes(former)

    assert "older copy" in read_refusal(JournalStore(file, 600, clock))
    assert "goes on from" in JournalStore(file, 600, clock).upkeep.adopt_file()


def test_adopting_puts_a_mark_where_none_could_be_written(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "DONE")
    store.close()
    mark_of(file).unlink()
    os.mkfifo(mark_of(file))

    assert JournalStore(file, 600, clock).upkeep.adopt_file() == ""
    assert json.loads(mark_of(file).read_text())["place"] == JournalStore(file, 600, clock).counts()[1]


def test_adopting_begins_a_new_journal_where_the_former_is_gone(store: JournalStore, file: Path, clock: Clock) -> None:
    take_to(store, guarded_operation(), "UNKNOWN")
    store.close()
    file.unlink()
    new = JournalStore(file, 600, clock)

    assert new.upkeep.adopt_file() != ""
    assert propose(new, guarded_operation()).state == "PROPOSED"


def test_adopting_what_is_as_it_should_be_changes_nothing(store: JournalStore, file: Path) -> None:
    operation_id = take_to(store, guarded_operation(), "SENT")
    before = store.counts()

    assert store.upkeep.adopt_file() == ""
    assert store.counts() == before
    assert store.finish(operation_id, "SENT", "DONE", outcome(), {})
    assert JournalStore(file).upkeep.verify() == []


def test_a_journal_in_memory_has_no_file_to_lose() -> None:
    store = JournalStore()

    assert take_to(store, guarded_operation(), "DONE")
    assert store.upkeep.adopt_file() == ""
    assert not store.is_shared


# A power cut


KILLED = """
import os, signal, sys
from po_mcp.writes.journal import JournalStore
from tests.writes.making import guarded_operation, take_to
store = JournalStore(sys.argv[1])
print(take_to(store, guarded_operation(), "SENT"), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.process
def test_a_claim_is_there_after_a_kill(file: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file)], capture_output=True, text=True, check=False)

    after = JournalStore(file)

    assert killed.returncode < 0
    assert state_of(after, killed.stdout.strip()) == "SENT"
    assert find(after, killed.stdout.strip()).sent_at is not None
    assert after.upkeep.verify() == []


def test_a_copy_of_the_whole_folder_is_a_journal(store: JournalStore, file: Path, tmp_path: Path) -> None:
    """A backup of all its files at once, taken while no process writes."""
    take_to(store, guarded_operation(), "SENT")
    shutil.copytree(file.parent, tmp_path / "copy")

    copy = JournalStore(tmp_path / "copy" / file.name)

    assert copy.upkeep.verify() == []
    assert copy.counts() == store.counts()


def test_a_journal_that_the_system_does_not_make_durable_is_refused(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_SYNCHRONOUS_FULL", 3)

    assert "cannot be written safely" in read_refusal(store)


def test_a_file_that_cannot_be_written_is_no_endless_wait(file: Path) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE any_table (x)")
    readonly = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    with closing(readonly) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        sqlite_connection.switch_to_wal(db)


def test_another_journal_in_the_same_file_stops_writes(store: JournalStore, file: Path, tmp_path: Path) -> None:
    other = JournalStore(tmp_path / "other" / "journal.db")
    propose(other, guarded_operation())
    other.close()
    propose(store, guarded_operation())
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as open_file:
        open_file.write((tmp_path / "other" / "journal.db").read_bytes())
        open_file.truncate()

    assert "Another journal was written over this one" in read_refusal(store)
