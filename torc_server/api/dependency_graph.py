"""The dependencies of a workflow in one answer, for clients that work out its execution plan (spec.md 16)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from torc_core.models.dependency_graph import DependencyGraph, StoredBarrier
from torc_server.api.answers import JSON, Answer
from torc_server.api.call import Call
from torc_server.api.resources import require_workflow
from torc_server.api.routes import get
from torc_server.engine.initialize import EVERY, implied
from torc_server.store.batch import pack

_EDGES = (
    "SELECT edge.job_id, edge.depends_on_job_id FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id"
    " WHERE job.workflow_id = ?1"
)
_UNINITIALIZED = "SELECT EXISTS (SELECT 1 FROM job WHERE workflow_id = ? AND status = 0)"


def graph(conn: Connection, workflow_id: int) -> bytes:
    """The JSON of a workflow's DependencyGraph. NotFound."""
    require_workflow(conn, workflow_id)
    name, description = conn.exec_driver_sql(
        "SELECT name, description FROM workflow WHERE id = ?", (workflow_id,)
    ).one()
    jobs = conn.exec_driver_sql("SELECT id, name FROM job WHERE workflow_id = ? ORDER BY id", (workflow_id,))
    sql = _EDGES + " AND job.id BETWEEN ?2 AND ?3"
    if conn.exec_driver_sql(_UNINITIALIZED, (workflow_id,)).scalar_one():
        sql += f" UNION {implied('file')} UNION {implied('user_data')}"
    found = DependencyGraph(
        workflow_id=workflow_id,
        name=name,
        description=description,
        jobs=[(row[0], row[1]) for row in jobs],
        edges=[(row[0], row[1]) for row in conn.exec_driver_sql(sql, (workflow_id, *EVERY))],
        barriers=_barriers(conn, workflow_id),
    )
    return msgspec.json.encode(found)


def _barriers(conn: Connection, workflow_id: int) -> list[StoredBarrier]:
    sides: list[dict[int, list[int]]] = []
    for table in ("barrier_parent", "barrier_child"):
        ids: dict[int, list[int]] = {}
        sql = (
            f"SELECT id, job_id FROM barrier JOIN {table} ON barrier_id = id WHERE workflow_id = ? ORDER BY id, job_id"
        )
        for barrier, job in conn.exec_driver_sql(sql, (workflow_id,)):
            ids.setdefault(barrier, []).append(job)
        sides.append(ids)
    parents, children = sides
    return [StoredBarrier(pack(parents[i]), pack(children[i])) for i in parents if i in children]  # type: ignore[arg-type]


@get("/workflows/{id:str}/dependency_graph", answer=DependencyGraph)
async def get_graph(request: Call) -> Answer:
    """All jobs and which of them wait for which; what files and user data imply is there before an initialisation too.

    Jobs of which all wait for all of others come as barriers, ids in them as runs: [[first, last], id, …].
    """
    return Answer(await request.db.read(graph, request.number()), headers=JSON)


HANDLERS = [get_graph]
