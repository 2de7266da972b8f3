"""Taking a workflow back to its start, whole or where it failed (server.md 5.4, design: section 3)."""

from __future__ import annotations

from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.initialize import rows_below, uninitialize
from torc_server.engine.notes import note
from torc_server.engine.transition import Row, recount, set_status
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch

FAILED = (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
"""What `failed_only` resets."""


def reset_workflow_status(batch: Batch, workflow_id: int, force: bool = False, user: str = "anonymous") -> None:
    """Clear the flags of a workflow. Invalid when it is archived, or when jobs are with runners and not `force`."""
    row = batch.run("SELECT is_archived FROM workflow WHERE id = ? AND state = 'visible'", workflow_id).one_or_none()
    if row is None:
        raise NotFound(f"Workflow status not found with ID: {workflow_id}")
    if row[0]:
        raise Invalid("Cannot reset archived workflow status. Unarchive the workflow first.")
    if not force and _active(batch, workflow_id):
        raise Invalid("Cannot reset workflow status: jobs are currently running or pending submission")
    batch.run(
        "UPDATE workflow SET is_canceled = 0, has_detected_need_to_run_completion_script = 0 WHERE id = ?", workflow_id
    )
    note(
        batch,
        workflow_id,
        category="user_action",
        action="reset_workflow_status",
        user=user,
        workflow_id=workflow_id,
        force=force,
    )
    batch.log(workflow_id, "workflow", is_canceled=False)


def reset_job_status(
    batch: Batch, workflow_id: int, failed_only: bool = False, user: str = "anonymous", force: bool = True
) -> int:
    """Make jobs uninitialized: all, or those that failed and everything below them; returns how many.

    With `failed_only` the number is that of the failed jobs themselves. Jobs with a runner are stopped first; without
    `force` they make the request Invalid.
    """
    if batch.run("SELECT 1 FROM workflow WHERE id = ?", workflow_id).one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if not force and _active(batch, workflow_id):
        raise Invalid("Cannot reset jobs: some are currently running or pending; cancel or wait, or use force")
    if failed_only:
        rows = _rows(batch, workflow_id, FAILED)
        taken = rows + [r for r in rows_below(batch, [row[0] for row in rows]) if r[2] not in FAILED]
    else:
        rows = taken = _rows(batch, workflow_id, tuple(s for s in JobStatus if s != JobStatus.UNINITIALIZED))
    take_back(batch, workflow_id, taken)
    note(
        batch,
        workflow_id,
        category="user_action",
        action="reset_job_status",
        user=user,
        workflow_id=workflow_id,
        failed_only=failed_only,
        updated_count=len(rows),
    )
    return len(rows)


def take_back(batch: Batch, workflow_id: int, rows: list[Row]) -> None:
    """Make these jobs uninitialized; those with a runner by way of canceled, and their processes are stopped."""
    active = [row for row in rows if row[2] in ACTIVE]
    if active:
        ids = batch.json([row[0] for row in active])
        batch.wake_nodes.update(
            batch.run(
                "SELECT DISTINCT node_id FROM job WHERE node_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
                ids,
            ).scalars()
        )
        set_status(batch, active, JobStatus.CANCELED)
        for row in active:
            batch.ended.pop(row[0], None)  # taken back at once: nobody below is to hear of it
        batch.run("UPDATE job SET attempt_id = attempt_id + 1 WHERE id IN (SELECT value FROM json_each(?))", ids)
    uninitialize(batch, [(r[0], r[1], JobStatus.CANCELED) if r[2] in ACTIVE else r for r in rows])
    recount(batch, "SELECT id FROM job WHERE workflow_id = ?", workflow_id)


def _rows(batch: Batch, workflow_id: int, statuses: tuple[JobStatus, ...]) -> list[Row]:
    rows = batch.run(
        "SELECT id, workflow_id, status FROM job WHERE workflow_id = ?"
        " AND status IN (SELECT value FROM json_each(?)) ORDER BY id",
        workflow_id,
        batch.json([int(status) for status in statuses]),
    )
    return [(row[0], row[1], JobStatus(row[2])) for row in rows]


def _active(batch: Batch, workflow_id: int) -> bool:
    """Whether any job is pending or running."""
    sql = "SELECT EXISTS (SELECT 1 FROM job WHERE workflow_id = ? AND status IN (3, 4))"
    return bool(batch.run(sql, workflow_id).scalar_one())
