"""What the end of a job means for the jobs that depend on it (design: section 3, rules of the state machine).

Each job carries two counters: `unmet`, parents not yet ended, and `bad`, parents that ended without success. What
happens to a job is decided when its last parent ends: any bad parent and `cancel_on_blocking_job_failure` cancels it,
which is itself an end, and so on at any depth; otherwise it becomes ready. An end touches its dependents only.
"""

from __future__ import annotations

from torc_core.models.status import JobStatus
from torc_server.engine.graph import CHILDREN, below, count_down, recount_around
from torc_server.engine.transition import Row, set_status
from torc_server.store.batch import Batch

CANCELED_FROM_UPSTREAM = "job.status = 7 AND NOT job.canceled_by_user AND job.result_id IS NULL"
"""A condition on `job`: it was canceled because a parent did not succeed, and never ran."""


def propagate(batch: Batch) -> None:
    """Tell the dependents of everything that ended in this batch, level by level, until nothing more ends."""
    while batch.ended:
        ended = batch.ended
        batch.ended = {}
        rows = count_down(batch, ended)
        decided = [row for row in rows if row[2] == JobStatus.BLOCKED and row[3] == 0]
        canceled = [(row[0], row[1], JobStatus.BLOCKED) for row in decided if row[4] and row[5]]
        ready = [(row[0], row[1], JobStatus.BLOCKED) for row in decided if not (row[4] and row[5])]
        set_status(batch, ready, JobStatus.READY)
        set_status(batch, canceled, JobStatus.CANCELED)


def block_again(batch: Batch, job_ids: list[int]) -> None:
    """Descendants that were canceled from upstream wait again: `job_ids` will run once more.

    Walks down through such jobs (and no others): one that ran, or that the user canceled, keeps its end. What had
    become ready in spite of the failure, and was not yet handed out, waits for the new outcome.
    """
    walk = below("SELECT value FROM json_each(?1)", CANCELED_FROM_UPSTREAM)
    rows = batch.run(
        f"{walk} SELECT job.id, job.workflow_id, job.status FROM below JOIN job ON job.id = below.id",
        batch.json(job_ids),
    ).all()
    canceled: list[Row] = [(row[0], row[1], row[2]) for row in rows]
    set_status(batch, canceled, JobStatus.BLOCKED)
    touched = [*job_ids, *(row[0] for row in canceled)]
    recount_around(batch, touched)
    block_early(batch, list(batch.run(CHILDREN, batch.json(touched)).scalars()))


def block_early(batch: Batch, job_ids: list[int]) -> None:
    """Of these jobs those that are ready although a parent is to run once more wait for it.

    Whatever gives a job back to its workflow calls this: a parent may have been retried while the job was handed out.
    """
    rows = batch.run(
        "SELECT id, workflow_id, status FROM job WHERE status = 2 AND unmet > 0"
        " AND id IN (SELECT value FROM json_each(?))",
        batch.json(job_ids),
    ).all()
    set_status(batch, [(row[0], row[1], row[2]) for row in rows], JobStatus.BLOCKED)
