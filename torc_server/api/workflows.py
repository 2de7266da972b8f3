"""Workflows and their status (server.md 1.2)."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select

from torc_core.models.resources import Workflow, WorkflowStatus
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import Page
from torc_server.api.resources import Resource, Wire, given, require_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.engine.report import iso_time
from torc_server.engine.workflow import DEFAULTS, add_default_requirements
from torc_server.errors import NotFound
from torc_server.store import schema
from torc_server.store.batch import Batch

WORKFLOWS = Resource("Workflow", schema.workflow, Workflow)

UNCHANGED = (
    "id",
    "timestamp",
    "status_id",
    "origin",
    "compute_node_min_time_for_new_jobs_seconds",
    "resource_monitor_config",
    "slurm_defaults",
)
"""What an update leaves as it is (server.md 1.2)."""


class WorkflowQuery(Page, kw_only=True):
    """Filters of the list of workflows."""

    name: str | None = None
    user: str | None = None
    description: str | None = None
    is_archived: bool | None = None


def wire(row: Any) -> Wire:
    """A workflow as it travels; torc's status id is the workflow's own."""
    found = WORKFLOWS.wire(row)
    found["status_id"] = found["id"]
    return found


def get_workflow_row(conn: Connection, workflow_id: int) -> Wire:
    """One visible workflow. NotFound."""
    require_workflow(conn, workflow_id)
    found = WORKFLOWS.get(conn, workflow_id)
    found["status_id"] = workflow_id
    return found


def status_row(conn: Connection, workflow_id: int) -> Wire:
    """Run number and flags. NotFound."""
    row = conn.exec_driver_sql(
        "SELECT is_canceled, is_archived, run_id, has_detected_need_to_run_completion_script FROM workflow"
        " WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Workflow status not found with ID: {workflow_id}")
    return {
        "id": workflow_id,
        "is_canceled": bool(row[0]),
        "is_archived": bool(row[1]),
        "run_id": row[2],
        "has_detected_need_to_run_completion_script": bool(row[3]),
    }


def create(batch: Batch, body: Workflow) -> Wire:
    """Store a workflow with its default requirement; returns what was said, with what the server added."""
    said = given(body, "id", "timestamp", "status_id")
    said["timestamp"] = iso_time(batch.now_ms)
    workflow_id = WORKFLOWS.insert(batch, {**DEFAULTS, **said})
    add_default_requirements(batch, workflow_id)
    batch.log(workflow_id, "workflow", created=True, name=body.name, user=body.user)
    return {"id": workflow_id, **said, "status_id": workflow_id}


def update(batch: Batch, workflow_id: int, body: Workflow) -> Wire:
    """Write the fields that were said; null changes nothing."""
    require_workflow(batch.conn, workflow_id)
    WORKFLOWS.update(batch, workflow_id, given(body, *UNCHANGED))
    batch.log(workflow_id, "workflow", updated=True)
    return get_workflow_row(batch.conn, workflow_id)


def update_status(batch: Batch, workflow_id: int, body: WorkflowStatus) -> None:
    """Write run number and all flags; those omitted become false (server.md 1.2)."""
    status_row(batch.conn, workflow_id)
    batch.run(
        "UPDATE workflow SET is_canceled = ?, is_archived = ?, run_id = ?,"
        " has_detected_need_to_run_completion_script = ? WHERE id = ?",
        int(body.is_canceled),
        int(body.is_archived or False),
        body.run_id,
        int(body.has_detected_need_to_run_completion_script or False),
        workflow_id,
    )
    batch.wake_workflows.add(workflow_id)
    batch.log(
        workflow_id,
        "workflow",
        run_id=body.run_id,
        is_canceled=body.is_canceled,
        is_archived=bool(body.is_archived),
    )


@post("/workflows", body=Workflow, answer=Workflow)
async def create_workflow(request: Call) -> Answer:
    """Create an empty workflow."""
    body = await request.told(Workflow)
    return json_answer(await request.db.write(create, body))


@get("/workflows", query=WorkflowQuery)
async def list_workflows(request: Call) -> Answer:
    """A page of workflows."""
    only = request.server.access.visible_to(request.caller)
    return json_answer(await request.db.read(_page, request.ask(WorkflowQuery), only))


def _page(conn: Connection, ask: WorkflowQuery, only: str | None) -> Wire:
    c = schema.workflow.c
    where: list[ColumnElement[bool]] = [c.state == "visible"]
    if only is not None:
        shared, member = schema.workflow_access_group.c, schema.user_group_membership.c
        mine = select(shared.workflow_id).join(schema.user_group_membership, member.group_id == shared.group_id)
        where.append(or_(c.user == only, c.id.in_(mine.where(member.user_name == only))))
    if ask.name is not None:
        where.append(c.name == ask.name)
    if ask.user is not None:
        where.append(c.user == ask.user)
    if ask.description is not None:
        where.append(c.description.like(f"%{ask.description}%"))
    if ask.is_archived is not None:
        where.append(c.is_archived == int(ask.is_archived))
    return WORKFLOWS.page(conn, ask, where, wire=wire)


@get("/workflows/{id:str}", answer=Workflow)
async def get_workflow(request: Call) -> Answer:
    """One workflow."""
    return json_answer(await request.db.read(get_workflow_row, request.number()))


@put("/workflows/{id:str}", body=Workflow, answer=Workflow)
async def update_workflow(request: Call) -> Answer:
    """Change a workflow; what is not said stays."""
    workflow_id = request.number()
    body = await request.told(Workflow)
    answer = await request.db.write(update, workflow_id, body)
    request.server.access.forget()  # the owner may be another now
    return json_answer(answer)


@delete("/workflows/{id:str}", answer=Workflow)
async def delete_workflow(request: Call) -> Answer:
    """Delete a workflow and everything in it. It is hidden at once, its rows go in small portions."""
    workflow_id = request.number()
    gone = await request.db.write(hide, workflow_id)
    await request.server.gradual.delete(workflow_id)
    return json_answer(gone)


def hide(batch: Batch, workflow_id: int) -> Wire:
    """Make a workflow invisible before it is deleted; returns it."""
    gone = get_workflow_row(batch.conn, workflow_id)
    batch.run("UPDATE workflow SET state = 'deleting' WHERE id = ?", workflow_id)
    batch.run("UPDATE compute_node SET is_active = 0 WHERE workflow_id = ?", workflow_id)
    batch.wake_workflows.add(workflow_id)
    batch.log(workflow_id, "workflow", deleted=True, name=gone["name"])
    return gone


@get("/workflows/{id:str}/status", answer=WorkflowStatus)
async def get_status(request: Call) -> Answer:
    """Run number and flags."""
    return json_answer(await request.db.read(status_row, request.number()))


@put("/workflows/{id:str}/status", body=WorkflowStatus, answer=WorkflowStatus)
async def put_status(request: Call) -> Answer:
    """Set run number and flags; those omitted become false."""
    workflow_id = request.number()
    body = await request.told(WorkflowStatus)
    await request.db.write(update_status, workflow_id, body)
    return json_answer({**msgspec.to_builtins(body), "id": workflow_id})


def counts_of(conn: Connection, workflow_id: int) -> dict[JobStatus, int]:
    """Jobs by status, as kept."""
    rows = conn.exec_driver_sql("SELECT status, n FROM status_count WHERE workflow_id = ?", (workflow_id,))
    return {JobStatus(status): n for status, n in rows if n}


HANDLERS = [
    create_workflow, list_workflows, get_workflow, update_workflow, delete_workflow, get_status, put_status,
]  # fmt: skip
