"""User data: JSON documents that jobs read and write (server.md 1.4)."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from torc_core.models.resources import UserData
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, given, require_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.errors import Invalid, NotFound
from torc_server.store import schema
from torc_server.store.batch import Batch

USER_DATA = Resource("User data", schema.user_data, UserData)


class LinkQuery(msgspec.Struct, kw_only=True):
    """Jobs to relate new user data to."""

    consumer_job_id: int | None = None
    producer_job_id: int | None = None


class UserDataQuery(WorkflowPage, kw_only=True):
    """Filters of the list of user data."""

    consumer_job_id: int | None = None
    producer_job_id: int | None = None
    name: str | None = None
    is_ephemeral: bool | None = None


def create(batch: Batch, body: UserData, link: LinkQuery) -> Wire:
    """Store a document and its relations, or nothing."""
    require_workflow(batch.conn, body.workflow_id)
    said = given(body, "id")
    data_id = USER_DATA.insert(batch, {"is_ephemeral": False, **said})
    for table, job_id in (
        ("job_input_user_data", link.consumer_job_id),
        ("job_output_user_data", link.producer_job_id),
    ):
        if job_id is None:
            continue
        workflow_id = batch.run("SELECT workflow_id FROM job WHERE id = ?", job_id).scalar()
        if workflow_id is None:
            raise NotFound(f"Job not found with ID: {job_id}")
        if workflow_id != body.workflow_id:
            raise Invalid(f"job {job_id} belongs to workflow {workflow_id}, not {body.workflow_id}")
        batch.run(f"INSERT INTO {table} (job_id, user_data_id) VALUES (?, ?)", job_id, data_id)
    batch.log(body.workflow_id, "user_data", id=data_id)
    return {"id": data_id, **said}


@post("/user_data", query=LinkQuery, body=UserData, answer=UserData)
async def create_user_data(request: Call) -> Answer:
    """Add a document to a workflow."""
    link = request.ask(LinkQuery)
    body = await request.told(UserData)
    return json_answer(await request.db.write(create, body, link))


@get("/user_data", query=UserDataQuery)
async def list_user_data(request: Call) -> Answer:
    """A page of the documents of a workflow."""
    return json_answer(await request.db.read(_page, request.ask(UserDataQuery)))


def _page(conn: Connection, ask: UserDataQuery) -> Wire:
    c, read, made = schema.user_data.c, schema.job_input_user_data.c, schema.job_output_user_data.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    if ask.consumer_job_id is not None:
        where.append(c.id.in_(select(read.user_data_id).where(read.job_id == ask.consumer_job_id)))
    if ask.producer_job_id is not None:
        where.append(c.id.in_(select(made.user_data_id).where(made.job_id == ask.producer_job_id)))
    if ask.name is not None:
        where.append(c.name.like(f"%{ask.name}%"))
    if ask.is_ephemeral is not None:
        where.append(c.is_ephemeral == int(ask.is_ephemeral))
    return USER_DATA.page(conn, ask, where)


@get("/user_data/{id:str}", answer=UserData)
async def get_user_data(request: Call) -> Answer:
    """One document."""
    return json_answer(await request.db.read(USER_DATA.get, request.number()))


@put("/user_data/{id:str}", body=UserData, answer=UserData)
async def update_user_data(request: Call) -> Answer:
    """Change a document; what is not said stays, workflow_id always (server.md 1.4)."""
    data_id = request.number()
    body = await request.told(UserData)

    def work(batch: Batch) -> Wire:
        row = USER_DATA.get(batch.conn, data_id)
        USER_DATA.update(batch, data_id, given(body, "id", "workflow_id"))
        batch.log(row["workflow_id"], "user_data", id=data_id)
        return USER_DATA.get(batch.conn, data_id)

    return json_answer(await request.db.write(work))


@delete("/user_data/{id:str}", answer=UserData)
async def delete_user_data(request: Call) -> Answer:
    """Delete a document."""
    data_id = request.number()

    def work(batch: Batch) -> Wire:
        row = USER_DATA.get(batch.conn, data_id)
        USER_DATA.delete(batch, data_id)
        batch.log(row["workflow_id"], "user_data", id=data_id, deleted=True)
        return row

    return json_answer(await request.db.write(work))


@delete("/user_data", query=OfWorkflow)
async def delete_all_user_data(request: Call) -> Answer:
    """Delete all documents of a workflow."""
    workflow_id = request.ask(OfWorkflow).workflow_id
    n = await request.server.gradual.clear(USER_DATA.delete_some, workflow_id)
    return json_answer({"message": f"Deleted {n} user data records for workflow {workflow_id}", "deleted_count": n})


HANDLERS = [
    create_user_data, list_user_data, get_user_data, update_user_data, delete_user_data, delete_all_user_data,
]  # fmt: skip
