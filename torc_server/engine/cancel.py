"""Canceling (design: section 3): waiting jobs at once; what runs reads canceled until its runner confirms the death."""

from __future__ import annotations

from sqlalchemy import Connection

from torc_core.crash import crash_point
from torc_core.models.status import COMPLETE, JobStatus
from torc_server.engine.complete import camel, job_and_run
from torc_server.engine.graph import count_down_barriers
from torc_server.engine.initialize import EVERY
from torc_server.engine.notes import note
from torc_server.engine.transition import Row, set_status
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch


def is_over(conn: Connection, workflow_id: int) -> bool:
    """Whether a workflow has jobs, all of which have ended, and no runner, which may be at its last actions."""
    found = conn.exec_driver_sql(
        "SELECT sum(n) > 0 AND sum(n * (status NOT IN (5, 6, 7, 8, 9))) = 0"
        " AND NOT EXISTS (SELECT 1 FROM compute_node WHERE workflow_id = ?1 AND is_active = 1)"
        " FROM status_count WHERE workflow_id = ?1",
        (workflow_id,),
    )
    return bool(found.scalar_one())


def cancel_workflow(batch: Batch, workflow_id: int) -> None:
    """Cancel every job that has not ended, and the workflow itself. NotFound for an unknown one."""
    forbid_work(batch, workflow_id)
    _cancel_range(batch, workflow_id, *EVERY)


def forbid_work(batch: Batch, workflow_id: int) -> None:
    """The workflow is canceled: it hands out no jobs. NotFound for an unknown one."""
    row = batch.run(
        "UPDATE workflow SET is_canceled = 1 WHERE id = ? AND state = 'visible' RETURNING run_id", workflow_id
    ).one_or_none()
    if row is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    note(
        batch,
        workflow_id,
        category="workflow_canceled",
        message=f"Workflow {workflow_id} (run_id={row[0]}) was canceled",
        workflow_id=workflow_id,
        run_id=row[0],
    )
    batch.log(workflow_id, "workflow", is_canceled=True)
    batch.wake_workflows.add(workflow_id)


def cancel_range(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Cancel the jobs of an id range that have not ended, as part of their whole workflow.

    Those below them are canceled too and need not be told; barriers are, for they must be right when a job is retried.
    """
    rows = _cancel_range(batch, workflow_id, first, last)
    count_down_barriers(batch, {row[0]: batch.ended.pop(row[0]) for row in rows})


def _cancel_range(batch: Batch, workflow_id: int, first: int, last: int) -> list[Row]:
    rows = batch.run(
        "SELECT id, workflow_id, status FROM job WHERE workflow_id = ? AND id BETWEEN ? AND ?"
        " AND +status IN (1, 2, 3, 4)",
        workflow_id,
        first,
        last,
    ).all()
    found: list[Row] = [(r[0], r[1], r[2]) for r in rows]
    cancel_rows(batch, found)
    return found


def cancel_job(batch: Batch, job_id: int) -> None:
    """Cancel one job; those below it follow their own cancel flag. Invalid when it has ended already."""
    row, _, _ = job_and_run(batch, job_id)
    status = JobStatus(row[2])
    if status == JobStatus.CANCELED:
        batch.run("UPDATE job SET canceled_by_user = 1 WHERE id = ?", job_id)
        return
    if status in COMPLETE or status == JobStatus.DISABLED:
        raise Invalid(f"Job {job_id} is already complete with status {camel(status)}; there is nothing to cancel")
    cancel_rows(batch, [row])


def cancel_rows(batch: Batch, rows: list[Row]) -> None:
    """Cancel jobs that have not ended, as the user's wish; runners that have one are told."""
    ids = batch.json([row[0] for row in rows])
    nodes = batch.run(
        "SELECT DISTINCT node_id FROM job WHERE node_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))", ids
    ).scalars()
    batch.wake_nodes.update(nodes)
    batch.run("UPDATE job SET canceled_by_user = 1 WHERE id IN (SELECT value FROM json_each(?))", ids)
    set_status(batch, rows, JobStatus.CANCELED)
    crash_point("server.cancel.written")
