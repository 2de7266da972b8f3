"""Runners for the console: what the jobs of live ones asked for and use, and their leases; who is lost, who waits."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import LiveNodes, LostRunner, Row, StuckWorkflow, TablePage
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import get
from torc_server.engine.groups import VISIBLE
from torc_server.engine.nodes import GIB, Nodes
from torc_server.engine.stuck import what_waits, why_left
from torc_server.samples import Samples
from torc_server.store.batch import json_text, now_ms

LOST_SHOWN_MS = 3_600_000
"""For so long a runner that was lost is told of."""

MAY_BE_STUCK = 20
"""Of so many workflows at most it is found out whether they are stuck: of those that run, and of those that do not, the
ones that ran last."""


class LiveQuery(msgspec.Struct, kw_only=True):
    """So many runners."""

    limit: int = 20


class Held(NamedTuple):
    """A job that a runner has."""

    node: int
    workflow: int
    job: int
    attempt: int
    status: int
    cpus: int
    memory: int


def held_jobs(conn: Connection, nodes: list[int]) -> list[Held]:
    """The jobs that are with these runners."""
    rows = conn.exec_driver_sql(
        "SELECT job.node_id, job.workflow_id, job.id, attempt_id, status, num_cpus, memory_bytes FROM job"
        " JOIN resource_requirements AS req ON req.id = job.resource_requirements_id"
        " WHERE job.node_id IN (SELECT value FROM json_each(?))",
        (json_text(nodes),),
    )
    return [Held._make(row) for row in rows]


def add_use(rows: list[Row], held: list[Held], nodes: Nodes, samples: Samples) -> None:
    """Into rows of runners that are alive: jobs, slots, what is taken and used, and for how long they were silent."""
    now = time.monotonic()
    by_node: dict[int, list[Held]] = {}
    for each in held:
        by_node.setdefault(each.node, []).append(each)
        if each.status == JobStatus.RUNNING:
            samples.look(each.workflow)
    for row in rows:
        node = nodes.by_id.get(row["id"])
        if node is None:
            continue
        jobs = by_node.get(node.id, [])
        waiting = node.waiting
        row["slots"] = len(jobs) + (waiting.request.slots if waiting else 0)
        row["taken_cpus"] = sum(job.cpus for job in jobs)
        row["taken_memory"] = sum(job.memory for job in jobs)
        row["silent"] = round(nodes.lease_s - (node.expires - now))
        row["lease"] = round(nodes.lease_s)
        used = [last for job in jobs if (last := samples.last(job.workflow, job.job, job.attempt))]
        if used:
            row["cpu"] = sum(sample.cpu_percent for sample in used)
            row["mem"] = sum(sample.memory_bytes for sample in used)


async def add_use_to_page(request: Call, page: TablePage) -> None:
    """The same for a page of the table of nodes."""
    server = request.server
    alive = [row["id"] for row in page.items if row["id"] in server.runners.nodes.by_id]
    if alive:
        add_use(page.items, await request.db.read(held_jobs, alive), server.runners.nodes, server.samples)


def _alive(conn: Connection, ids: list[int], only: str | None) -> list[Row]:
    """The rows of these runners as far as a user may see them, the newest first."""
    visible, user = (f" AND node.workflow_id IN ({VISIBLE})", [only]) if only is not None else ("", [])
    rows = conn.exec_driver_sql(
        "SELECT node.id, workflow_id, workflow.name AS workflow, hostname AS host, num_cpus AS cpus, memory_gb,"
        " num_gpus AS gpus, (SELECT count(*) FROM job WHERE job.node_id = node.id) AS jobs"
        " FROM compute_node AS node JOIN workflow ON workflow.id = workflow_id"
        f" WHERE node.is_active = 1 AND node.id IN (SELECT value FROM json_each(?)){visible} ORDER BY node.id DESC",
        (json_text(ids), *user),
    )
    return [dict(row._mapping) for row in rows]


def _lost(conn: Connection, nodes: Nodes, only: str | None) -> list[LostRunner]:
    """The runners that were lost in the last hour, the newest first, as far as a user may see their workflows."""
    since = now_ms() - LOST_SHOWN_MS
    found = [node for node in reversed(list(nodes.lost)) if node.at_ms > since]
    names = _names(conn, [node.workflow_id for node in found], only) if found else {}
    return [
        LostRunner(
            id=node.id, host=node.hostname, workflow_id=node.workflow_id, workflow=names[node.workflow_id],
            at_ms=node.at_ms, why=node.reason, jobs=node.jobs,
        )
        for node in found
        if node.workflow_id in names
    ]  # fmt: skip


def _names(conn: Connection, workflows: list[int], only: str | None) -> dict[int, str]:
    visible, user = (f" AND id IN ({VISIBLE})", [only]) if only is not None else ("", [])
    rows = conn.exec_driver_sql(
        f"SELECT id, name FROM workflow WHERE state = 'visible' AND id IN (SELECT value FROM json_each(?)){visible}",
        (json_text(workflows), *user),
    )
    return {row[0]: row[1] for row in rows}


_MAY_BE_STUCK = """
SELECT workflow.id, workflow.name, active > 0 AS runs FROM workflow JOIN (
  SELECT workflow_id, sum(n * (status = 0)) AS uninitialized, sum(n * (status = 2)) AS ready,
    sum(n * (status IN (1, 2, 10))) AS waiting, sum(n * (status IN (3, 4))) AS active
  FROM status_count WHERE n > 0 GROUP BY workflow_id
) AS jobs ON jobs.workflow_id = workflow.id
WHERE state = 'visible' AND NOT is_canceled AND NOT is_archived AND work IS NULL
  AND waiting > 0 AND uninitialized = 0 AND (active = 0 OR ready > 0)
  AND EXISTS (SELECT 1 FROM compute_node WHERE workflow_id = workflow.id)"""
"""Workflows with jobs that wait, on which some runner has worked."""


def stuck_workflow(conn: Connection, workflow_id: int, nodes: Nodes) -> StuckWorkflow | None:
    """Which jobs of a workflow cannot go on, as its live runners are, or those were that left; None when all can."""
    row = conn.exec_driver_sql(f"{_MAY_BE_STUCK} AND workflow.id = ?", (workflow_id,)).one_or_none()
    return _stuck(conn, row[0], row[1], nodes) if row else None


def _stuck(conn: Connection, workflow_id: int, name: str, nodes: Nodes) -> StuckWorkflow | None:
    live = nodes.of_workflow(workflow_id)
    stuck = what_waits(conn, workflow_id, live) if live else why_left(conn, workflow_id)
    if stuck is None or _takes_any(conn, [node.id for node in live]):
        return None
    return StuckWorkflow(
        id=workflow_id, name=name, cause=stuck.cause, jobs=stuck.jobs, lacking=stuck.lacking, why=stuck.why
    )


def _takes_any(conn: Connection, nodes: list[int]) -> bool:
    """Whether one of these runners does not go by resources, as it said when it came, before its first exchange."""
    return (
        conn.exec_driver_sql(
            "SELECT 1 FROM compute_node WHERE id IN (SELECT value FROM json_each(?))"
            " AND json_extract(scheduler, '$.by_resources') = 0",
            (json_text(nodes),),
        ).first()
        is not None
    )


def stuck_workflows(conn: Connection, nodes: Nodes, only: str | None) -> list[StuckWorkflow]:
    """The workflows that cannot go on, among those that ran last, as far as a user may see them."""
    visible, user = (f" AND workflow.id IN ({VISIBLE})", (only,)) if only is not None else ("", ())
    last = "(SELECT max(compute_node.id) FROM compute_node WHERE workflow_id = candidate.id)"
    rows = conn.exec_driver_sql(
        f"SELECT id, name FROM (SELECT id, name, row_number() OVER (PARTITION BY runs ORDER BY {last} DESC) AS place"
        f" FROM ({_MAY_BE_STUCK}{visible}) AS candidate) WHERE place <= ?",
        (*user, MAY_BE_STUCK),
    ).all()
    found = (_stuck(conn, number, name, nodes) for number, name in rows)
    return [each for each in found if each]


def _runners(
    conn: Connection, nodes: Nodes, only: str | None
) -> tuple[list[Row], list[Held], list[LostRunner], list[StuckWorkflow]]:
    """The rows of live runners with the jobs that they hold, those that are lost, and who waits for one."""
    rows = _alive(conn, list(nodes.by_id), only)
    held = held_jobs(conn, [row["id"] for row in rows])
    return rows, held, _lost(conn, nodes, only), stuck_workflows(conn, nodes, only)


@get("/console/nodes", query=LiveQuery, answer=LiveNodes)
async def get_live_nodes(request: Call) -> Answer:
    """The runners that are alive, of all workflows, and what they have together; who is lost, and who waits."""
    server, ask = request.server, request.ask(LiveQuery)
    nodes, only = server.runners.nodes, server.access.visible_to(request.caller)
    rows, held, lost, stuck = await request.db.read(_runners, nodes, only)
    add_use(rows, held, nodes, server.samples)
    return json_answer(
        LiveNodes(
            nodes=rows[: max(ask.limit, 0)],
            total=len(rows),
            cpus=sum(row["cpus"] for row in rows),
            taken_cpus=sum(row.get("taken_cpus", 0) for row in rows),
            memory_bytes=sum(int(row["memory_gb"] * GIB) for row in rows),
            used_memory_bytes=sum(row.get("mem", 0) for row in rows),
            lost=lost,
            stuck=stuck,
        )
    )


HANDLERS = [get_live_nodes]
