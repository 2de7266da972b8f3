"""Resource requirements: what jobs need (server.md 1.5)."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from torc_core.models.resources import ResourceRequirements
from torc_core.units import UnitError, parse_duration, parse_memory
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, require_workflow, same_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.engine.notes import note
from torc_server.errors import Conflict, Invalid
from torc_server.store import schema
from torc_server.store.batch import Batch

REQUIREMENTS = Resource("Resource requirements", schema.resource_requirements, ResourceRequirements)

RESERVED = "default"
"""Name of the built-in requirement of jobs that name none."""

FILTERS = ("name", "memory", "num_cpus", "num_gpus", "num_nodes")


class NewRequirements(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Body of a creation: all but the name have defaults (the OpenAPI document of torc says so)."""

    id: int | None = None
    workflow_id: int
    name: str
    num_cpus: int = 1
    num_gpus: int = 0
    num_nodes: int = 1
    memory: str = "1m"
    runtime: str = "PT1M"


class RequirementsQuery(WorkflowPage, kw_only=True):
    """Filters of the list of resource requirements; runtime in seconds."""

    name: str | None = None
    memory: str | None = None
    num_cpus: int | None = None
    num_gpus: int | None = None
    num_nodes: int | None = None
    runtime: int | None = None
    job_id: int | None = None


def checked(body: NewRequirements | ResourceRequirements) -> Wire:
    """The columns of a requirement, computed ones included. Invalid names the field and its value."""
    row: Wire = {name: getattr(body, name) for name in ResourceRequirements.__struct_fields__ if name != "id"}
    for name, least in (("num_cpus", 0), ("num_gpus", 0), ("num_nodes", 1)):
        if row[name] < least:
            raise Invalid(f"{name} {row[name]} is below {least}", field=name, value=row[name])
    for name, column, parse in (("memory", "memory_bytes", parse_memory), ("runtime", "runtime_s", parse_duration)):
        try:
            row[column] = parse(row[name])
        except UnitError as error:
            raise Invalid(f"Invalid {name} format '{row[name]}': {error}", field=name, value=row[name]) from None
    return row


def create(batch: Batch, body: NewRequirements) -> Wire:
    """Store a requirement."""
    require_workflow(batch.conn, body.workflow_id)
    row = checked(body)
    if body.name == RESERVED:
        raise Invalid(f"the name {RESERVED!r} is reserved for the built-in requirement; choose another")
    row_id = REQUIREMENTS.insert(batch, row)
    batch.log(body.workflow_id, "resource_requirements", id=row_id)
    return REQUIREMENTS.get(batch.conn, row_id)


def update(batch: Batch, row_id: int, body: ResourceRequirements, user: str) -> Wire:
    """Replace a requirement; jobs that use it need the new numbers from now on."""
    old = REQUIREMENTS.get(batch.conn, row_id)
    same_workflow(old, body.workflow_id)
    row = checked(body)
    if body.name == RESERVED and old["name"] != RESERVED:
        raise Invalid(f"the name {RESERVED!r} is reserved for the built-in requirement; choose another")
    REQUIREMENTS.update(batch, row_id, {**row, "is_default": 0})  # numbers that somebody wrote are enforced
    said = {name: row[name] for name in ResourceRequirements.__struct_fields__[2:]}
    note(
        batch,
        body.workflow_id,
        category="user_action",
        action="update_resource_requirements",
        user=user,
        resource_requirements_id=row_id,
        **said,
    )
    batch.log(body.workflow_id, "resource_requirements", id=row_id)
    batch.wake_workflows.add(body.workflow_id)
    return REQUIREMENTS.get(batch.conn, row_id)


def remove(batch: Batch, row_id: int) -> Wire:
    """Delete a requirement. Conflict while jobs use it."""
    row = REQUIREMENTS.get(batch.conn, row_id)
    job = batch.run("SELECT name FROM job WHERE resource_requirements_id = ? LIMIT 1", row_id).scalar()
    if job is not None:
        raise Conflict(f"resource requirements {row['name']!r} are used by job {job!r}; give it others first")
    REQUIREMENTS.delete(batch, row_id)
    batch.log(row["workflow_id"], "resource_requirements", id=row_id, deleted=True)
    return row


def remove_all(batch: Batch, workflow_id: int) -> int:
    """Delete those of a workflow that no job uses; returns how many."""
    count = batch.run(
        "DELETE FROM resource_requirements WHERE workflow_id = ? AND id NOT IN"
        " (SELECT resource_requirements_id FROM job WHERE workflow_id = ?)",
        workflow_id,
        workflow_id,
    ).rowcount
    if count:
        batch.log(workflow_id, "resource_requirements")
    return count


@post("/resource_requirements", body=NewRequirements, answer=ResourceRequirements)
async def create_requirements(request: Call) -> Answer:
    """Add a requirement to a workflow."""
    body = await request.told(NewRequirements)
    return json_answer(await request.db.write(create, body))


@get("/resource_requirements", query=RequirementsQuery)
async def list_requirements(request: Call) -> Answer:
    """A page of the requirements of a workflow."""
    return json_answer(await request.db.read(_page, request.ask(RequirementsQuery)))


def _page(conn: Connection, ask: RequirementsQuery) -> Wire:
    c = schema.resource_requirements.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    where += [c[name] == value for name in FILTERS if (value := getattr(ask, name)) is not None]
    if ask.runtime is not None:
        where.append(c.runtime_s == ask.runtime)
    if ask.job_id is not None:
        job = schema.job.c
        where.append(c.id.in_(select(job.resource_requirements_id).where(job.id == ask.job_id)))
    return REQUIREMENTS.page(conn, ask, where)


@get("/resource_requirements/{id:str}", answer=ResourceRequirements)
async def get_requirements(request: Call) -> Answer:
    """One requirement."""
    return json_answer(await request.db.read(REQUIREMENTS.get, request.number()))


@put("/resource_requirements/{id:str}", body=ResourceRequirements, answer=ResourceRequirements)
async def update_requirements(request: Call) -> Answer:
    """Replace a requirement."""
    row_id = request.number()
    body = await request.told(ResourceRequirements)
    return json_answer(await request.db.write(update, row_id, body, request.caller))


@delete("/resource_requirements/{id:str}", answer=ResourceRequirements)
async def delete_requirements(request: Call) -> Answer:
    """Delete a requirement that no job uses."""
    return json_answer(await request.db.write(remove, request.number()))


@delete("/resource_requirements", query=OfWorkflow)
async def delete_all_requirements(request: Call) -> Answer:
    """Delete the requirements of a workflow that no job uses."""
    return json_answer({"count": await request.db.write(remove_all, request.ask(OfWorkflow).workflow_id)})


HANDLERS = [
    create_requirements, list_requirements, get_requirements, update_requirements, delete_requirements,
    delete_all_requirements,
]  # fmt: skip
