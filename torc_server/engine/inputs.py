"""Whether what a job runs and reads has changed since it was last put to work (server.md 5.2, 5.3).

The hash of a job covers its command, script and variables, what it is related to, and the content of what comes from
outside: data, and times and sizes of files, that no job of the workflow writes. What a job writes changes with every
run of it, which takes the jobs below along anyway.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from torc_server.errors import NotFound
from torc_server.store.batch import Batch

_OUTSIDE = "(SELECT 1 FROM job_output_{kind} AS made WHERE made.{kind}_id = edge.{kind}_id)"

_FROM_OUTSIDE = """(SELECT group_concat(edge.{kind}_id || CASE WHEN EXISTS {outside} THEN '' ELSE {content} END)
 FROM job_input_{kind} AS edge JOIN {kind} ON {kind}.id = edge.{kind}_id WHERE edge.job_id = job.id)"""

_IDS = "(SELECT group_concat({column}) FROM {table} AS edge WHERE edge.job_id = job.id)"


def _from_outside(kind: str, content: str) -> str:
    return _FROM_OUTSIDE.format(kind=kind, outside=_OUTSIDE.format(kind=kind), content=content)


_PARTS = (
    "command",
    "invocation_script",
    "env",
    "cwd",
    _IDS.format(table="job_depends_on", column="depends_on_job_id"),
    _from_outside("file", "'@' || ifnull(file.st_mtime, '') || '+' || ifnull(file.size, '')"),
    _from_outside("user_data", "'=' || ifnull(user_data.data, '')"),
    _IDS.format(table="job_output_file", column="file_id"),
    _IDS.format(table="job_output_user_data", column="user_data_id"),
)

HASH = f"digest({', '.join(_PARTS)})"
"""The hash of a row of `job` in SQL; `digest` is a function of every connection (`store/database.py`)."""


def digest(*parts: object) -> str:
    """What `digest` computes in SQL."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def keep_hashes(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Note what the jobs of an id range that are going to run (blocked, ready) run and read now."""
    batch.run(
        f"UPDATE job SET input_hash = {HASH} WHERE workflow_id = ? AND id BETWEEN ? AND ? AND status IN (1, 2)"
        f" AND (input_hash IS NULL OR input_hash <> {HASH})",
        workflow_id,
        first,
        last,
    )


def changed(conn: Connection, workflow_id: int) -> list[tuple[int, str]]:
    """(id, name) of the jobs whose hash is another now; those never initialised have none. NotFound (workflow)."""
    known = conn.exec_driver_sql("SELECT 1 FROM workflow WHERE id = ? AND state = 'visible'", (workflow_id,))
    if known.one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    rows = conn.exec_driver_sql(
        f"SELECT id, name FROM job WHERE workflow_id = ? AND input_hash <> {HASH} ORDER BY id",
        (workflow_id,),
    )
    return [(row[0], row[1]) for row in rows]
