"""What holds a workflow together: ids, dependencies, files and data that must exist (server.md 1.2)."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection

from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.dependency_pages import pairs
from torc_server.api.parameters import MAX_LIMIT
from torc_server.api.resources import Wire, envelope
from torc_server.api.routes import get
from torc_server.errors import Invalid


class RelationQuery(msgspec.Struct, kw_only=True):
    """A page of relations; a limit over the largest is cut to it (server.md 0.2)."""

    offset: int = 0
    limit: int = MAX_LIMIT


_RELATED = """
FROM {kind} LEFT JOIN job_output_{kind} AS made ON made.{kind}_id = {kind}.id
LEFT JOIN job AS producer ON producer.id = made.job_id
LEFT JOIN job_input_{kind} AS used ON used.{kind}_id = {kind}.id
LEFT JOIN job AS consumer ON consumer.id = used.job_id
WHERE {kind}.workflow_id = ? AND (made.job_id IS NOT NULL OR used.job_id IS NOT NULL)
"""

_MISSING_USER_DATA = """
SELECT id FROM user_data WHERE workflow_id = ? AND data IS NULL AND (
  (id IN (SELECT user_data_id FROM job_input_user_data) AND id NOT IN (SELECT user_data_id FROM job_output_user_data))
  OR EXISTS (SELECT 1 FROM job_output_user_data AS made JOIN job ON job.id = made.job_id
             WHERE made.user_data_id = user_data.id AND job.status = 5)) ORDER BY id
"""

_REQUIRED_FILES = """
SELECT id FROM file WHERE workflow_id = ? AND (
  (EXISTS (SELECT 1 FROM job_input_file AS used WHERE used.file_id = file.id)
   AND NOT EXISTS (SELECT 1 FROM job_output_file AS made WHERE made.file_id = file.id))
  OR EXISTS (SELECT 1 FROM job_output_file AS made JOIN job ON job.id = made.job_id
             WHERE made.file_id = file.id AND job.status = 5)) ORDER BY id
"""


def _bounds(ask: RelationQuery) -> tuple[int, int]:
    if ask.limit < 0 or ask.offset < 0:
        raise Invalid(f"limit {ask.limit} and offset {ask.offset} must not be negative")
    return min(ask.limit, MAX_LIMIT), ask.offset


def dependencies(conn: Connection, workflow_id: int, ask: RelationQuery) -> Wire:
    """A page of pairs: a job and one that it depends on."""
    limit, offset = _bounds(ask)
    rows, total = pairs(conn, workflow_id, offset, limit)
    names = ("job_id", "job_name", "depends_on_job_id", "depends_on_job_name")
    items = [{**dict(zip(names, row, strict=True)), "workflow_id": workflow_id} for row in rows]
    return envelope(items, offset, total)


def relationships(conn: Connection, workflow_id: int, ask: RelationQuery, kind: str, fields: tuple[str, ...]) -> Wire:
    """A page of files or user data with a job that makes and a job that uses each."""
    joined = _RELATED.format(kind=kind)
    columns = ", ".join(f"{kind}.{field}" for field in fields)
    rows = conn.exec_driver_sql(
        f"SELECT {columns}, producer.id, producer.name, consumer.id, consumer.name {joined}"
        f" ORDER BY {kind}.id, producer.id, consumer.id LIMIT ? OFFSET ?",
        (workflow_id, *_bounds(ask)),
    )
    names = [f"{kind}_{field}" for field in fields]
    names += ["producer_job_id", "producer_job_name", "consumer_job_id", "consumer_job_name"]
    items = [
        {name: value for name, value in zip((*names, "workflow_id"), (*row, workflow_id), strict=True)
         if value is not None}
        for row in rows
    ]  # fmt: skip
    total = conn.exec_driver_sql(f"SELECT count(*) {joined}", (workflow_id,)).scalar_one()
    return envelope(items, ask.offset, total)


def _ids(conn: Connection, sql: str, workflow_id: int) -> list[int]:
    return list(conn.exec_driver_sql(sql, (workflow_id,)).scalars())


@get("/workflows/{id:str}/job_ids")
async def get_job_ids(request: Call) -> Answer:
    """The ids of all jobs, ascending."""
    ids = await request.db.read(_ids, "SELECT id FROM job WHERE workflow_id = ? ORDER BY id", request.number())
    return json_answer({"job_ids": ids, "count": len(ids)})


@get("/workflows/{id:str}/missing_user_data")
async def get_missing_user_data(request: Call) -> Answer:
    """User data without data that a job reads and none writes, or that a completed job should have written."""
    return json_answer({"user_data": await request.db.read(_ids, _MISSING_USER_DATA, request.number())})


@get("/workflows/{id:str}/required_existing_files")
async def get_required_files(request: Call) -> Answer:
    """Files that a job reads and none writes, or that a completed job wrote."""
    return json_answer({"files": await request.db.read(_ids, _REQUIRED_FILES, request.number())})


@get("/workflows/{id:str}/job_dependencies", query=RelationQuery)
async def get_dependencies(request: Call) -> Answer:
    """A page of pairs: a job and one that it depends on."""
    return json_answer(await request.db.read(dependencies, request.number(), request.ask(RelationQuery)))


@get("/workflows/{id:str}/job_file_relationships", query=RelationQuery)
async def get_file_relationships(request: Call) -> Answer:
    """A page of files with the jobs that make and use them."""
    ask = request.ask(RelationQuery)
    return json_answer(await request.db.read(relationships, request.number(), ask, "file", ("id", "name", "path")))


@get("/workflows/{id:str}/job_user_data_relationships", query=RelationQuery)
async def get_user_data_relationships(request: Call) -> Answer:
    """A page of user data with the jobs that make and use them."""
    ask = request.ask(RelationQuery)
    return json_answer(await request.db.read(relationships, request.number(), ask, "user_data", ("id", "name")))


HANDLERS = [
    get_job_ids, get_missing_user_data, get_required_files, get_dependencies, get_file_relationships,
    get_user_data_relationships,
]  # fmt: skip
