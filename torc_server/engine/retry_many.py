"""Running many failed jobs again, of any workflows: what that would do, and doing it a portion at a time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from torc_core.models.failures import Concerned, Refused, Retry
from torc_core.models.status import ENDED, JobStatus
from torc_server.engine.graph import below
from torc_server.engine.inputs import keep_hashes_of
from torc_server.engine.retry import count_retry, note_retry
from torc_server.engine.transition import set_status
from torc_server.engine.unblock import CANCELED_FROM_UPSTREAM, block_again, block_early
from torc_server.store.batch import Batch, json_text

PORTION = 250
"""Jobs retried in one transaction."""

FAILED = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)

SHOWN = 20
"""So many names and refusals are told."""


class Scope(msgspec.Struct):
    """The jobs that can be retried as (id, run), and what a retry of them does."""

    jobs: list[tuple[int, int]]
    answer: Retry


def scope(conn: Connection, ids: Sequence[int]) -> Scope:
    """Look at jobs that are to be retried; nothing is changed."""
    rows = conn.exec_driver_sql(
        "SELECT job.id, job.name, job.status, workflow.id AS workflow_id, workflow.name AS workflow, run_id,"
        " is_canceled, is_archived, work, origin FROM json_each(?) AS asked CROSS JOIN job ON job.id = asked.value"
        " JOIN workflow ON workflow.id = job.workflow_id AND workflow.state = 'visible'",
        (json_text(list(ids)),),
    ).all()
    refused = [
        Refused(id=number, name="", why="there is no such job") for number in set(ids) - {row.id for row in rows}
    ]
    jobs: list[tuple[int, int]] = []
    names: list[str] = []
    flows: dict[int, Concerned] = {}
    for row in rows:
        why = _why_not(row)
        if why is not None:
            refused.append(Refused(id=row.id, name=row.name, why=why))
            continue
        flow = flows.get(row.workflow_id)
        if flow is None:
            flow = flows[row.workflow_id] = Concerned(
                id=row.workflow_id, name=row.workflow, origin=row.origin, active_nodes=0, jobs=0
            )
        flow.jobs += 1
        jobs.append((row.id, row.run_id))
        if len(names) < SHOWN:
            names.append(row.name)
    for flow in flows.values():
        flow.active_nodes = conn.exec_driver_sql(
            "SELECT count(*) FROM compute_node WHERE workflow_id = ? AND is_active = 1", (flow.id,)
        ).scalar_one()
    answer = Retry(
        jobs=len(jobs),
        blocked=_blocked_again(conn, [job for job, _ in jobs]),
        workflows=list(flows.values()),
        names=names,
        refused=refused[:SHOWN],
        refused_total=len(refused),
    )
    return Scope(jobs, answer)


def _why_not(row: object) -> str | None:
    flow = f"workflow {row.workflow} ({row.workflow_id})"  # type: ignore[attr-defined]
    status = JobStatus(row.status)  # type: ignore[attr-defined]
    if status not in FAILED:
        return f"it is {status.label}"
    if row.is_archived:  # type: ignore[attr-defined]
        return f"{flow} is archived"
    if row.is_canceled:  # type: ignore[attr-defined]
        return f"{flow} is canceled; run it instead"
    if row.work:  # type: ignore[attr-defined]
        return f"{flow} is being worked on ({row.work})"  # type: ignore[attr-defined]
    return None


def _blocked_again(conn: Connection, job_ids: list[int]) -> int:
    """How many jobs below wait again (`unblock.block_again`)."""
    walk = below("SELECT value FROM json_each(?1)", CANCELED_FROM_UPSTREAM)
    return int(
        conn.exec_driver_sql(
            f"{walk} SELECT count(*) FROM below JOIN job ON job.id = below.id", (json_text(job_ids),)
        ).scalar_one()
    )


def retry_portion(batch: Batch, jobs: Sequence[tuple[int, int]]) -> list[Refused]:
    """Retry jobs, given as (id, run), as `retry_job` does each; returns those that were refused after all."""
    runs = dict(jobs)
    rows = batch.run(
        "SELECT job.id, job.workflow_id, job.status, attempt_id, job.name, workflow.run_id, node_id FROM job"
        " JOIN workflow ON workflow.id = job.workflow_id WHERE job.id IN (SELECT value FROM json_each(?))",
        batch.json(list(runs)),
    ).all()
    refused = [Refused(id=job, name="", why="there is no such job") for job in set(runs) - {row.id for row in rows}]
    fit = []
    for row in rows:
        why = None if JobStatus(row.status) in FAILED else f"it is {JobStatus(row.status).label}"
        if runs[row.id] != row.run_id:
            why = f"run {runs[row.id]} of its workflow is over; it is at run {row.run_id}"
        if why is None:
            fit.append(row)
        else:
            refused.append(Refused(id=row.id, name=row.name, why=why))
    batch.wake_nodes.update(row.node_id for row in fit if row.node_id is not None)
    set_status(batch, [(row.id, row.workflow_id, row.status) for row in fit], JobStatus.READY, release=True)
    ids = [row.id for row in fit]
    count_retry(batch, ids)
    for row in fit:
        note_retry(batch, row.workflow_id, row.id, row.name, row.attempt_id, row.run_id)
    block_again(batch, [row.id for row in fit if JobStatus(row.status) in ENDED])  # others decided nothing below
    block_early(batch, ids)
    keep_hashes_of(batch, ids)
    return refused
