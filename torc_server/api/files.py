"""Files (server.md 1.4)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, exists, select

from torc_core.models.resources import File
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, given, require_workflow, same_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.store import schema
from torc_server.store.batch import Batch

FILES = Resource("File", schema.file, File)


class FileQuery(WorkflowPage, kw_only=True):
    """Filters of the list of files."""

    produced_by_job_id: int | None = None
    name: str | None = None
    path: str | None = None
    is_output: bool | None = None


@post("/files", body=File, answer=File)
async def create_file(request: Call) -> Answer:
    """Add a file to a workflow."""
    body = await request.told(File)

    def work(batch: Batch) -> Wire:
        require_workflow(batch.conn, body.workflow_id)
        said = given(body, "id")
        file_id = FILES.insert(batch, said)
        batch.log(body.workflow_id, "file", id=file_id)
        return {"id": file_id, **said}

    return json_answer(await request.db.write(work))


@get("/files", query=FileQuery)
async def list_files(request: Call) -> Answer:
    """A page of the files of a workflow."""
    return json_answer(await request.db.read(_page, request.ask(FileQuery)))


def _page(conn: Connection, ask: FileQuery) -> Wire:
    c, made = schema.file.c, schema.job_output_file.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    if ask.name is not None:
        where.append(c.name == ask.name)
    if ask.path is not None:
        where.append(c.path == ask.path)
    if ask.produced_by_job_id is not None:
        where.append(c.id.in_(select(made.file_id).where(made.job_id == ask.produced_by_job_id)))
    if ask.is_output is not None:
        is_output = exists().where(made.file_id == c.id)
        where.append(is_output if ask.is_output else ~is_output)
    return FILES.page(conn, ask, where)


@get("/files/{id:str}", answer=File)
async def get_file(request: Call) -> Answer:
    """One file."""
    return json_answer(await request.db.read(FILES.get, request.number()))


@put("/files/{id:str}", body=File, answer=File)
async def update_file(request: Call) -> Answer:
    """Change a file; an omitted st_mtime becomes null (server.md 1.4)."""
    file_id = request.number()
    body = await request.told(File)

    def work(batch: Batch) -> Wire:
        row = FILES.get(batch.conn, file_id)
        if body.workflow_id != row["workflow_id"]:
            require_workflow(batch.conn, body.workflow_id)
        same_workflow(row, body.workflow_id)
        FILES.update(batch, file_id, {"name": body.name, "path": body.path, "st_mtime": body.st_mtime})
        batch.log(body.workflow_id, "file", id=file_id)
        return FILES.get(batch.conn, file_id)

    return json_answer(await request.db.write(work))


@delete("/files/{id:str}", answer=File)
async def delete_file(request: Call) -> Answer:
    """Delete a file and what relates jobs to it."""
    file_id = request.number()

    def work(batch: Batch) -> Wire:
        row = FILES.get(batch.conn, file_id)
        FILES.delete(batch, file_id)
        batch.log(row["workflow_id"], "file", id=file_id, deleted=True)
        return row

    return json_answer(await request.db.write(work))


@delete("/files", query=OfWorkflow)
async def delete_files(request: Call) -> Answer:
    """Delete all files of a workflow."""
    workflow_id = request.ask(OfWorkflow).workflow_id
    return json_answer({"deleted_count": await request.server.gradual.clear(FILES.delete_some, workflow_id)})


HANDLERS = [create_file, list_files, get_file, update_file, delete_file, delete_files]
