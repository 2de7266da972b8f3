"""Failure handlers: what runners do when a job fails (server.md 1.5)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from torc_core.models.resources import FailureHandler
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import MAX_LIMIT, Page
from torc_server.api.resources import Resource, Wire, given, require_workflow
from torc_server.api.routes import delete, get, post
from torc_server.engine.failure_rules import check_rules
from torc_server.store import schema
from torc_server.store.batch import Batch

FAILURE_HANDLERS = Resource("Failure handler", schema.failure_handler, FailureHandler)


class HandlersQuery(msgspec.Struct, kw_only=True):
    offset: int = 0
    limit: int = MAX_LIMIT


def create(batch: Batch, body: FailureHandler) -> Wire:
    """Store a handler. NotFound (workflow), Invalid (rules)."""
    require_workflow(batch.conn, body.workflow_id)
    check_rules(body.rules)
    said = given(body, "id")
    row_id = FAILURE_HANDLERS.insert(batch, said)
    batch.log(body.workflow_id, "failure_handler", id=row_id)
    return {"id": row_id, **said}


def remove(batch: Batch, row_id: int) -> None:
    """Delete a handler; jobs that had it have none."""
    row = FAILURE_HANDLERS.get(batch.conn, row_id)
    batch.run("UPDATE job SET failure_handler_id = NULL WHERE failure_handler_id = ?", row_id)
    FAILURE_HANDLERS.delete(batch, row_id)
    batch.log(row["workflow_id"], "failure_handler", id=row_id, deleted=True)


def _page(conn: Connection, workflow_id: int, ask: HandlersQuery) -> Wire:
    of_workflow = [schema.failure_handler.c.workflow_id == workflow_id]
    return FAILURE_HANDLERS.page(conn, Page(offset=ask.offset, limit=ask.limit), of_workflow)


@post("/failure_handlers", body=FailureHandler, answer=FailureHandler)
async def create_failure_handler(request: Call) -> Answer:
    """Add a failure handler to a workflow."""
    return json_answer(await request.db.write(create, await request.told(FailureHandler)))


@get("/failure_handlers/{id:str}", answer=FailureHandler)
async def get_failure_handler(request: Call) -> Answer:
    """One failure handler."""
    return json_answer(await request.db.read(FAILURE_HANDLERS.get, request.number()))


@delete("/failure_handlers/{id:str}")
async def delete_failure_handler(request: Call) -> Answer:
    """Delete a failure handler."""
    await request.db.write(remove, request.number())
    return json_answer({"message": "Failure handler deleted successfully"})


@get("/workflows/{id:str}/failure_handlers", query=HandlersQuery)
async def list_failure_handlers(request: Call) -> Answer:
    """A page of the failure handlers of a workflow, by id."""
    return json_answer(await request.db.read(_page, request.number(), request.ask(HandlersQuery)))


HANDLERS = [create_failure_handler, get_failure_handler, delete_failure_handler, list_failure_handlers]
