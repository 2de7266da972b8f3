"""What a job runs and reads, remembered when it is put to work, and whether it is another now (server.md 5.2, 5.3).

What is remembered of a job covers its command, script, variables and folder, what it is related to, and what comes
from outside: data, and times and sizes of files, that no job of the workflow writes. What a job writes changes with
every run of it, which takes the jobs below along anyway.
"""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import Connection

from torc_server.errors import NotFound
from torc_server.store.batch import Batch

_OUTSIDE = "(SELECT 1 FROM job_output_{kind} AS made WHERE made.{kind}_id = edge.{kind}_id)"

_FROM_OUTSIDE = """(SELECT group_concat(edge.{kind}_id || CASE WHEN EXISTS {outside} THEN '' ELSE {content} END)
 FROM job_input_{kind} AS edge JOIN {kind} ON {kind}.id = edge.{kind}_id WHERE edge.job_id = job.id)"""

_IDS = "(SELECT group_concat({column}) FROM {table} AS edge WHERE edge.job_id = job.id)"

LONG = 600
"""Characters of a list of inputs from which on only its digest is remembered."""


def _from_outside(kind: str, content: str) -> str:
    return _FROM_OUTSIDE.format(kind=kind, outside=_OUTSIDE.format(kind=kind), content=content)


_PARTS = {
    "command": "command",
    "invocation script": "invocation_script",
    "environment": "env",
    "working folder": "cwd",
    "dependencies": _IDS.format(table="job_depends_on", column="depends_on_job_id"),
    "output files": _IDS.format(table="job_output_file", column="file_id"),
    "output user data": _IDS.format(table="job_output_user_data", column="user_data_id"),
    "input files": _from_outside("file", "'@' || ifnull(file.st_mtime, '') || '+' || ifnull(file.size, '')"),
    "input user data": _from_outside("user_data", "'=' || digest(user_data.data)"),
}

NAMES = tuple(_PARTS)
"""What is remembered, by the words in which a change of it is told; files and user data last."""

_STATE = f"input_state({', '.join(_PARTS.values())})"
"""What a row of `job` runs and reads now; `input_state` and `digest` are functions of every connection."""

_decode = msgspec.json.Decoder(list[str]).decode


def input_state(*parts: object) -> str:
    """What is remembered of a job, as JSON: digests in the order of NAMES, and short lists of inputs as they are."""
    files, data = str(parts[-2] or ""), str(parts[-1] or "")
    told = [digest(part) for part in parts[:-2]]
    told += [text if len(text) <= LONG else f"#{digest(text)}" for text in (files, data)]
    return msgspec.json.encode(told).decode()


def digest(content: object) -> str:
    """A short word that is another for another content, and nothing for nothing."""
    return "" if content is None else hashlib.blake2b(str(content).encode(), digest_size=6).hexdigest()


def keep_hashes(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Note what the jobs of an id range that are going to run (blocked, ready) run and read now."""
    _keep(batch, "workflow_id = ? AND id BETWEEN ? AND ?", workflow_id, first, last)


def keep_hashes_of(batch: Batch, job_ids: list[int]) -> None:
    """Likewise for those of these jobs that are going to run."""
    _keep(batch, "id IN (SELECT value FROM json_each(?))", batch.json(job_ids))


def _keep(batch: Batch, which: str, *params: object) -> None:
    batch.run(
        f"UPDATE job SET input_hash = {_STATE} WHERE {which} AND status IN (1, 2)"
        f" AND (input_hash IS NULL OR input_hash <> {_STATE})",
        *params,
    )


def forget(batch: Batch, job_ids: list[int]) -> None:
    """These jobs count as changed until they are put to work again, whatever they run and read."""
    batch.run("UPDATE job SET input_hash = '' WHERE id IN (SELECT value FROM json_each(?))", batch.json(job_ids))


def changed(conn: Connection, workflow_id: int) -> list[tuple[int, str]]:
    """(id, name) of the jobs that would run or read something else now; those never initialised tell nothing.

    NotFound (workflow).
    """
    known = conn.exec_driver_sql("SELECT 1 FROM workflow WHERE id = ? AND state = 'visible'", (workflow_id,))
    if known.one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    rows = conn.exec_driver_sql(
        f"SELECT id, name, input_hash, {_STATE} AS now FROM job WHERE workflow_id = ? AND input_hash <> now"
        " ORDER BY id",
        (workflow_id,),
    )
    return [(row[0], row[1]) for row in rows if any(differences(row[2], row[3]))]


def states(conn: Connection, workflow_id: int) -> list[tuple[int, str, str]]:
    """(id, remembered, now) of the jobs that ended, or wait for a verdict, and would run or read something else now."""
    rows = conn.exec_driver_sql(
        f"SELECT id, input_hash, {_STATE} AS now FROM job WHERE workflow_id = ? AND status IN (5, 6, 7, 8, 10)"
        " AND input_hash <> now ORDER BY id",
        (workflow_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def differences(remembered: str, now: str) -> tuple[list[str], dict[int, tuple[str, str]], list[int]]:
    """What became another: names of NAMES, files (id -> state before and now), ids of user data.

    A file that was not looked at before (by a client that does not) says nothing.
    """
    if not remembered:
        return ["inputs"], {}, []
    before, after = _decode(remembered), _decode(now)
    told = [name for name, one, two in zip(NAMES[:-2], before[:-2], after[:-2], strict=True) if one != two]
    files, more = _listed(before[-2], after[-2], "@")
    told += ["input files"] if more else []
    data, more = _listed(before[-1], after[-1], "=")
    told += ["input user data"] if more else []
    return told, {i: pair for i, pair in files.items() if pair[0] != "+"}, list(data)


def _listed(before: str, after: str, mark: str) -> tuple[dict[int, tuple[str, str]], bool]:
    """Which items of two lists differ, and whether there is more to the difference than that."""
    if before == after:
        return {}, False
    if before.startswith("#") or after.startswith("#"):
        return {}, True
    one, two = _items(before, mark), _items(after, mark)
    return {i: (one[i], two[i]) for i in one if i in two and one[i] != two[i]}, one.keys() != two.keys()


def _items(text: str, mark: str) -> dict[int, str]:
    parts = (item.partition(mark) for item in text.split(",") if item)
    return {int(item[0]): item[2] for item in parts}
