"""The files of a workflow as they are on this host, against what the server knows of them."""

from __future__ import annotations

import os

from torc_core.models.reinitialize import FileState, WatchedFiles

SAME_S = 0.01
"""Times nearer than this are the same (cli.md, reinitialise): some file systems round them."""


def can_look(watched: WatchedFiles) -> bool:
    """Whether the folder of the workflow is on this host."""
    return watched.origin is not None and os.path.isdir(watched.origin)


def look(watched: WatchedFiles) -> list[FileState]:
    """What is not as the server knows it: changed, looked at for the first time, or gone."""
    origin = watched.origin or ""
    seen = []
    for file in watched.files:
        now = state(file.id, os.path.join(origin, file.path))
        if not is_same(file.st_mtime, file.size, now) or now.st_mtime is None:
            seen.append(now)
    return seen


def state(file_id: int, path: str) -> FileState:
    """A file as it is."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return FileState(id=file_id)
    return FileState(id=file_id, st_mtime=stat.st_mtime, size=stat.st_size)


def is_same(st_mtime: float | None, size: int | None, now: FileState) -> bool:
    """Whether a file is as it was; a size that was never told says nothing."""
    if st_mtime is None or now.st_mtime is None:
        return st_mtime is now.st_mtime
    return abs(st_mtime - now.st_mtime) < SAME_S and size in (None, now.size)
