"""Which jobs run again because what they run or read has changed: what clients see of files, and the plan they get.

The server looks at no file (server.md 1.2): a client on a host that has them asks which matter (`WatchedFiles`), and
says of those that are not as they were what they are now (`FilesSeen`). Times are seconds since 1970, sizes bytes.
"""

from __future__ import annotations

from msgspec import Struct, field


class FileState(Struct, kw_only=True):
    """A file as it is now; both None: it is not there."""

    id: int
    st_mtime: float | None = None
    size: int | None = None


class FilesSeen(Struct, kw_only=True):
    """Files that are not as the server knows them."""

    files: list[FileState] = field(default_factory=list)


class WatchedFile(Struct, array_like=True):
    """A file that a job reads or writes, as it was when it was last looked at (None: never)."""

    id: int
    path: str
    """From the folder the workflow was created in, or absolute."""
    st_mtime: float | None
    size: int | None
    is_output: bool
    """Whether a job writes it."""


class WatchedFiles(Struct, kw_only=True):
    """All of a workflow, and the folder where their paths begin."""

    workflow_id: int
    origin: str | None = None
    files: list[WatchedFile] = field(default_factory=list)


class ChangedJob(Struct, kw_only=True):
    """A job that runs again, and why: `file words.txt changed: size 12 -> 15`, `command changed`, …"""

    job_id: int
    name: str
    status: str
    reasons: list[str]


class ReinitializeAnswer(Struct, kw_only=True):
    """What a reinitialisation does, or would do."""

    workflow_id: int
    name: str
    run_id: int
    """The run that it begins; the present one when nothing is to run."""
    dry_run: bool
    changed: list[ChangedJob]
    """In the order of their ids; as many as were asked for."""
    changed_count: int
    below_count: int
    """Jobs that run again because one above them does."""
    uninitialized_count: int
    """Jobs that were never put to work, or were reset, and are now."""
    kept_count: int
    """All others: they stay as they are."""
