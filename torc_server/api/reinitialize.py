"""Running again what has changed: the plan and its execution, and the files that clients look at for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.reinitialize import FilesSeen, FileState, ReinitializeAnswer, WatchedFile, WatchedFiles
from torc_server.api.answers import JSON, Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import MAX_LIMIT
from torc_server.api.resources import require_workflow
from torc_server.api.routes import get, post, put
from torc_server.engine.reinitialize import record
from torc_server.errors import Invalid

PORTION = 1_000
"""Files recorded in one transaction."""

_WATCHED = """
SELECT id, path, st_mtime, size, maker IS NOT NULL, (SELECT cwd FROM job WHERE job.id = ifnull(maker, reader)) FROM (
  SELECT *, (SELECT job_id FROM job_output_file WHERE file_id = file.id LIMIT 1) AS maker,
         (SELECT job_id FROM job_input_file WHERE file_id = file.id LIMIT 1) AS reader
  FROM file WHERE workflow_id = ?)
WHERE maker IS NOT NULL OR reader IS NOT NULL ORDER BY id
"""


class ReinitializeQuery(msgspec.Struct, kw_only=True):
    """`limit` is how many changed jobs are listed; the counts are of all."""

    dry_run: bool = False
    limit: int = MAX_LIMIT


def watched(conn: Connection, workflow_id: int) -> bytes:
    """The JSON of a workflow's WatchedFiles. NotFound."""
    require_workflow(conn, workflow_id)
    origin, cwd = conn.exec_driver_sql("SELECT origin, cwd FROM workflow WHERE id = ?", (workflow_id,)).one()
    files = [
        WatchedFile(row[0], os.path.join(row[5] or cwd or "", row[1]), row[2], row[3], bool(row[4]))
        for row in conn.exec_driver_sql(_WATCHED, (workflow_id,))
    ]
    return msgspec.json.encode(WatchedFiles(workflow_id=workflow_id, origin=origin, files=files))


@get("/workflows/{id:str}/watched_files", answer=WatchedFiles)
async def get_watched_files(request: Call) -> Answer:
    """The files that jobs read or write, as they were when they were last looked at.

    A path begins where a job that writes the file (or one that reads it) works, from `origin`.
    """
    return Answer(await request.db.read(watched, request.number()), headers=JSON)


@put("/workflows/{id:str}/watched_files", body=FilesSeen)
async def put_watched_files(request: Call) -> Answer:
    """From now on files are known as a client has seen them; jobs that ran with something else stay changed."""
    workflow_id = request.number()
    await request.db.read(require_workflow, workflow_id)
    files = (await request.told(FilesSeen)).files
    for portion in _portions(files):
        await request.db.write(record, workflow_id, portion)
    return json_answer({"recorded_count": len(files)})


@post("/workflows/{id:str}/reinitialize", query=ReinitializeQuery, body=FilesSeen, answer=ReinitializeAnswer)
async def post_reinitialize(request: Call) -> Answer:
    """Begin a new run of the jobs that ran with other inputs than there are now, and of all below them.

    The optional body says what the client sees of files that are not as `watched_files` knows them. Changed inputs are
    time and size of files, user data, command, script, environment and working folder, dependencies and outputs; a
    missing output of a completed job counts too. `dry_run` only says what would run: `changed` lists the jobs with
    their reasons, `below_count` is how many more run because of them. Refused while jobs are with a runner.
    """
    workflow_id, ask = request.number(), request.ask(ReinitializeQuery)
    if ask.limit < 0:
        raise Invalid(f"limit {ask.limit} must not be negative")
    seen = (await request.told(FilesSeen)).files if await request.body() else []
    answer = await request.server.gradual.reinitialize(workflow_id, seen, ask.dry_run, min(ask.limit, MAX_LIMIT))
    return json_answer(answer)


def _portions(files: list[FileState]) -> Iterator[list[FileState]]:
    for i in range(0, len(files), PORTION):
        yield files[i : i + PORTION]


HANDLERS: list[Any] = [get_watched_files, put_watched_files, post_reinitialize]
