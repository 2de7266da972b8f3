"""Running again what has changed, and all below it (server.md 5.3; torc's `workflows reinitialize`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from torc_core.file_states import is_same
from torc_core.models.reinitialize import ChangedJob, FileState, ReinitializeAnswer
from torc_core.models.status import JobStatus
from torc_server.engine.graph import CHILDREN
from torc_server.engine.initialize import initialize, refuse_cycle, rows_below
from torc_server.engine.inputs import differences, states
from torc_server.engine.reset import take_back
from torc_server.engine.restart import new_run
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch, json_text

_RAN = "job.status IN (5, 6, 7, 8, 10)"
"""Only such a job can have run with something else: others will read what is there."""

WIDEST = 1_000
"""Ids of a range that is worked on in one transaction."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reinitialisation would run."""

    workflow_id: int
    name: str
    run_id: int
    reasons: dict[int, list[str]]
    """Of each changed job."""
    below: list[int]
    uninitialized: int
    total: int

    @property
    def anything(self) -> bool:
        """Whether there is anything to run."""
        return bool(self.reasons or self.uninitialized)

    def answer(self, conn: Connection, run_id: int, dry_run: bool, limit: int) -> ReinitializeAnswer:
        """As the API says it; `limit` is how many changed jobs are listed."""
        rows = conn.exec_driver_sql(
            "SELECT id, name, status FROM job WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json_text(sorted(self.reasons)[:limit]),),
        )
        changed = [
            ChangedJob(job_id=row[0], name=row[1], status=JobStatus(row[2]).label, reasons=self.reasons[row[0]])
            for row in rows
        ]
        runs = len(self.reasons) + len(self.below) + self.uninitialized
        return ReinitializeAnswer(
            workflow_id=self.workflow_id,
            name=self.name,
            run_id=run_id,
            dry_run=dry_run,
            changed=changed,
            changed_count=len(self.reasons),
            below_count=len(self.below),
            uninitialized_count=self.uninitialized,
            kept_count=self.total - runs,
        )


def scope(conn: Connection, workflow_id: int, seen: Sequence[FileState]) -> Scope:
    """Jobs that ran with something else, files as the client has `seen` them, and what is below them.

    Raises NotFound, Invalid (archived).
    """
    workflow = conn.exec_driver_sql(
        "SELECT name, run_id, is_archived,"
        " (SELECT ifnull(sum(n), 0) FROM status_count WHERE workflow_id = workflow.id),"
        " (SELECT ifnull(sum(n), 0) FROM status_count WHERE workflow_id = workflow.id AND status = 0)"
        " FROM workflow WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if workflow is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if workflow[2]:
        raise Invalid(f"Workflow {workflow_id} is archived; unarchive it before running it")
    reasons, compared = _remembered(conn, workflow_id, seen)
    for job, file_id, reason in _seen(conn, workflow_id, seen):
        if (job, file_id) not in compared:
            reasons.setdefault(job, []).append(reason)
    begin = list(reasons)
    if workflow[4]:
        sql = "SELECT id FROM job WHERE workflow_id = ? AND status = 0"
        begin += conn.exec_driver_sql(sql, (workflow_id,)).scalars()
    below = [row[0] for row in rows_below(conn, begin) if row[0] not in reasons] if begin else []
    return Scope(workflow_id, workflow[0], workflow[1], reasons, below, workflow[4], workflow[3])


def _remembered(
    conn: Connection, workflow_id: int, seen: Sequence[FileState]
) -> tuple[dict[int, list[str]], set[tuple[int, int]]]:
    """Why jobs would run or read something else than when they were put to work, as far as the database tells.

    Also the (job, file) that were compared: what the job ran with is set against how the file was `seen`, if it was.
    """
    at = {file.id: file for file in seen}
    compared: set[tuple[int, int]] = set()
    found = [(job, *differences(before, now)) for job, before, now in states(conn, workflow_id)]
    paths = _names(conn, "file", "path", {i for _, _, files, _ in found for i in files})
    names = _names(conn, "user_data", "name", {i for _, _, _, data in found for i in data})
    reasons = {}
    for job, told, files, data in found:
        said = [f"{name} changed" for name in told]
        for i, (one, two) in files.items():
            compared.add((job, i))
            before, now = _parsed(one), at.get(i) or _parsed(two)
            if i in paths and (before.st_mtime is None or not is_same(before.st_mtime, before.size, now)):
                said.append(_file_reason(paths[i], before, now))
        said += [f"user data {names[i]} changed" for i in data if i in names]
        if said:
            reasons[job] = said
    return reasons, compared


def _names(conn: Connection, table: str, column: str, ids: Iterable[int]) -> dict[int, str]:
    sql = f"SELECT id, {column} FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
    return {row[0]: row[1] for row in conn.exec_driver_sql(sql, (json_text(list(ids)),))}


def _parsed(text: str) -> FileState:
    """`mtime+size` of what is remembered; either may be missing."""
    mtime, _, size = text.rpartition("+")
    return FileState(id=0, st_mtime=float(mtime) if mtime else None, size=int(size) if size else None)


def _file_reason(path: str, before: FileState, now: FileState) -> str:
    if now.st_mtime is None and now.size in (None, before.size):
        return f"file {path} is missing"
    if before.size is not None and now.size is not None and before.size != now.size:
        return f"file {path} changed: size {before.size} -> {now.size}"
    if now.st_mtime is None:
        return f"file {path} changed"
    return f"file {path} changed: modified {_when(now.st_mtime)}"


def _when(st_mtime: float) -> str:
    """A time of a file; there are file systems on which it can be any number."""
    try:
        return f"{datetime.fromtimestamp(st_mtime, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{st_mtime:g} s after 1970"


def _seen(conn: Connection, workflow_id: int, seen: Sequence[FileState]) -> Iterable[tuple[int, int, str]]:
    """(job, file, reason) of what follows from files that are not as they were known."""
    if not seen:
        return
    now = {file.id: file for file in seen}
    rows = conn.exec_driver_sql(
        "SELECT file.id, file.path, st_mtime, size, EXISTS (SELECT 1 FROM job_output_file WHERE file_id = file.id)"
        " FROM json_each(?) AS told JOIN file ON file.id = told.value WHERE workflow_id = ? ORDER BY file.id",
        (json_text(list(now)), workflow_id),
    ).all()
    for file_id, path, st_mtime, size, is_output in rows:
        before, after = FileState(id=file_id, st_mtime=st_mtime, size=size), now[file_id]
        if is_output and after.st_mtime is None:
            yield from _jobs_of(conn, "job_output_file", "job.status = 5", file_id, f"output file {path} is missing")
        elif st_mtime is not None and not is_same(st_mtime, size, after):
            yield from _jobs_of(conn, "job_input_file", _RAN, file_id, _file_reason(path, before, after))


def _jobs_of(conn: Connection, table: str, which: str, file_id: int, reason: str) -> Iterable[tuple[int, int, str]]:
    sql = f"SELECT job.id FROM {table} AS edge JOIN job ON job.id = edge.job_id WHERE edge.file_id = ? AND {which}"
    return [(job, file_id, reason) for job in conn.exec_driver_sql(sql, (file_id,)).scalars()]


def record(batch: Batch, workflow_id: int, seen: Sequence[FileState]) -> None:
    """From now on files are known as they were seen; what is missing keeps what was known of it."""
    batch.run(
        "UPDATE file SET st_mtime = told.value ->> 1, size = told.value ->> 2 FROM json_each(?) AS told"
        " WHERE file.id = told.value ->> 0 AND file.workflow_id = ?",
        batch.json([[file.id, file.st_mtime, file.size] for file in seen if file.st_mtime is not None]),
        workflow_id,
    )


def begun(conn: Connection, workflow_id: int) -> list[tuple[int, int]]:
    """Id ranges, of a portion at the most, that hold every uninitialized job."""
    sql = "SELECT id FROM job WHERE workflow_id = ? AND status = 0 ORDER BY id"
    return _ranges(conn.exec_driver_sql(sql, (workflow_id,)).scalars())


def to_start(conn: Connection, workflow_id: int) -> list[tuple[int, int]]:
    """Likewise, and the jobs directly below those, whose counters they change."""
    sql = "SELECT id FROM job WHERE workflow_id = ? AND status = 0"
    ids = set(conn.exec_driver_sql(sql, (workflow_id,)).scalars())
    return _ranges(sorted(ids.union(conn.exec_driver_sql(CHILDREN, (json_text(list(ids)),)).scalars())))


def _ranges(ids: Iterable[int]) -> list[tuple[int, int]]:
    """[first, last] of stretches of ids, which are in order, none wider than WIDEST."""
    found: list[tuple[int, int]] = []
    for each in ids:
        if found and each - found[-1][0] < WIDEST:
            found[-1] = found[-1][0], each
        else:
            found.append((each, each))
    return found


def reinitialize(batch: Batch, workflow_id: int, seen: Sequence[FileState], limit: int) -> ReinitializeAnswer:
    """Run again, in one transaction, what `scope` says; returns its answer."""
    found = scope(batch.conn, workflow_id, seen)
    record(batch, workflow_id, seen)
    if not found.anything:
        return found.answer(batch.conn, found.run_id, False, limit)
    refuse_cycle(batch.conn, workflow_id)
    answer = found.answer(batch.conn, new_run(batch, workflow_id), False, limit)
    take_back(batch, list(found.reasons))
    initialize(batch, workflow_id, only_uninitialized=True)
    return answer
