"""Compute nodes: what runners register (server.md 1.7)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_

from torc_core.crash import crash_point
from torc_core.models.resources import ComputeNode
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call, Server
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, given, require_workflow, same_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.engine.leases import tell_stopped
from torc_server.errors import Conflict, Invalid
from torc_server.store import schema
from torc_server.store.batch import Batch

NODES = Resource("Compute node", schema.compute_node, ComputeNode)


LEASE = ("lease_age_s", "lease_s")
"""What only the server says of a node."""

_STARTED = ("hostname", "pid", "num_cpus", "memory_gb", "num_gpus", "compute_node_type")
"""What is told of a node that started."""


class NodeQuery(WorkflowPage, kw_only=True):
    """Filters of the list of compute nodes."""

    hostname: str | None = None
    is_active: bool | None = None
    scheduled_compute_node_id: int | None = None


def wire(row: Any) -> Wire:
    """A node as it travels: one that never said whether it is active is not (server.md 1.7)."""
    return {**NODES.wire(row), "is_active": bool(row.is_active)}


def get_node_row(conn: Connection, node_id: int) -> Wire:
    """One node. NotFound."""
    found = NODES.get(conn, node_id)
    return {**found, "is_active": found.get("is_active", False)}


def active_runners(conn: Connection) -> list[tuple[int, int, str | None]]:
    """(id, pid, process space) of every runner that has not left."""
    rows = conn.exec_driver_sql("SELECT id, pid, boot_id FROM compute_node WHERE is_active = 1 AND uuid IS NOT NULL")
    return [(row[0], row[1], row[2]) for row in rows]


def register(batch: Batch, body: ComputeNode, server: Server) -> Wire:
    """Store a node; with a `uuid` it is a runner with a lease, and repeating its registration finds it."""
    require_workflow(batch.conn, body.workflow_id)
    said = given(body, "id", *LEASE)
    if body.uuid is not None:
        said.setdefault("is_active", True)
        found = batch.run(
            "SELECT id, workflow_id, hostname, pid FROM compute_node WHERE uuid = ?", body.uuid
        ).one_or_none()
        if found is not None and found[1] != body.workflow_id:
            raise Conflict(f"compute node {body.uuid} is registered in workflow {found[1]}")
        if found is not None and (found[2], found[3]) != (body.hostname, body.pid):
            raise Conflict(f"compute node {body.uuid} is registered by process {found[3]} on {found[2]}")
        if found is not None:
            return get_node_row(batch.conn, found[0])
    node_id = NODES.insert(batch, said)
    if body.uuid is not None:
        server.runners.registered(batch, node_id)
    batch.log(body.workflow_id, "node", id=node_id, hostname=body.hostname, is_active=bool(said.get("is_active")))
    batch.tell(
        body.workflow_id,
        "compute_node_started",
        compute_node_id=node_id,
        **{name: getattr(body, name) for name in _STARTED},
    )
    return {"id": node_id, **said}


def known_node(conn: Connection, workflow_id: int, node_id: int) -> None:
    """Invalid unless the node exists in the workflow."""
    found = conn.exec_driver_sql("SELECT workflow_id FROM compute_node WHERE id = ?", (node_id,)).scalar()
    if found != workflow_id:
        raise Invalid(f"compute node {node_id} does not exist in workflow {workflow_id}")


@post("/compute_nodes", body=ComputeNode, answer=ComputeNode)
async def create_node(request: Call) -> Answer:
    """Register a compute node."""
    body = await request.told(ComputeNode)
    node = await request.db.write(register, body, request.server)
    crash_point("server.registered")
    if body.uuid is not None and node["is_active"]:
        request.server.deaths.watch(node["id"], body.pid, body.boot_id)
    return json_answer(node)


@get("/compute_nodes", query=NodeQuery)
async def list_nodes(request: Call) -> Answer:
    """A page of the compute nodes of a workflow."""
    page = await request.db.read(_page, request.ask(NodeQuery))
    for node in page["items"]:
        node.update(_lease(request.server, node["id"]))
    return json_answer(page)


def _lease(server: Server, node_id: int) -> Wire:
    """What is known of the lease of a runner; nothing of one that has left, and of torc's own clients."""
    age_s = server.runners.nodes.silent_s(node_id)
    return {} if age_s is None else {"lease_age_s": round(age_s, 3), "lease_s": server.runners.nodes.lease_s}


def _page(conn: Connection, ask: NodeQuery) -> Wire:
    c = schema.compute_node.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    if ask.hostname is not None:
        where.append(c.hostname == ask.hostname)
    if ask.is_active is not None:
        where.append(c.is_active == 1 if ask.is_active else or_(c.is_active == 0, c.is_active.is_(None)))
    if ask.scheduled_compute_node_id is not None:
        where.append(func.json_extract(c.scheduler, "$.scheduler_id") == ask.scheduled_compute_node_id)
    return NODES.page(conn, ask, where, wire=wire)


@get("/compute_nodes/{id:str}", answer=ComputeNode)
async def get_node(request: Call) -> Answer:
    """One compute node."""
    node = await request.db.read(get_node_row, request.number())
    return json_answer({**node, **_lease(request.server, node["id"])})


@put("/compute_nodes/{id:str}", body=ComputeNode, answer=ComputeNode)
async def update_node(request: Call) -> Answer:
    """Change a compute node; what is not said stays."""
    node_id = request.number()
    body = await request.told(ComputeNode)

    def work(batch: Batch) -> Wire:
        same_workflow(get_node_row(batch.conn, node_id), body.workflow_id)
        NODES.update(batch, node_id, given(body, "id", "uuid", *LEASE))
        node = get_node_row(batch.conn, node_id)
        batch.log(body.workflow_id, "node", id=node_id, hostname=node["hostname"], is_active=node["is_active"])
        if body.is_active is False:
            tell_stopped(batch, node_id)
        return node

    return json_answer(await request.db.write(work))


@delete("/compute_nodes/{id:str}", answer=ComputeNode)
async def delete_node(request: Call) -> Answer:
    """Delete a compute node; its results stay."""
    node_id = request.number()

    def work(batch: Batch) -> Wire:
        node = get_node_row(batch.conn, node_id)
        if node["is_active"] and "uuid" in node:
            raise Conflict(f"compute node {node_id} is an active runner on {node['hostname']}; stop it first")
        NODES.delete(batch, node_id)
        batch.log(node["workflow_id"], "node", id=node_id, deleted=True)
        return node

    return json_answer(await request.db.write(work))


@delete("/compute_nodes", query=OfWorkflow)
async def delete_nodes(request: Call) -> Answer:
    """Delete the compute nodes of a workflow, except those of runners that are active."""
    workflow_id = request.ask(OfWorkflow).workflow_id

    def work(batch: Batch) -> int:
        count = batch.run(
            "DELETE FROM compute_node WHERE workflow_id = ? AND (uuid IS NULL OR is_active IS NOT 1)", workflow_id
        ).rowcount
        if count:
            batch.log(workflow_id, "node")
        return count

    return json_answer({"count": await request.db.write(work)})


HANDLERS = [create_node, list_nodes, get_node, update_node, delete_node, delete_nodes]
