"""Taking a workflow back to its start, whole or where it failed (server.md 5.4, design: section 3)."""

from __future__ import annotations

from sqlalchemy import Connection

from torc_core.models.status import JobStatus
from torc_server.engine.graph import recount_around
from torc_server.engine.initialize import rows_below, uninitialize
from torc_server.engine.notes import note
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch, json_text

FAILED = (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
"""What `failed_only` resets."""


def reset_workflow_status(batch: Batch, workflow_id: int, force: bool = False, user: str = "anonymous") -> None:
    """Clear the flags of a workflow.

    Invalid when it is archived, or, unless `force`, when jobs are with runners or allocations are waited for.
    """
    row = batch.run("SELECT is_archived FROM workflow WHERE id = ? AND state = 'visible'", workflow_id).one_or_none()
    if row is None:
        raise NotFound(f"Workflow status not found with ID: {workflow_id}")
    if row[0]:
        raise Invalid("Cannot reset archived workflow status. Unarchive the workflow first.")
    if not force and _active(batch, workflow_id):
        raise Invalid("Cannot reset workflow status: jobs are currently running or pending submission")
    if not force and _allocations(batch, workflow_id):
        raise Invalid("Cannot reset workflow status: scheduled compute nodes are currently pending or active")
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
    may_reset(batch, workflow_id, force)
    chosen, below = to_reset(batch.conn, workflow_id, failed_only)
    take_back(batch, [*below, *chosen])
    note_reset(batch, workflow_id, failed_only, user, len(chosen))
    return len(chosen)


def may_reset(batch: Batch, workflow_id: int, force: bool) -> None:
    """NotFound for an unknown workflow; Invalid when jobs are with a runner, unless `force` stops them."""
    if batch.run("SELECT 1 FROM workflow WHERE id = ?", workflow_id).one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if not force and _active(batch, workflow_id):
        raise Invalid("Cannot reset jobs: some are currently running or pending; cancel or wait, or use force")


def to_reset(conn: Connection, workflow_id: int, failed_only: bool) -> tuple[list[int], list[int]]:
    """(ids of the jobs to reset, ids of what is below them and goes along)."""
    statuses = FAILED if failed_only else tuple(s for s in JobStatus if s != JobStatus.UNINITIALIZED)
    chosen = list(
        conn.exec_driver_sql(
            "SELECT id FROM job WHERE workflow_id = ? AND status IN (SELECT value FROM json_each(?)) ORDER BY id",
            (workflow_id, json_text([int(status) for status in statuses])),
        ).scalars()
    )
    below = [row[0] for row in rows_below(conn, chosen) if row[2] not in FAILED] if failed_only else []
    return chosen, below


def note_reset(batch: Batch, workflow_id: int, failed_only: bool, user: str, count: int) -> None:
    """The event that torc writes for a reset."""
    note(
        batch,
        workflow_id,
        category="user_action",
        action="reset_job_status",
        user=user,
        workflow_id=workflow_id,
        failed_only=failed_only,
        updated_count=count,
    )


def take_back(batch: Batch, job_ids: list[int]) -> None:
    """Make these jobs uninitialized; those with a runner are stopped."""
    take_back_uncounted(batch, job_ids)
    recount_around(batch, job_ids)


def take_back_uncounted(batch: Batch, job_ids: list[int]) -> None:
    """Likewise; the counters below them are the caller's to compute anew, once for all portions.

    Portion by portion each would count all parents of a barrier that any of its jobs is a parent of.
    """
    rows = batch.run(
        "SELECT id, workflow_id, status FROM job WHERE status <> 0 AND id IN (SELECT value FROM json_each(?))",
        batch.json(job_ids),
    )
    uninitialize(batch, [(row[0], row[1], row[2]) for row in rows])


def _active(batch: Batch, workflow_id: int) -> bool:
    """Whether any job is pending or running."""
    sql = "SELECT EXISTS (SELECT 1 FROM job WHERE workflow_id = ? AND status IN (3, 4))"
    return bool(batch.run(sql, workflow_id).scalar_one())


def _allocations(batch: Batch, workflow_id: int) -> bool:
    """Whether a node that was asked of a scheduler has not come to an end."""
    sql = "SELECT 1 FROM scheduled_compute_node WHERE workflow_id = ? AND status IN ('pending', 'active') LIMIT 1"
    return batch.run(sql, workflow_id).one_or_none() is not None
