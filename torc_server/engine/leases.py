"""Runners that are gone: their attempts go back (design: section 4, the lease)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from torc_core.crash import crash_point
from torc_core.models.exchange import AttemptResult
from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine.notes import LOST, note_all
from torc_server.engine.report import Accepted, store
from torc_server.engine.transition import set_status
from torc_server.engine.unblock import block_early
from torc_server.store.batch import Batch

LOST_LIMIT = 5
"""So many attempts of a job may end with their runner, unless it says another number; then it fails: it may be what
kills runners."""

LOST_CODE = 137
"""Return code of a job that failed so: its process was killed with its runner."""


def lose(batch: Batch, node_id: int, reason: str, ahead: Collection[tuple[int, int]] = ()) -> int:
    """The runner is gone: what it had runs again as a new attempt, or fails when that has happened too often.

    It counts for a job as lost when the job may have been what killed the runner: its start was told, or it was handed
    out to be started at once, and a start is told late (after 20 ms) or, when the runner cannot, never. The `ahead`
    (job, attempt) were handed out beyond the room that the runner had: unless their start was told they go back
    uncounted, as what still waited. Some may have started in the last moment; a job that kills runners is nevertheless
    counted, as it goes back as the oldest of its class and a new runner gets it for its first room. After a restart of
    the server what was handed out ahead is not known any more, and counts.

    A result that is found in the runner's journal is taken as long as nobody else has got the job (`late.py`). Gives
    how many attempts were lost.
    """
    rows = batch.run(
        "SELECT job.id, job.workflow_id, status, lost, workflow.run_id, attempt_id, start_ms,"
        " ifnull(lost_limit, ?), job.name"
        " FROM job JOIN workflow ON workflow.id = job.workflow_id WHERE node_id = ?",
        LOST_LIMIT,
        node_id,
    ).all()
    waited = {r[0] for r in rows if r[2] == JobStatus.PENDING and (r[0], r[5]) in ahead}
    back = [r for r in rows if r[2] in ACTIVE and (r[3] < r[7] or r[0] in waited)]
    failed = [r for r in rows if r[2] in ACTIVE and r[3] >= r[7] and r[0] not in waited]
    set_status(batch, [(r[0], r[1], r[2]) for r in back], JobStatus.READY)
    block_early(batch, [r[0] for r in back])
    again = [r for r in back if r[0] not in waited]
    _fence(batch, [r[0] for r in again], lost=1)
    _fence(batch, list(waited), lost=0)
    batch.run(
        "UPDATE job SET lost_node_id = ? WHERE id IN (SELECT value FROM json_each(?))",
        node_id,
        batch.json([r[0] for r in back]),
    )
    store(batch, [_failure(batch, node_id, reason, *row[:7]) for row in failed])
    batch.run("UPDATE job SET node_id = NULL WHERE node_id = ?", node_id)
    _deactivate(batch, node_id, reason=reason, lost=[r[0] for r in back + failed])
    _note_lost(batch, node_id, reason, again, failed)
    crash_point("server.lost.written")
    return len(again) + len(failed)


def _note_lost(batch: Batch, node_id: int, reason: str, again: Sequence[Any], failed: Sequence[Any]) -> None:
    """An event for each attempt that ended with the runner: no result tells of those that are made again."""
    if not again and not failed:
        return
    host = batch.run("SELECT hostname FROM compute_node WHERE id = ?", node_id).scalar_one()
    events: list[dict[str, object]] = []
    for then, rows in (("it runs again", again), ("it failed, for that has happened too often", failed)):
        for job, _, _, _, run, attempt, start_ms, _, name in rows:
            lost = f"attempt {attempt} of run {run} lost with {host} (node {node_id}), {reason}"
            events.append(
                {
                    "category": "job",
                    "event_type": LOST,
                    "action": LOST,
                    "job_id": job,
                    "run_id": run,
                    "attempt_id": attempt,
                    "compute_node_id": node_id,
                    "start_ms": start_ms,
                    "reason": reason,
                    "message": f"{name} ({job}): {lost}; {then}",
                }
            )
    note_all(batch, (again or failed)[0][1], events)


def _failure(
    batch: Batch, node: int, reason: str, job: int, workflow: int, status: int, lost: int, run: int, attempt: int,
    start_ms: int | None,
) -> Accepted:  # fmt: skip
    """The result of a job that will not be tried again."""
    lost_too = f", after {lost} other{'s' * (lost > 1)} that had it" if lost else ""
    cause = f"worker lost: its runner is gone ({reason}){lost_too}"
    begin = batch.now_ms if start_ms is None else min(start_ms, batch.now_ms)
    result = AttemptResult(job, run, attempt, "failed", LOST_CODE, begin, batch.now_ms, cause=cause)
    return Accepted(job, workflow, JobStatus(status), JobStatus.FAILED, node, result)


def leave(batch: Batch, node_id: int) -> None:
    """The runner says goodbye: what it still has goes back without being counted as lost."""
    rows = batch.run("SELECT id, workflow_id, status FROM job WHERE node_id = ?", node_id).all()
    active = [(r[0], r[1], r[2]) for r in rows if r[2] in ACTIVE]
    set_status(batch, active, JobStatus.READY)
    block_early(batch, [r[0] for r in active])
    _fence(batch, [r[0] for r in active if r[2] == JobStatus.RUNNING], lost=0)
    batch.run("UPDATE job SET node_id = NULL WHERE node_id = ?", node_id)
    _deactivate(batch, node_id, reason="left")
    crash_point("server.left.written")


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
