"""What listeners are told live (server.md 7.1): jobs that started or ended with a result. Nothing when nobody listens.

Not told, as in torc: cancellations, cascades, retries, statuses set by hand, the end of a workflow.
"""

from __future__ import annotations

from torc_core.models.status import TERMINAL, JobStatus
from torc_server.store.batch import Batch, Move

SEVERITY = {
    JobStatus.COMPLETED: "info",
    JobStatus.FAILED: "error",
    JobStatus.TERMINATED: "warning",
    JobStatus.CANCELED: "warning",
    JobStatus.PENDING_FAILED: "info",
}


def announce(batch: Batch) -> None:
    """Tell of the jobs that moved in this batch (or this call of it), while their rows still say how."""
    for move in batch.moves:
        if move.workflow_id in batch.listened:
            if move.status == JobStatus.RUNNING and not move.forced:
                _started(batch, move.workflow_id, move.ids)
            elif move.status in TERMINAL:
                _ended(batch, move)


def _started(batch: Batch, workflow_id: int, job_ids: list[int]) -> None:
    rows = batch.run(
        "SELECT job.id, job.name, ifnull(job.node_id, result.compute_node_id), workflow.run_id"
        " FROM json_each(?) AS told JOIN job ON job.id = told.value JOIN workflow ON workflow.id = job.workflow_id"
        " LEFT JOIN result ON result.id = job.result_id ORDER BY told.key",
        batch.json(job_ids),
    )
    for job, name, node, run in rows.all():
        batch.tell(workflow_id, "job_started", compute_node_id=node, job_id=job, job_name=name, run_id=run)


def _ended(batch: Batch, move: Move) -> None:
    rows = batch.run(
        "SELECT job.id, job.name, result.return_code FROM json_each(?) AS told JOIN job ON job.id = told.value"
        " JOIN result ON result.id = job.result_id AND result.status = ? ORDER BY told.key",
        batch.json(move.ids),
        int(move.status),
    ).all()
    unseen = [row[0] for row in rows if row[0] in batch.unseen]
    if unseen:
        _started(batch, move.workflow_id, unseen)
    label = move.status.label
    for job, name, code in rows:
        batch.tell(
            move.workflow_id,
            f"job_{label}",
            SEVERITY[move.status],
            job_id=job,
            job_name=name,
            return_code=code,
            status=label,
        )


def tell_initialized(batch: Batch, workflow_id: int, only_uninitialized: bool, user: str) -> None:
    """A workflow was initialised; the names of the two events look swapped, and are torc's."""
    kind = "started" if only_uninitialized else "reinitialized"
    batch.tell(
        workflow_id,
        f"workflow_{kind}",
        category="workflow",
        message=f"workflow {kind} workflow {workflow_id}",
        type=f"workflow_{kind}",
        user=user,
    )
