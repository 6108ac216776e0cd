"""Where the journal's file may lie: on a disk of this machine, since SQLite's locks do not hold on a remote one.

Source: https://www.sqlite.org/wal.html.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from po_mcp.errors import JournalUnavailable

_MOUNTS = Path("/proc/self/mounts")
_REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs"),
        *("ocfs2", "gfs2", "orangefs", "pvfs2", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "davfs", "davfs2", "ncpfs"),
    }
)
_LOCAL_FUSE = frozenset(
    {
        *("fuse.ext2", "fuse.ext3", "fuse.ext4", "fuse.ntfs-3g", "fuse.exfat", "fuse.btrfs", "fuse.zfs"),
        *("fuse.bindfs", "fuse.mergerfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.fuse-overlayfs"),
    }
)
"""What runs in user space over a disk of this machine; every other `fuse.` may be anywhere."""


def remote_kind(folder: Path) -> str | None:
    """Return the kind of the file system that a folder lies on if that is remote; None for a local one.

    None also where the system does not tell: Linux alone lists its mounts in a file.
    """
    kind = _kind_of(folder)
    is_remote = kind in _REMOTE or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)
    return kind if is_remote else None


def _kind_of(folder: Path) -> str:
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    # A link in a local folder may lead to a share.
    place = folder.resolve()
    found = [row.split()[1:3] for row in mounts]
    holding = [
        (len(point), order, kind)
        for order, (point, kind) in enumerate(found)  # of two mounts on one point the later one holds
        if place.is_relative_to(point.replace("\\040", " "))
    ]
    return max(holding, default=(0, 0, ""))[2]


def find_obstacle(path: Path) -> str:
    """Say why a file cannot be written, or made; "" where it can."""
    there = next(part for part in (path, *path.parents) if part.exists())
    if there != path and not there.is_dir():
        return f"The journal {path} cannot be made: {there} is no folder."
    if not os.access(there, os.W_OK):
        return f"The journal {path} cannot be {'written' if there == path else f'made: {there} cannot be written'}."
    return ""


def make_private(path: Path) -> None:
    """Make a file that its owner alone reads, and its folder, on a disk that can lock it; `JournalUnavailable`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Before its mode is set: as root, that of a device would be changed for everybody.
    if path.exists() and not path.is_file():
        raise JournalUnavailable(
            f"{path} is no file, so it cannot be the journal.",
            effect="nothing_sent",
            next_step="Your administrator must set PO_MCP_JOURNAL to the path of a file.",
        )
    if (kind := remote_kind(path.parent)) is not None:
        raise JournalUnavailable(
            f"The journal is on a network drive ({kind}), which cannot lock it.",
            effect="nothing_sent",
            next_step="Your administrator must set PO_MCP_JOURNAL to a local path.",
        )
    # A file that is there is not opened: to close it would drop the locks that other connections of this process hold.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    path.chmod(0o600)
