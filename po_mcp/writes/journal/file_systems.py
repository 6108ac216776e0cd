"""Which file systems are remote, so that SQLite's locks do not hold on them (https://www.sqlite.org/wal.html)."""

from __future__ import annotations

from pathlib import Path

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
