"""Live runners for the console: what their jobs asked for and use, how many more they could start, and their leases."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import LiveNodes, Row, TablePage
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import get
from torc_server.engine.groups import VISIBLE
from torc_server.engine.nodes import GIB, Nodes
from torc_server.samples import Samples
from torc_server.store.batch import json_text


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


@get("/console/nodes", query=LiveQuery, answer=LiveNodes)
async def get_live_nodes(request: Call) -> Answer:
    """The runners that are alive, of all workflows, and what they have together."""
    server, ask = request.server, request.ask(LiveQuery)
    nodes = server.runners.nodes
    rows = (
        await request.db.read(_alive, list(nodes.by_id), server.access.visible_to(request.caller))
        if nodes.by_id
        else []
    )
    if rows:
        add_use(rows, await request.db.read(held_jobs, [row["id"] for row in rows]), nodes, server.samples)
    return json_answer(
        LiveNodes(
            nodes=rows[: max(ask.limit, 0)],
            total=len(rows),
            cpus=sum(row["cpus"] for row in rows),
            taken_cpus=sum(row.get("taken_cpus", 0) for row in rows),
            memory_bytes=sum(int(row["memory_gb"] * GIB) for row in rows),
            used_memory_bytes=sum(row.get("mem", 0) for row in rows),
        )
    )


HANDLERS = [get_live_nodes]
