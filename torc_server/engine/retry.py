"""Running a job again within the same run (server.md 3.7), and what had been canceled below it waits again."""

from __future__ import annotations

from torc_core.models.status import JobStatus
from torc_server.engine.complete import camel, job_and_run
from torc_server.engine.notes import note
from torc_server.engine.transition import Row, force_status, recount, set_status
from torc_server.errors import Invalid
from torc_server.store.batch import Batch

RETRIABLE = (JobStatus.RUNNING, JobStatus.FAILED, JobStatus.TERMINATED)


def retry_job(batch: Batch, job_id: int, run_id: int, max_retries: int) -> None:
    """A failed, terminated or (for torc's runners) running job becomes ready under the next attempt.

    Raises NotFound, and Invalid for another run, another status, or when `max_retries` attempts were made.
    """
    row, current, info = job_and_run(batch, job_id)
    status, attempt = JobStatus(row[2]), info[4]
    if run_id != current:
        raise Invalid(f"Run ID mismatch: provided {run_id} but workflow is at run {current}")
    if status not in RETRIABLE:
        raise Invalid(f"Job cannot be retried: status is {camel(status)}, must be Running, Failed, or Terminated")
    if attempt >= max_retries:
        raise Invalid(f"Job cannot be retried: attempt_id {attempt} >= max_retries {max_retries}")
    if info[5] is not None:
        batch.wake_nodes.add(info[5])
    force_status(batch, row, JobStatus.READY)
    batch.run("UPDATE job SET attempt_id = attempt_id + 1, start_ms = NULL WHERE id = ?", job_id)
    note(
        batch,
        row[1],
        event_type="job_retried",
        job_id=job_id,
        job_name=info[6],
        previous_attempt=attempt,
        new_attempt=attempt + 1,
        run_id=run_id,
        message=f"Job with name = {info[6]} retried: attempt {attempt} -> {attempt + 1}",
    )
    block_again(batch, [job_id])


def block_again(batch: Batch, job_ids: list[int]) -> None:
    """Descendants that were canceled from upstream wait again: `job_ids` will run once more.

    Walks down through canceled jobs (and no others): a job that ran keeps its end. What had become ready in spite of
    the failure, and was not yet handed out, waits for the new outcome.
    """
    rows = batch.run(
        "WITH RECURSIVE below(id) AS ("
        " SELECT edge.job_id FROM json_each(?) AS told"
        "  JOIN job_depends_on AS edge ON edge.depends_on_job_id = told.value"
        "  JOIN job ON job.id = edge.job_id AND job.status = 7 AND job.result_id IS NULL AND job.node_id IS NULL"
        " UNION SELECT edge.job_id FROM below JOIN job_depends_on AS edge ON edge.depends_on_job_id = below.id"
        "  JOIN job ON job.id = edge.job_id AND job.status = 7 AND job.result_id IS NULL AND job.node_id IS NULL)"
        " SELECT job.id, job.workflow_id, job.status FROM below JOIN job ON job.id = below.id",
        batch.json(job_ids),
    ).all()
    canceled: list[Row] = [(row[0], row[1], row[2]) for row in rows]
    set_status(batch, canceled, JobStatus.BLOCKED)
    touched = batch.json([*job_ids, *(row[0] for row in canceled)])
    recount(
        batch,
        "SELECT value FROM json_each(?1) UNION SELECT job_id FROM job_depends_on"
        " WHERE depends_on_job_id IN (SELECT value FROM json_each(?1))",
        touched,
    )
    early = batch.run(
        "SELECT DISTINCT job.id, job.workflow_id, job.status FROM job_depends_on AS edge"
        " JOIN job ON job.id = edge.job_id"
        " WHERE edge.depends_on_job_id IN (SELECT value FROM json_each(?)) AND job.status = 2 AND job.unmet > 0",
        touched,
    ).all()
    set_status(batch, [(row[0], row[1], row[2]) for row in early], JobStatus.BLOCKED)
