"""What the end of a job means for the jobs that depend on it (design: section 3, rules of the state machine).

Each job carries two counters: `unmet`, parents not yet ended, and `bad`, parents that ended without success. What
happens to a job is decided when its last parent ends: any bad parent and `cancel_on_blocking_job_failure` cancels it,
which is itself an end, and so on at any depth; otherwise it becomes ready. An end touches its dependents only.
"""

from __future__ import annotations

from torc_core.models.status import JobStatus
from torc_server.engine.transition import set_status
from torc_server.store.batch import Batch


def propagate(batch: Batch) -> None:
    """Tell the dependents of everything that ended in this batch, level by level, until nothing more ends."""
    while batch.ended:
        ended = batch.ended
        batch.ended = {}
        rows = batch.run(
            "UPDATE job SET unmet = unmet - told.ended, bad = bad + told.failed FROM ("
            "  SELECT edge.job_id AS id, count(*) AS ended, sum(parent.value ->> 1) AS failed"
            "  FROM json_each(?) AS parent JOIN job_depends_on AS edge ON edge.depends_on_job_id = parent.value ->> 0"
            "  GROUP BY edge.job_id"
            ") AS told WHERE job.id = told.id"
            " RETURNING id, workflow_id, status, unmet, bad, cancel_on_blocking_job_failure",
            batch.json([[job, not good] for job, good in ended.items()]),
        ).all()
        decided = [row for row in rows if row[2] == JobStatus.BLOCKED and row[3] == 0]
        canceled = [(row[0], row[1], JobStatus.BLOCKED) for row in decided if row[4] and row[5]]
        ready = [(row[0], row[1], JobStatus.BLOCKED) for row in decided if not (row[4] and row[5])]
        set_status(batch, ready, JobStatus.READY)
        set_status(batch, canceled, JobStatus.CANCELED)
