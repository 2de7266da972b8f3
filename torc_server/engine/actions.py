"""Workflow actions (server.md 6): counted as jobs move, pending once counted often enough, claimed by runners.

A job counts once for an action until the workflow is initialised again, whatever it goes through, and by whatever it
got there: an end by cascade counts as any other. A canceled workflow counts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from torc_core.models.status import ENDED, JobStatus
from torc_server.engine.progress import progress
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch, json_text

THERE: dict[str, frozenset[JobStatus]] = {
    "on_jobs_ready": frozenset(JobStatus) - {JobStatus.UNINITIALIZED, JobStatus.BLOCKED},
    "on_jobs_complete": ENDED,
}
"""Triggers that wait for jobs: the statuses in which a listed job counts."""

IN_THE_LOOP = (*THERE, "on_workflow_complete")
"""Triggers that happen while runners work, so that they are told of them."""

TRIGGERS = ("on_workflow_start", "on_workflow_complete", "on_worker_start", "on_worker_complete", *THERE)


def with_actions(conn: Connection) -> set[int]:
    """The workflows that have actions."""
    return set(conn.exec_driver_sql("SELECT DISTINCT workflow_id FROM workflow_action").scalars())


def list_jobs(batch: Batch, workflow_id: int, action_id: int, trigger_type: str, job_ids: Sequence[int]) -> None:
    """Store which jobs a new action waits for; those that are there already count at once."""
    batch.watched.add(workflow_id)
    if trigger_type not in THERE or not job_ids:
        return
    there = batch.json([int(status) for status in THERE[trigger_type]])
    batch.run(
        "INSERT INTO action_job (job_id, action_id, counted)"
        " SELECT job.id, ?, job.status IN (SELECT value FROM json_each(?)) FROM job"
        " WHERE job.id IN (SELECT value FROM json_each(?))",
        action_id,
        there,
        batch.json(list(job_ids)),
    )
    batch.run(
        "UPDATE workflow_action SET trigger_count = max(trigger_count,"
        " (SELECT count(*) FROM action_job WHERE action_id = workflow_action.id AND counted = 1)) WHERE id = ?",
        action_id,
    )


def count(batch: Batch) -> None:
    """Count what happened in this batch to the jobs of workflows that have actions; called once all has happened."""
    there: dict[tuple[int, str], list[int]] = {}
    for move in batch.moves:
        if move.workflow_id in batch.watched:
            for trigger, statuses in THERE.items():
                if move.status in statuses:
                    there.setdefault((move.workflow_id, trigger), []).extend(move.ids)
    for workflow_id in {workflow for workflow, _ in there}:
        row = batch.run("SELECT is_canceled FROM workflow WHERE id = ?", workflow_id).one_or_none()
        if row is None or row[0]:
            continue
        for trigger in THERE:
            _count_jobs(batch, workflow_id, trigger, there.get((workflow_id, trigger), []))
        if (workflow_id, "on_jobs_complete") in there and _all_ended(batch, workflow_id):
            _fire(batch, workflow_id, "trigger_type = 'on_workflow_complete'")


def _count_jobs(batch: Batch, workflow_id: int, trigger: str, job_ids: list[int]) -> None:
    sql = "SELECT id FROM workflow_action WHERE workflow_id = ? AND trigger_type = ?"
    actions = list(batch.run(f"{sql} AND trigger_count < required_triggers", workflow_id, trigger).scalars())
    if not actions or not job_ids:
        return
    counted = batch.run(
        "UPDATE action_job SET counted = 1 WHERE counted = 0 AND job_id IN (SELECT value FROM json_each(?))"
        " AND action_id IN (SELECT value FROM json_each(?)) RETURNING action_id",
        batch.json(job_ids),
        batch.json(actions),
    ).scalars()
    for action, n in Counter(counted).items():
        _fire(batch, workflow_id, "id = ?", action, times=n)


def _fire(batch: Batch, workflow_id: int, which: str, *params: object, times: int = 1) -> None:
    """Count for the actions named that are not pending yet; runners hear of those that are now."""
    rows = batch.run(
        f"UPDATE workflow_action SET trigger_count = trigger_count + ? WHERE workflow_id = ? AND {which}"
        " AND trigger_count < required_triggers RETURNING id, trigger_count >= required_triggers",
        times,
        workflow_id,
        *params,
    ).all()
    if ids := [row[0] for row in rows if row[1]]:
        told_pending(batch, workflow_id, ids)


def told_pending(batch: Batch, workflow_id: int, action_ids: list[int]) -> None:
    """Runners that wait are told that these actions can be claimed."""
    batch.log(workflow_id, "action", ids=action_ids, pending=True)
    batch.wake_workflows.add(workflow_id)
    batch.new_actions.add(workflow_id)


def _all_ended(batch: Batch, workflow_id: int) -> bool:
    now = progress(batch, workflow_id)
    return now is not None and all(status in ENDED or not n for status, n in now.counts.items())


def reset(batch: Batch, workflow_id: int) -> None:
    """An initialisation begins: recovery actions go, the others can be claimed again once they are counted anew."""
    if workflow_id not in batch.watched:
        return
    batch.run("DELETE FROM workflow_action WHERE workflow_id = ? AND is_recovery = 1", workflow_id)
    batch.run(
        "UPDATE workflow_action SET executed = 0, executed_by = NULL, trigger_count = 0 WHERE workflow_id = ?",
        workflow_id,
    )


def recount(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Note which jobs of an id range are where actions wait for them; `arm` adds them up."""
    if workflow_id not in batch.watched:
        return
    for trigger, statuses in THERE.items():
        batch.run(
            "UPDATE action_job SET counted = 1 - counted WHERE job_id BETWEEN ?2 AND ?3"
            " AND action_id IN (SELECT id FROM workflow_action WHERE workflow_id = ?4 AND trigger_type = ?5)"
            " AND counted <> (SELECT status IN (SELECT value FROM json_each(?1)) FROM job"
            "  WHERE job.id = action_job.job_id)",
            batch.json([int(status) for status in statuses]),
            first,
            last,
            workflow_id,
            trigger,
        )


def arm(batch: Batch, workflow_id: int) -> None:
    """An initialisation ends: start and worker triggers have happened, jobs that are there have been counted."""
    if workflow_id not in batch.watched:
        return
    batch.run(
        "UPDATE workflow_action SET trigger_count = CASE"
        " WHEN trigger_type IN ('on_workflow_start', 'on_worker_start', 'on_worker_complete') THEN required_triggers"
        " ELSE (SELECT count(*) FROM action_job WHERE action_id = workflow_action.id AND counted = 1) END"
        " WHERE workflow_id = ? AND trigger_type <> 'on_workflow_complete'",
        workflow_id,
    )
    if ids := pending(batch.conn, workflow_id):
        told_pending(batch, workflow_id, ids)


def pending(conn: Connection, workflow_id: int, triggers: Sequence[str] = ()) -> list[int]:
    """The actions that can be claimed, those of some triggers only if any are named."""
    return list(
        conn.exec_driver_sql(
            "SELECT id FROM workflow_action WHERE workflow_id = ?1 AND executed = 0"
            " AND trigger_count >= required_triggers"
            " AND (?2 = '[]' OR trigger_type IN (SELECT value FROM json_each(?2))) ORDER BY id",
            (workflow_id, json_text(list(triggers))),
        ).scalars()
    )


def claim(batch: Batch, workflow_id: int, action_id: int, node_id: int | None) -> None:
    """Take an action, so that no other runner executes it; persistent ones may be taken again and again.

    Raises NotFound, Invalid (a node that the workflow does not have), Conflict (taken already, or not pending).
    """
    row = batch.run(
        "SELECT workflow_id, trigger_count, required_triggers, executed, persistent FROM workflow_action WHERE id = ?",
        action_id,
    ).one_or_none()
    if row is None:
        raise NotFound(f"Action not found with ID: {action_id}")
    if row[0] != workflow_id:
        raise NotFound(f"Action {action_id} does not belong to workflow {workflow_id}")
    if node_id is not None:
        known = batch.run("SELECT workflow_id FROM compute_node WHERE id = ?", node_id).scalar()
        if known != workflow_id:
            raise Invalid(f"compute node {node_id} does not exist in workflow {workflow_id}")
    if row[3] and not row[4]:
        raise Conflict(f"Action {action_id} already claimed", claimed=False)
    if row[1] < row[2]:
        raise Conflict(f"Action {action_id} is not triggered yet: counted {row[1]} of {row[2]}", claimed=False)
    batch.run(
        "UPDATE workflow_action SET executed_at = ?, executed = CASE WHEN persistent THEN executed ELSE 1 END,"
        " executed_by = CASE WHEN persistent THEN executed_by ELSE ? END WHERE id = ?",
        datetime.fromtimestamp(batch.now_ms / 1000, UTC).isoformat(),
        node_id,
        action_id,
    )
    batch.log(workflow_id, "action", id=action_id, executed_by=node_id)


def forget_jobs(batch: Batch, job_ids: Sequence[int]) -> None:
    """Before jobs are deleted: actions do not wait for them any more."""
    batch.run(
        "UPDATE workflow_action SET required_triggers = max(required_triggers - told.n, 1),"
        " trigger_count = trigger_count - told.counted FROM ("
        "  SELECT action_id, count(*) AS n, sum(counted) AS counted FROM json_each(?) AS gone"
        "  JOIN action_job ON action_job.job_id = gone.value GROUP BY action_id"
        ") AS told WHERE workflow_action.id = told.action_id",
        batch.json(list(job_ids)),
    )
