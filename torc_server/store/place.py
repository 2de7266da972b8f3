"""Where a database lies: on a network file system SQLite's locks and log cannot be relied on (design: section 3)."""

from __future__ import annotations

from pathlib import Path

import psutil

NETWORK = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs",
    "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "sshfs", "webdav", "wekafs",
})  # fmt: skip
"""Types of file systems that several hosts share; those by way of FUSE without their prefix."""


def network_file_system(path: Path) -> str | None:
    """The type of the network file system that a file lies on, e.g. `nfs4`; None on a disk of this host."""
    place = path.resolve()
    mounts = [each for each in psutil.disk_partitions(all=True) if place.is_relative_to(each.mountpoint)]
    if not mounts:
        return None
    kind = max(reversed(mounts), key=lambda each: len(Path(each.mountpoint).parts)).fstype.lower()
    return kind if kind.removeprefix("fuse.") in NETWORK else None
