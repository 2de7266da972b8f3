"""Runners that are gone: their attempts go back (design: section 4, the lease)."""

from __future__ import annotations

from collections.abc import Sequence

from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.transition import set_status
from torc_server.engine.unblock import block_early
from torc_server.store.batch import Batch

LOST_LIMIT = 5
"""So many attempts of a job may end with their runner; then the job fails: it may be what kills runners."""


def lose(batch: Batch, node_id: int, reason: str) -> None:
    """The runner is gone: what it had runs again as a new attempt, or fails when that has happened too often."""
    rows = batch.run(
        "SELECT id, workflow_id, status, lost, name FROM job WHERE node_id = ?",
        node_id,
    ).all()
    back = [r for r in rows if r[2] in ACTIVE and r[3] < LOST_LIMIT]
    failed = [r for r in rows if r[2] in ACTIVE and r[3] >= LOST_LIMIT]
    set_status(batch, [(r[0], r[1], r[2]) for r in back], JobStatus.READY)
    block_early(batch, [r[0] for r in back])
    set_status(batch, [(r[0], r[1], r[2]) for r in failed], JobStatus.FAILED)
    _fence(batch, [r[0] for r in back], lost=1)
    batch.run("UPDATE job SET node_id = NULL WHERE node_id = ?", node_id)
    _deactivate(batch, node_id, reason=reason, lost=[r[0] for r in back + failed])


def leave(batch: Batch, node_id: int) -> None:
    """The runner says goodbye: what it still has goes back without being counted as lost."""
    rows = batch.run("SELECT id, workflow_id, status FROM job WHERE node_id = ?", node_id).all()
    active = [(r[0], r[1], r[2]) for r in rows if r[2] in ACTIVE]
    set_status(batch, active, JobStatus.READY)
    block_early(batch, [r[0] for r in active])
    _fence(batch, [r[0] for r in active if r[2] == JobStatus.RUNNING], lost=0)
    batch.run("UPDATE job SET node_id = NULL WHERE node_id = ?", node_id)
    _deactivate(batch, node_id, reason="left")


def _fence(batch: Batch, ids: Sequence[int], lost: int) -> None:
    """A new attempt number: whatever the old process still reports is refused."""
    if ids:
        batch.run(
            "UPDATE job SET attempt_id = attempt_id + 1, lost = lost + ?, node_id = NULL, start_ms = NULL"
            " WHERE id IN (SELECT value FROM json_each(?))",
            lost,
            batch.json(list(ids)),
        )


def _deactivate(batch: Batch, node_id: int, **said: object) -> None:
    row = batch.run(
        "UPDATE compute_node SET is_active = 0, duration_seconds = round((julianday('now') - julianday(start_time))"
        " * 86400, 3) WHERE id = ? AND is_active = 1 RETURNING workflow_id, hostname",
        node_id,
    ).one_or_none()
    if row is not None:
        batch.log(row[0], "node", id=node_id, hostname=row[1], is_active=False, **said)
        tell_stopped(batch, node_id)


def tell_stopped(batch: Batch, node_id: int) -> None:
    """Tell listeners that a runner has left."""
    if not batch.listened:
        return
    workflow, hostname, pid, seconds, kind = batch.run(
        "SELECT workflow_id, hostname, pid, duration_seconds, compute_node_type FROM compute_node WHERE id = ?", node_id
    ).one()
    batch.tell(
        workflow,
        "compute_node_stopped",
        compute_node_id=node_id,
        hostname=hostname,
        pid=pid,
        duration_seconds=seconds,
        compute_node_type=kind,
    )
