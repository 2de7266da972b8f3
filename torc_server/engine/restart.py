"""`torc run ID`: a new run of what is not completed and everything below it."""

from __future__ import annotations

from collections import Counter

from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.initialize import initialize, rows_below
from torc_server.engine.reset import take_back
from torc_server.engine.transition import Row
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch


def restart(batch: Batch, workflow_id: int, dry_run: bool = False) -> dict[str, object]:
    """Bump the run, reset what is not completed and all below it, and initialise; with `dry_run` only say what.

    Returns {run_id, jobs: how many will run, by_status: {their status now: n}, kept: completed jobs left alone}.
    Disabled jobs stay disabled. Raises NotFound, Invalid (archived), Conflict (jobs are with a runner).
    """
    workflow = batch.run(
        "SELECT run_id, is_archived FROM workflow WHERE id = ? AND state = 'visible'", workflow_id
    ).one_or_none()
    if workflow is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if workflow[1]:
        raise Invalid(f"Workflow {workflow_id} is archived; unarchive it before running it")
    rows: list[Row] = [
        (row[0], row[1], JobStatus(row[2]))
        for row in batch.run(
            "SELECT id, workflow_id, status FROM job WHERE workflow_id = ? AND status NOT IN (5, 9)", workflow_id
        )
    ]
    active = sum(row[2] in ACTIVE for row in rows)
    if active and not dry_run:
        raise Conflict(
            f"{active} jobs of workflow {workflow_id} are with a runner; wait for it, or cancel the workflow first"
        )
    chosen = {row[0] for row in rows}
    rows += [row for row in rows_below(batch, list(chosen)) if row[0] not in chosen]
    kept = batch.run("SELECT count(*) FROM job WHERE workflow_id = ? AND status = 5", workflow_id).scalar_one()
    kept -= sum(row[2] == JobStatus.COMPLETED for row in rows)
    run_id = workflow[0]
    if rows and not dry_run:
        run_id += 1
        batch.run("UPDATE workflow SET run_id = ?, is_canceled = 0 WHERE id = ?", run_id, workflow_id)
        take_back(batch, workflow_id, [row for row in rows if row[2] != JobStatus.UNINITIALIZED])
        initialize(batch, workflow_id, only_uninitialized=True)
        batch.log(workflow_id, "workflow", run_id=run_id, is_canceled=False)
    by_status = Counter(JobStatus(row[2]).label for row in rows)
    return {"run_id": run_id, "jobs": len(rows), "by_status": dict(by_status), "kept": kept}
