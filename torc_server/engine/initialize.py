"""Making jobs ready or blocked (server.md 5.1, with its defects mended: jobs that run or ended are left alone)."""

from __future__ import annotations

from torc_core.models.status import JobStatus
from torc_server.engine.transition import Row, recount, set_status
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch

_IMPLIED = """
INSERT OR IGNORE INTO job_depends_on (job_id, depends_on_job_id)
SELECT DISTINCT consumer.job_id, producer.job_id
FROM job_output_{kind} AS producer JOIN job_input_{kind} AS consumer ON consumer.{kind}_id = producer.{kind}_id
JOIN {kind} ON {kind}.id = producer.{kind}_id
WHERE {kind}.workflow_id = ? AND consumer.job_id <> producer.job_id
"""


def initialize(batch: Batch, workflow_id: int, only_uninitialized: bool = False) -> int:
    """Add the dependencies that files and user data imply, set the counters, and put uninitialized jobs to work.

    With `only_uninitialized` everything below an uninitialized job is uninitialized first, so that it runs again.
    Without it, jobs that failed to get an end (terminated, pending_failed) are put to work too, as in torc, and those
    that were claimed without a lease and never started are ready again.
    Returns how many jobs became blocked or ready. Raises NotFound, and Invalid when the dependencies form a cycle.
    """
    if batch.run("SELECT 1 FROM workflow WHERE id = ?", workflow_id).one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    for kind in ("file", "user_data"):
        batch.run(_IMPLIED.format(kind=kind), workflow_id)
    if only_uninitialized:
        uninitialize(batch, _below_uninitialized(batch, workflow_id))
    else:
        again = (JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
        uninitialize(batch, [row for status in again for row in _with_status(batch, workflow_id, status)])
        unheld = "SELECT id FROM job WHERE workflow_id = ? AND status = 3 AND node_id IS NULL"
        claimed = batch.run(unheld, workflow_id).scalars()
        set_status(batch, [(job, workflow_id, JobStatus.PENDING) for job in claimed], JobStatus.READY)
    refuse_cycle(batch, workflow_id)
    recount(batch, "SELECT id FROM job WHERE workflow_id = ?", workflow_id)
    return start_waiting(batch, workflow_id)


def start_waiting(batch: Batch, workflow_id: int) -> int:
    """Uninitialized jobs become ready, blocked, or canceled, as their counters say; returns how many there were."""
    rows = batch.run(
        "SELECT id, unmet, bad, cancel_on_blocking_job_failure FROM job WHERE workflow_id = ? AND status = 0",
        workflow_id,
    ).all()
    uninitialized = JobStatus.UNINITIALIZED
    set_status(batch, [(r[0], workflow_id, uninitialized) for r in rows if r[1]], JobStatus.BLOCKED)
    ended = [r for r in rows if not r[1]]
    set_status(batch, [(r[0], workflow_id, uninitialized) for r in ended if r[2] and r[3]], JobStatus.CANCELED)
    set_status(batch, [(r[0], workflow_id, uninitialized) for r in ended if not (r[2] and r[3])], JobStatus.READY)
    return len(rows)


def _with_status(batch: Batch, workflow_id: int, status: JobStatus) -> list[Row]:
    rows = batch.run("SELECT id FROM job WHERE workflow_id = ? AND status = ?", workflow_id, int(status))
    return [(row[0], workflow_id, status) for row in rows]


def _below_uninitialized(batch: Batch, workflow_id: int) -> list[Row]:
    """What is below the uninitialized jobs of a workflow."""
    start = batch.run("SELECT id FROM job WHERE workflow_id = ? AND status = 0", workflow_id).scalars().all()
    return rows_below(batch, list(start))


def rows_below(batch: Batch, job_ids: list[int]) -> list[Row]:
    """Jobs at any depth below these that are neither uninitialized, disabled nor with a runner."""
    rows = batch.run(
        "WITH RECURSIVE below(id) AS ("
        " SELECT edge.job_id FROM json_each(?) AS told"
        "  JOIN job_depends_on AS edge ON edge.depends_on_job_id = told.value"
        " UNION SELECT edge.job_id FROM below JOIN job_depends_on AS edge ON edge.depends_on_job_id = below.id)"
        " SELECT job.id, job.workflow_id, job.status FROM below JOIN job ON job.id = below.id"
        " WHERE job.status NOT IN (0, 3, 4, 9)",
        batch.json(job_ids),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def uninitialize(batch: Batch, rows: list[Row]) -> None:
    """Back to the start: no status, no current result. Their dependents' counters are the caller's to recount."""
    set_status(batch, rows, JobStatus.UNINITIALIZED, release=True)
    if rows:
        batch.run(
            "UPDATE job SET result_id = NULL, start_ms = NULL, ready_ms = NULL, lost = 0"
            " WHERE id IN (SELECT value FROM json_each(?))",
            batch.json([row[0] for row in rows]),
        )


def refuse_cycle(batch: Batch, workflow_id: int) -> None:
    """Raise Invalid with the path when dependencies form a cycle: such jobs would wait for ever."""
    children: dict[int, list[int]] = {}
    waiting: dict[int, int] = {}
    for child, parent in batch.run(
        "SELECT edge.job_id, edge.depends_on_job_id FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id"
        " WHERE job.workflow_id = ?",
        workflow_id,
    ):
        children.setdefault(parent, []).append(child)
        waiting[child] = waiting.get(child, 0) + 1
    free = [job for job in children if job not in waiting]
    while free:
        for child in children.pop(free.pop(), ()):
            waiting[child] -= 1
            if not waiting[child]:
                del waiting[child]
                free.append(child)
    if waiting:
        raise Invalid(f"dependencies form a cycle: {_cycle_path(batch, children, waiting)}")


def _cycle_path(batch: Batch, children: dict[int, list[int]], waiting: dict[int, int]) -> str:
    """One cycle by names; every job in `waiting` is in one or below one, so walk up until a job comes again."""
    parent_of = {child: parent for parent, below in children.items() for child in below if child in waiting}
    job = next(iter(waiting))
    seen: list[int] = []
    while job not in seen:
        seen.append(job)
        job = parent_of[job]
    path = [*seen[seen.index(job) :], job][::-1]
    shown = path if len(path) <= 12 else [*path[:11], path[-1]]
    rows = batch.run("SELECT id, name FROM job WHERE id IN (SELECT value FROM json_each(?))", batch.json(shown))
    names: dict[int, str] = {row[0]: row[1] for row in rows}
    parts = [names[i] for i in shown]
    if len(path) > 12:
        parts.insert(11, "…")
    return " -> ".join(parts)
