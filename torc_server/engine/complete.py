"""torc's own way to run a job: start_job, complete_job, manage_status_change (server.md 3.3, 3.4, 7.3)."""

from __future__ import annotations

from typing import Any

from torc_core.models.resources import Result
from torc_core.models.status import ACTIVE, COMPLETE, ENDED, TERMINAL, JobStatus
from torc_server.engine.graph import recount_around
from torc_server.engine.initialize import rows_below, uninitialize
from torc_server.engine.transition import Row, force_status, new_attempt, set_status
from torc_server.engine.unblock import block_again
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch

_RESULT_COLUMNS = (
    "workflow_id", "job_id", "run_id", "attempt_id", "compute_node_id", "return_code", "exec_time_minutes",
    "completion_time", "status", "peak_memory_bytes", "avg_memory_bytes", "peak_cpu_percent", "avg_cpu_percent",
)  # fmt: skip


def job_and_run(batch: Batch, job_id: int) -> tuple[Row, int, Any]:
    """((job, workflow, status), the workflow's run id, the row); NotFound for an unknown job."""
    row = batch.run(
        "SELECT job.id, job.workflow_id, job.status, workflow.run_id, job.attempt_id, job.node_id, job.name,"
        " workflow.is_canceled"
        " FROM job JOIN workflow ON workflow.id = job.workflow_id WHERE job.id = ?",
        job_id,
    ).one_or_none()
    if row is None:
        raise NotFound(f"Job not found with ID: {job_id}")
    return (row[0], row[1], JobStatus(row[2])), row[3], row


def same_run(told: int, run_id: int) -> None:
    """Refuse a report of another run."""
    if told != run_id:
        raise Invalid(f"Run ID mismatch: provided {told} but workflow status has {run_id}")


def camel(status: JobStatus) -> str:
    """The status as torc's messages write it, e.g. `PendingFailed`."""
    return status.label.title().replace("_", "")


def start_job(batch: Batch, job_id: int, run_id: int, node_id: int) -> None:
    """A claimed job runs on a node. Conflict unless it is pending, Invalid for another run."""
    row, current, info = job_and_run(batch, job_id)
    same_run(run_id, current)
    if info[7]:
        raise Conflict(f"Workflow {row[1]} is canceled; reset its status before starting jobs")
    if row[2] != JobStatus.PENDING:
        raise Conflict(f"Job {job_id} is {JobStatus(row[2]).label}, not pending; claim it before starting it")
    node = batch.run("SELECT workflow_id FROM compute_node WHERE id = ?", node_id).scalar_one_or_none()
    set_status(batch, [row], JobStatus.RUNNING)
    batch.run(
        "UPDATE job SET node_id = ?, start_ms = ? WHERE id = ?",
        node_id if node == row[1] else None,
        batch.now_ms,
        job_id,
    )


def complete_job(batch: Batch, job_id: int, status: JobStatus, run_id: int, result: Result) -> None:
    """End a job with a result, in one step (server.md 3.3). The job need not be running: torc's clients rely on it.

    Raises NotFound, Invalid (status that ends nothing, other run, already complete), Conflict (result exists).
    """
    if status not in TERMINAL:
        raise Invalid(f"status {status.label} does not end a job; use completed, failed, canceled, terminated")
    row, current, info = job_and_run(batch, job_id)
    if row[2] in COMPLETE:
        raise Invalid(f"Job {job_id} is already complete with status {camel(JobStatus(row[2]))}")
    same_run(run_id, current)
    if (result.job_id, result.run_id, result.status) != (job_id, run_id, status.label):
        raise Invalid(
            f"the body says job {result.job_id}, run {result.run_id}, {result.status};"
            f" the path says job {job_id}, run {run_id}, {status.label}"
        )
    if row[2] == JobStatus.PENDING_FAILED:  # the verdict on a failure replaces its result
        batch.run(
            "DELETE FROM result WHERE job_id = ? AND run_id = ? AND attempt_id = ?",
            job_id,
            run_id,
            result.attempt_id or info[4],
        )
    if info[5] is not None:
        batch.wake_nodes.add(info[5])
    result_id = store_result(batch, row[1], job_id, run_id, result, status, result.attempt_id or info[4])
    batch.run("UPDATE job SET result_id = ? WHERE id = ?", result_id, job_id)
    force_status(batch, row, status)


def store_result(
    batch: Batch, workflow_id: int, job_id: int, run_id: int, result: Result, status: JobStatus, attempt_id: int
) -> int:
    """Insert a result row; Conflict when this attempt already has one."""
    values = (
        workflow_id, job_id, run_id, attempt_id, result.compute_node_id, result.return_code, result.exec_time_minutes,
        result.completion_time, int(status), result.peak_memory_bytes, result.avg_memory_bytes,
        result.peak_cpu_percent, result.avg_cpu_percent,
    )  # fmt: skip
    if batch.run(
        "SELECT 1 FROM result WHERE job_id = ? AND run_id = ? AND attempt_id = ?", job_id, run_id, attempt_id
    ).one_or_none():
        raise Conflict(f"job {job_id} already has a result for run {run_id}, attempt {attempt_id}")
    row = batch.run(
        f"INSERT INTO result ({', '.join(_RESULT_COLUMNS)}) VALUES ({', '.join('?' * len(values))}) RETURNING id",
        *values,
    ).one()
    return int(row[0])


def manage_status_change(batch: Batch, job_id: int, status: JobStatus, run_id: int) -> None:
    """Set a status that ends nothing (server.md 3.4), even ready before the parents ended; what is below stays right.

    A complete job made uninitialized takes everything below along; one that is to run again otherwise makes what had
    been decided below it wait again.
    """
    if status in COMPLETE:
        raise Invalid(
            f"Cannot set completion status '{status.label}' via manage_status_change. Use complete_job API instead."
        )
    row, current, _ = job_and_run(batch, job_id)
    old = JobStatus(row[2])
    if old == status:
        return
    same_run(run_id, current)
    if status == JobStatus.UNINITIALIZED:
        below = rows_below(batch.conn, [job_id]) if old in COMPLETE else []
        uninitialize(batch, [row, *below])
        recount_around(batch, [job_id, *(r[0] for r in below)])
        return
    if not (old in ACTIVE and status in ACTIVE):
        new_attempt(batch, [job_id])
    force_status(batch, row, status)
    if old in ENDED and status not in ENDED:
        block_again(batch, [job_id])
