"""Remote workers: hosts that run jobs of a workflow over SSH (server.md 1.7)."""

from __future__ import annotations

import re

import msgspec
from sqlalchemy import Connection

from torc_core.models.resources import RemoteWorker
from torc_server.api.answers import Answer, Malformed, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import EMPTY
from torc_server.api.resources import require_workflow
from torc_server.api.routes import delete, get, post
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch

_WORKER = re.compile(r"(?:[\w.+-]+@)?(?:[A-Za-z0-9][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)

_MISMATCH = "Couldn't parse body parameter workers - doesn't match schema: "


def _named(raw: bytes) -> list[str]:
    """The body, a list of workers. Malformed."""
    if not raw.strip():
        raise Malformed("Missing required body parameter workers")
    try:
        return msgspec.json.decode(raw, type=list[str])
    except (ValueError, msgspec.DecodeError) as error:
        raise Malformed(_MISMATCH + str(error)) from None


def add(batch: Batch, workflow_id: int, workers: list[str]) -> list[RemoteWorker]:
    """Add workers; those that are known already stay. NotFound (workflow), Invalid (what is no worker)."""
    require_workflow(batch.conn, workflow_id)
    for worker in workers:
        if not _WORKER.fullmatch(worker):
            raise Invalid(f"{worker!r} is no worker; write [user@]host[:port]")
    batch.run_many(
        "INSERT OR IGNORE INTO remote_worker (workflow_id, worker) VALUES (?, ?)",
        [(workflow_id, worker) for worker in workers],
    )
    batch.log(workflow_id, "remote_worker")
    return [RemoteWorker(worker=worker, workflow_id=workflow_id) for worker in workers]


def workers_of(conn: Connection, workflow_id: int) -> list[RemoteWorker]:
    """The workers of a workflow by name. NotFound."""
    require_workflow(conn, workflow_id)
    rows = conn.exec_driver_sql(
        "SELECT worker FROM remote_worker WHERE workflow_id = ? ORDER BY worker", (workflow_id,)
    )
    return [RemoteWorker(worker=worker, workflow_id=workflow_id) for worker in rows.scalars()]


def remove(batch: Batch, workflow_id: int, worker: str) -> RemoteWorker:
    """Remove a worker. NotFound."""
    require_workflow(batch.conn, workflow_id)
    sql = "DELETE FROM remote_worker WHERE workflow_id = ? AND worker = ?"
    if not batch.run(sql, workflow_id, worker).rowcount:
        raise NotFound(f"Worker '{worker}' not found for workflow {workflow_id}")
    batch.log(workflow_id, "remote_worker")
    return RemoteWorker(worker=worker, workflow_id=workflow_id)


@post("/workflows/{id:str}/remote_workers", body=list[str], answer=list[RemoteWorker])
async def create_workers(request: Call) -> Answer:
    """Add remote workers to a workflow; answers 201, the only one of torc's endpoints that does."""
    workflow_id = request.number()
    return json_answer(await request.db.write(add, workflow_id, _named(await request.body())), 201)


@get("/workflows/{id:str}/remote_workers", answer=list[RemoteWorker])
async def list_workers(request: Call) -> Answer:
    """The remote workers of a workflow."""
    return json_answer(await request.db.read(workers_of, request.number()))


@delete("/workflows/{id:str}/remote_workers/{worker:str}", answer=RemoteWorker)
async def delete_worker(request: Call) -> Answer:
    """Remove a remote worker from a workflow."""
    worker = request.path_params["worker"]
    return json_answer(await request.db.write(remove, request.number(), "" if worker == EMPTY else worker))


HANDLERS = [create_workers, list_workers, delete_worker]
