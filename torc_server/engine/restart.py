"""`torc run ID`: a new run of what is not completed and everything below it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from torc_core.models.status import ACTIVE, INITIALIZED, JobStatus
from torc_core.wording import count_of
from torc_server.engine.announce import tell_initialized
from torc_server.engine.initialize import initialize, refuse_cycle, rows_below
from torc_server.engine.progress import counts, progress
from torc_server.engine.reset import take_back
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch


@dataclass(frozen=True, slots=True)
class Scope:
    """What a restart would run: (job, status) pairs, and how many completed jobs it leaves alone."""

    run_id: int
    jobs: list[tuple[int, JobStatus]]
    kept: int
    unused: bool
    """Whether the present run is this one: it was begun (initialize, reinitialize), and nothing has come of it yet."""

    def answer(self, run_id: int) -> dict[str, Any]:
        """As the API says it: {run_id, jobs, by_status, kept}."""
        by_status = Counter(status.label for _, status in self.jobs)
        return {"run_id": run_id, "jobs": len(self.jobs), "by_status": dict(by_status), "kept": self.kept}


def scope(conn: Connection, workflow_id: int) -> Scope:
    """Jobs that are neither completed nor disabled, and everything below them. Raises NotFound, Invalid (archived)."""
    workflow = conn.exec_driver_sql(
        "SELECT run_id, is_archived, is_canceled, run_id = 0 OR run_id ="
        " (SELECT run_id FROM result WHERE workflow_id = workflow.id ORDER BY id DESC LIMIT 1)"
        " FROM workflow WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if workflow is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if workflow[1]:
        raise Invalid(f"Workflow {workflow_id} is archived; unarchive it before running it")
    rows = conn.exec_driver_sql(
        "SELECT id, status, lost FROM job WHERE workflow_id = ? AND status NOT IN (5, 9)", (workflow_id,)
    ).all()
    unused = not any(workflow[2:]) and not any(row[1] not in INITIALIZED or row[2] for row in rows)
    jobs = {row[0]: JobStatus(row[1]) for row in rows}
    completed = conn.exec_driver_sql(
        "SELECT count(*) FROM job WHERE workflow_id = ? AND status = 5", (workflow_id,)
    ).scalar_one()
    if completed:
        jobs |= {row[0]: JobStatus(row[2]) for row in rows_below(conn, list(jobs)) if row[0] not in jobs}
    kept = completed - sum(status == JobStatus.COMPLETED for status in jobs.values())
    return Scope(workflow[0], list(jobs.items()), kept, unused)


def new_run(batch: Batch, workflow_id: int, *, unused: bool = False) -> int:
    """Begin the next run, or the present one where it is `unused`; returns its number.

    Conflict when jobs are with a runner.
    """
    now = progress(batch, workflow_id)
    _refuse(workflow_id, now.active if now is not None else 0)
    run_id = batch.run(
        "UPDATE workflow SET run_id = run_id + ?, is_canceled = 0 WHERE id = ? RETURNING run_id",
        int(not unused),
        workflow_id,
    ).scalar_one()
    batch.log(workflow_id, "workflow", run_id=run_id, is_canceled=False)
    tell_initialized(batch, workflow_id, only_uninitialized=True, user="anonymous")
    return int(run_id)


def refuse_active(conn: Connection, workflow_id: int) -> None:
    """Raise what `new_run` raises, before anything is changed."""
    now = counts(conn, workflow_id)
    _refuse(workflow_id, sum(now.get(status, 0) for status in ACTIVE))


def _refuse(workflow_id: int, active: int) -> None:
    if active:
        raise Conflict(
            f"{count_of(active, 'jobs')} of it {'is' if active == 1 else 'are'} with a runner; "
            f"'torc wait {workflow_id}' waits for the end, 'torc workflows cancel {workflow_id}' stops it"
        )


def restart(batch: Batch, workflow_id: int) -> dict[str, Any]:
    """Run again, in one transaction, what `scope` says; returns its answer."""
    found = scope(batch.conn, workflow_id)
    if not found.jobs:
        return found.answer(found.run_id)
    refuse_cycle(batch.conn, workflow_id)
    run_id = new_run(batch, workflow_id, unused=found.unused)
    take_back(batch, [job for job, _ in found.jobs])
    initialize(batch, workflow_id, only_uninitialized=True)
    return found.answer(run_id)
