"""Workflow actions: what runners do when something has happened (server.md 1.8, 6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection, select

from torc_core.models.resources import WorkflowAction
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.resources import Resource, Wire, given, require_workflow
from torc_server.api.routes import get, post
from torc_server.engine import actions
from torc_server.engine.action_config import check_action
from torc_server.errors import Invalid
from torc_server.store import schema
from torc_server.store.batch import Batch

ACTIONS = Resource("Action", schema.workflow_action, WorkflowAction)

_SAID = {"trigger_count": 0, "required_triggers": 1, "executed": False, "persistent": False, "is_recovery": False}
"""What torc answers to a creation that does not say it."""


def create(batch: Batch, workflow_id: int, body: WorkflowAction) -> Wire:
    """Store an action; returns what was said. NotFound (workflow), Invalid (trigger, type, config, jobs)."""
    require_workflow(batch.conn, workflow_id)
    job_ids = body.job_ids
    required = check_action(body.trigger_type, body.action_type, body.action_config, job_ids)
    if job_ids:
        _check_jobs(batch, workflow_id, job_ids)
    stored = given(body, "id", "executed_at", "executed_by")
    stored |= {"workflow_id": workflow_id, "required_triggers": required}
    action_id = ACTIONS.insert(batch, stored)
    actions.list_jobs(batch, workflow_id, action_id, body.trigger_type, job_ids or ())
    if action_id in actions.pending(batch.conn, workflow_id):
        actions.told_pending(batch, workflow_id, [action_id])
    else:
        batch.log(workflow_id, "action", id=action_id)
    return {**_SAID, **given(body), "id": action_id, "workflow_id": workflow_id}


def _check_jobs(batch: Batch, workflow_id: int, job_ids: list[int]) -> None:
    wrong = batch.run(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM job WHERE workflow_id = ?) LIMIT 1",
        batch.json(job_ids),
        workflow_id,
    ).scalar()
    if wrong is not None:
        raise Invalid(f"job_ids: job {wrong} does not exist in workflow {workflow_id}")


def listed(conn: Connection, workflow_id: int, only: list[int] | None = None) -> list[Wire]:
    """The actions of a workflow by id, or some of them. NotFound (workflow)."""
    require_workflow(conn, workflow_id)
    c = schema.workflow_action.c
    rows = conn.execute(select(*ACTIONS.columns).where(c.workflow_id == workflow_id).order_by(c.id))
    found = [ACTIONS.wire(row) for row in rows]
    return found if only is None else [action for action in found if action["id"] in only]


def listed_pending(conn: Connection, workflow_id: int, triggers: list[str]) -> list[Wire]:
    """The actions that can be claimed."""
    return listed(conn, workflow_id, actions.pending(conn, workflow_id, triggers))


def claim(batch: Batch, workflow_id: int, action_id: int, node_id: int | None) -> Wire:
    """See `engine.actions.claim`."""
    require_workflow(batch.conn, workflow_id)
    actions.claim(batch, workflow_id, action_id, node_id)
    return {"action_id": action_id, "claimed": True}


@post("/workflows/{id:str}/actions", body=WorkflowAction, answer=WorkflowAction)
async def create_action(request: Call) -> Answer:
    """Add an action to a workflow."""
    workflow_id = request.number()
    return json_answer(await request.db.write(create, workflow_id, await request.told(WorkflowAction)))


@get("/workflows/{id:str}/actions", answer=list[WorkflowAction])
async def list_actions(request: Call) -> Answer:
    """The actions of a workflow."""
    return json_answer(await request.db.read(listed, request.number()))


@get("/workflows/{id:str}/actions/pending", answer=list[WorkflowAction])
async def list_pending_actions(request: Call) -> Answer:
    """Actions that can be claimed; `trigger_type`, which may be repeated, says of which triggers."""
    asked = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    triggers = [value for name, value in asked if name == "trigger_type"]
    return json_answer(await request.db.read(listed_pending, request.number(), triggers))


@post("/workflows/{id:str}/actions/{action_id:str}/claim", body=dict[str, Any])
async def claim_action(request: Call) -> Answer:
    """Take an action; a `compute_node_id` in the body that is no integer counts as none."""
    workflow_id, action_id = request.number(), request.number("action_id")
    body = await request.told_anything()
    node = body.get("compute_node_id") if isinstance(body, dict) else None
    node_id = node if isinstance(node, int) and not isinstance(node, bool) else None
    return json_answer(await request.db.write(claim, workflow_id, action_id, node_id))


HANDLERS = [create_action, list_actions, list_pending_actions, claim_action]
