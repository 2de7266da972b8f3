"""Running a job again within the same run (server.md 3.7), and what had been canceled below it waits again."""

from __future__ import annotations

from torc_core.models.status import ENDED, JobStatus
from torc_server.engine.complete import camel, job_and_run
from torc_server.engine.inputs import keep_hashes_of
from torc_server.engine.notes import note
from torc_server.engine.transition import force_status
from torc_server.engine.unblock import block_again, block_early
from torc_server.errors import Invalid
from torc_server.store.batch import Batch

RETRIABLE = (JobStatus.RUNNING, JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)


def retry_job(batch: Batch, job_id: int, run_id: int, max_retries: int) -> None:
    """A job that failed, was terminated, waits for a decision (pending_failed) or, for torc's runners, runs becomes
    ready under the next attempt.

    Raises NotFound, and Invalid for another run, another status, or when `max_retries` attempts were made in this run,
    those not counted that were lost with their runner.
    """
    row, current, info = job_and_run(batch, job_id)
    status, attempt = JobStatus(row[2]), info[4]
    if run_id != current:
        raise Invalid(f"Run ID mismatch: provided {run_id} but workflow is at run {current}")
    if status not in RETRIABLE:
        raise Invalid(f"Job cannot be retried: status is {camel(status)}, must be Running, Failed, or Terminated")
    retries = batch.run("SELECT retries FROM job WHERE id = ?", job_id).scalar_one()
    if retries + 1 >= max_retries:
        raise Invalid(f"Job cannot be retried: attempt_id {retries + 1} >= max_retries {max_retries}")
    if info[5] is not None:
        batch.wake_nodes.add(info[5])
    force_status(batch, row, JobStatus.READY)
    count_retry(batch, [job_id])
    note_retry(batch, row[1], job_id, info[6], attempt, run_id)
    if status in ENDED:  # otherwise nothing below has been decided by it
        block_again(batch, [job_id])
    block_early(batch, [job_id])
    keep_hashes_of(batch, [job_id])  # it runs with what is there now


def count_retry(batch: Batch, job_ids: list[int]) -> None:
    """These jobs are at their next attempt, by a retry."""
    batch.run(
        "UPDATE job SET attempt_id = attempt_id + 1, retries = retries + 1, lost = 0, start_ms = NULL, result_id = NULL"
        " WHERE id IN (SELECT value FROM json_each(?))",
        batch.json(job_ids),
    )


def note_retry(batch: Batch, workflow_id: int, job_id: int, name: str, attempt: int, run_id: int) -> None:
    """The event that torc writes for a retry of this attempt."""
    note(
        batch,
        workflow_id,
        event_type="job_retried",
        job_id=job_id,
        job_name=name,
        previous_attempt=attempt,
        new_attempt=attempt + 1,
        run_id=run_id,
        message=f"Job with name = {name} retried: attempt {attempt} -> {attempt + 1}",
    )
