"""Why a job does not run (or how it ended), in one line and with the details."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection

from torc_core.models.status import JobStatus
from torc_core.wording import count_of, exit_text
from torc_server.engine.graph import PARENTS, waits_for
from torc_server.engine.nodes import Node
from torc_server.engine.ready import ReadyClass, fits
from torc_server.engine.stuck import GoneRunner, gone, needs, offer
from torc_server.errors import NotFound

SHOWN = 5
"""So many parents are named."""


def explain(conn: Connection, job_id: int, nodes: list[Node]) -> dict[str, Any]:
    """{job_id, name, status, why, details}; `nodes` are all live runners. NotFound for an unknown job."""
    row = conn.exec_driver_sql(
        "SELECT job.id, job.name, job.status, job.workflow_id, unmet, attempt_id, node_id, lost, is_canceled,"
        " canceled_by_user, resource_requirements_id, result_id FROM job"
        " JOIN workflow ON workflow.id = job.workflow_id WHERE job.id = ?",
        (job_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Job not found with ID: {job_id}")
    status = JobStatus(row.status)
    mine = [node for node in nodes if node.workflow_id == row.workflow_id]
    match status:
        case JobStatus.BLOCKED:
            why, details = _blocked(conn, row)
        case JobStatus.READY:
            why, details = _ready(conn, row, mine)
        case JobStatus.PENDING | JobStatus.RUNNING:
            why, details = _active(conn, row, status, mine)
        case JobStatus.CANCELED if row.result_id is None:
            why, details = _canceled(conn, row)
        case JobStatus.UNINITIALIZED:
            why, details = f"not initialized; 'torc run {row.workflow_id}' runs it", []
        case JobStatus.DISABLED:
            why, details = "disabled: it is skipped, and counts as not successful for the jobs below it", []
        case _:
            why, details = _ended(conn, row, status)
    if row.lost:
        details.append(f"{count_of(row.lost, 'attempts')} lost with the runner")
    return {"job_id": job_id, "name": row.name, "status": status.label, "why": why, "details": details}


def _parents(conn: Connection, job_id: int, statuses: str) -> tuple[list[str], list[str]]:
    """The first parents in these statuses, and a line that says how many more there are."""
    rows = conn.exec_driver_sql(
        "SELECT parent.name, parent.status, result.return_code, count(*) OVER () FROM job AS parent"
        f" LEFT JOIN result ON result.id = parent.result_id WHERE parent.id IN ({PARENTS})"
        f" AND parent.status {statuses} ORDER BY parent.id LIMIT ?2",
        (job_id, SHOWN),
    ).all()
    named = [
        f"{name} {JobStatus(status).label}" + ("" if code is None else f" ({exit_text(code)})")
        for name, status, code, _ in rows
    ]
    more = rows[0][3] - len(rows) if rows else 0
    return named, [f"and {more:,} more"] if more else []


def _blocked(conn: Connection, row: Any) -> tuple[str, list[str]]:
    unmet, total = waits_for(conn, row.id)
    waiting, waiting_more = _parents(conn, row.id, "NOT IN (5, 6, 7, 8, 9)")
    bad, bad_more = _parents(conn, row.id, "IN (6, 7, 8, 9)")
    which = f"{unmet} of {total} parents; first: " if total > 1 else "its parent "
    why = f"blocked: waits for {which}{waiting[0] if waiting else '?'}"
    return why, [
        *(f"waits for {p}" for p in waiting),
        *waiting_more,
        *(f"ended without success: {p}" for p in bad),
        *bad_more,
    ]


def _canceled(conn: Connection, row: Any) -> tuple[str, list[str]]:
    if row.is_canceled and row.canceled_by_user:
        return "canceled: its workflow was canceled", []
    bad, more = _parents(conn, row.id, "IN (6, 7, 8, 9)")
    if bad:
        details = [*(f"ended without success: {p}" for p in bad), *more]
        return f"canceled: a parent did not succeed; first: {bad[0]}", details
    return "canceled by request before it ran", []


def _ready(conn: Connection, row: Any, nodes: list[Node]) -> tuple[str, list[str]]:
    if row.is_canceled:
        return f"ready, but its workflow is canceled; 'torc run {row.workflow_id}' starts it again", []
    need = conn.exec_driver_sql(
        "SELECT id, NULL, name, num_cpus, memory_bytes, num_gpus, num_nodes, runtime_s, 0, 0, is_default"
        " FROM resource_requirements WHERE id = ?",
        (row.resource_requirements_id,),
    ).one()
    cls = ReadyClass(*need[:-1])
    asks = f"needs {count_of(cls.num_cpus, 'CPUs')}, no limits" if need.is_default else f"needs {needs(cls)}"
    if not nodes:
        return _without_runner(cls, gone(conn, row.workflow_id), row.workflow_id, asks)
    offers = [f"{node.hostname} (node {node.id}) offers {offer(node)}" for node in nodes[:SHOWN]]
    if not any(fits(cls, node) or node.ignores_resources for node in nodes):
        return f"ready: {asks}; no runner offers that", offers
    ahead = conn.exec_driver_sql(
        "SELECT n FROM status_count WHERE workflow_id = ? AND status = 2", (row.workflow_id,)
    ).scalar_one()
    return f"ready: waits for room on a runner, one of {count_of(ahead, 'ready jobs')}", [asks, *offers]


def _without_runner(cls: ReadyClass, left: list[GoneRunner], workflow_id: int, asks: str) -> tuple[str, list[str]]:
    """A ready job of a workflow that nobody runs: whether the runners that left could have run it."""
    seen = [f"{node.hostname} (node {node.id}) offered {offer(node)}, until {node.left}" for node in left[:SHOWN]]
    if left and not any(fits(cls, node) or node.ignores_resources for node in left):
        return f"ready: {asks}; no runner has offered that, and none is active", seen
    return f"ready: no runner is active; 'torc run {workflow_id}' starts one", [asks]


def _active(conn: Connection, row: Any, status: JobStatus, nodes: list[Node]) -> tuple[str, list[str]]:
    node = conn.exec_driver_sql("SELECT hostname FROM compute_node WHERE id = ?", (row.node_id,)).one_or_none()
    if node is None:
        return f"{status.label}: claimed by a client without a lease; only complete, retry or reset ends it", []
    verb = "runs on" if status == JobStatus.RUNNING else "was handed to"
    leases = [
        f"its lease ends in {max(live.expires - time.monotonic(), 0):.0f} s unless the runner is heard of;"
        " the job would then go back"
        for live in nodes
        if live.id == row.node_id
    ]
    return f"{status.label}: {verb} {node.hostname} (node {row.node_id}) as attempt {row.attempt_id}", leases


def _ended(conn: Connection, row: Any, status: JobStatus) -> tuple[str, list[str]]:
    result = conn.exec_driver_sql(
        "SELECT return_code, cause, stderr_tail, completion_time FROM result WHERE id = ?", (row.result_id,)
    ).one_or_none()
    if result is None:
        return status.label, []
    said, cause = exit_text(result.return_code), result.cause or ""
    if cause and not cause.startswith(said):
        cause = f"{said}, {cause}"
    return f"{status.label} at {result.completion_time}: {cause or said}", (result.stderr_tail or "").splitlines()[
        -SHOWN:
    ]
