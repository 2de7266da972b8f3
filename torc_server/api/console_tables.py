"""Which tables the console has, and which columns each: what is shown, sorted and filtered by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection

from torc_core.models.status import JobStatus
from torc_server.api.filters import Column, Kind
from torc_server.api.table_pages import ConsoleTable
from torc_server.store.schema import LOST_EVENT

SHOWN_OF_VALUE = 400
"""Characters of a JSON value in a row."""


_JOINS_OF_JOBS = {
    # A retried job keeps its old result until it has a new one.
    "result": "LEFT JOIN result ON result.id = job.result_id AND job.status > 4",
    "req": "LEFT JOIN resource_requirements AS req ON req.id = job.resource_requirements_id",
    "node": "LEFT JOIN compute_node AS node ON node.id = ifnull(job.node_id, result.compute_node_id)",
}

_MESSAGE = (
    "ifnull(json_extract(event.data, '$.message'), json_extract(event.data, '$.action')"
    " || ifnull(' by ' || json_extract(event.data, '$.user'), ''))"
)


def _said(status: str, result: str) -> Column:
    """The end of what a failed attempt wrote to stderr."""
    tail = f"substr(rtrim({result}.stderr_tail, char(10, 32)), -200)"
    return Column(f"CASE WHEN {status} IN (6, 8, 10) THEN {tail} END", Kind.TEXT, nullable=True)


JOBS = ConsoleTable(
    source="job",
    joins=_JOINS_OF_JOBS,
    key="job.id",
    scope="job.workflow_id = ?",
    columns={
        "id": Column("job.id"),
        "name": Column("job.name", Kind.TEXT),
        "status": Column("job.status", Kind.STATUS),
        "attempt": Column("job.attempt_id"),
        "node": Column("node.hostname", Kind.TEXT, nullable=True),
        "start": Column("ifnull(result.start_ms, job.start_ms)", nullable=True),
        "end": Column("result.end_ms", nullable=True),
        "time": Column(
            "CASE WHEN job.status IN (3, 4) THEN unixepoch() - job.start_ms / 1000"
            " ELSE result.exec_time_minutes * 60 END",
            Kind.SECONDS,
            nullable=True,
        ),
        "exit": Column("result.return_code", nullable=True),
        "cause": Column("result.cause", Kind.TEXT, nullable=True),
        "cpu": Column("result.peak_cpu_percent", nullable=True),
        "mem": Column("result.peak_memory_bytes", Kind.BYTES, nullable=True),
        "asked": Column("CASE WHEN req.is_default THEN NULL ELSE req.memory_bytes END", Kind.BYTES, nullable=True),
        "said": _said("job.status", "result"),
        "requirements": Column("req.name", Kind.TEXT, shown=False),
        "requirements_id": Column("job.resource_requirements_id", shown=False),
        "priority": Column("job.priority", shown=False),
        "command": Column("job.command", Kind.TEXT, shown=False),
    },
)

RESULTS = ConsoleTable(
    source="result AS outcome",
    joins={
        "job": "LEFT JOIN job ON job.id = outcome.job_id",
        "node": "LEFT JOIN compute_node AS node ON node.id = outcome.compute_node_id",
    },
    key="outcome.id",
    scope="outcome.workflow_id = ?",
    columns={
        "id": Column("outcome.id"),
        "job_id": Column("outcome.job_id"),
        "name": Column("job.name", Kind.TEXT, nullable=True),
        "run": Column("outcome.run_id"),
        "attempt": Column("outcome.attempt_id"),
        "status": Column("outcome.status", Kind.STATUS),
        "exit": Column("outcome.return_code", nullable=True),
        "cause": Column("outcome.cause", Kind.TEXT, nullable=True),
        "node": Column("node.hostname", Kind.TEXT, nullable=True),
        "end": Column("outcome.end_ms", nullable=True),
        "time": Column("outcome.exec_time_minutes * 60", Kind.SECONDS, nullable=True),
        "cpu": Column("outcome.peak_cpu_percent", nullable=True),
        "mem": Column("outcome.peak_memory_bytes", Kind.BYTES, nullable=True),
        "said": _said("outcome.status", "outcome"),
    },
)

_OUTCOMES = f"""
WITH outcome AS (
  SELECT id, workflow_id, job_id, run_id, attempt_id, status, return_code, cause, compute_node_id, end_ms,
    exec_time_minutes, peak_cpu_percent, peak_memory_bytes, stderr_tail
  FROM result
  UNION ALL
  SELECT -id, workflow_id, data ->> 'job_id', data ->> 'run_id', data ->> 'attempt_id', {JobStatus.TERMINATED:d}, NULL,
    'worker lost: ' || (data ->> 'reason'), data ->> 'compute_node_id', timestamp,
    (timestamp - (data ->> 'start_ms')) / 60000.0, NULL, NULL, NULL
  FROM event
  WHERE {LOST_EVENT} AND NOT EXISTS (SELECT 1 FROM result WHERE job_id = event.data ->> 'job_id'
    AND run_id = event.data ->> 'run_id' AND attempt_id = event.data ->> 'attempt_id')
)"""

OUTCOMES = replace(RESULTS, source="outcome", with_=_OUTCOMES)
"""Results, and the attempts that were lost with their runner and so have none; their ids are negative."""


def _made_by(table: str) -> Column:
    """The first job that has it as an output."""
    return Column(
        f"(SELECT job.name FROM job_output_{table} AS made JOIN job ON job.id = made.job_id"
        f" WHERE made.{table}_id = {table}.id LIMIT 1)",
        Kind.TEXT,
        nullable=True,
    )


def _used_by(table: str) -> Column:
    """How many jobs have it as an input."""
    return Column(f"(SELECT count(*) FROM job_input_{table} AS used WHERE used.{table}_id = {table}.id)")


FILES = ConsoleTable(
    source="file",
    key="file.id",
    scope="file.workflow_id = ?",
    columns={
        "id": Column("file.id"),
        "name": Column("file.name", Kind.TEXT),
        "path": Column("file.path", Kind.TEXT),
        "size": Column("file.size", Kind.BYTES, nullable=True),
        "modified": Column("file.st_mtime", nullable=True),
        "made_by": _made_by("file"),
        "used_by": _used_by("file"),
    },
)

DATA = ConsoleTable(
    source="user_data",
    key="user_data.id",
    scope="user_data.workflow_id = ?",
    columns={
        "id": Column("user_data.id"),
        "name": Column("user_data.name", Kind.TEXT),
        "ephemeral": Column("user_data.is_ephemeral", Kind.FLAG),
        "size": Column("length(CAST(user_data.data AS BLOB))", Kind.BYTES, nullable=True),
        "value": Column(f"substr(user_data.data, 1, {SHOWN_OF_VALUE})", Kind.TEXT, nullable=True),
        "made_by": _made_by("user_data"),
        "used_by": _used_by("user_data"),
    },
)

EVENTS = ConsoleTable(
    source="event",
    key="event.id",
    scope="event.workflow_id = ?",
    word="message",
    columns={
        "id": Column("event.id"),
        "at": Column("event.timestamp"),
        "kind": Column(
            "ifnull(json_extract(event.data, '$.event_type'), json_extract(event.data, '$.category'))",
            Kind.TEXT,
            nullable=True,
        ),
        "message": Column(f"ifnull({_MESSAGE}, substr(event.data, 1, 300))", Kind.TEXT),
    },
)

NODES = ConsoleTable(
    source="compute_node",
    key="compute_node.id",
    scope="compute_node.workflow_id = ?",
    word="host",
    columns={
        "id": Column("compute_node.id"),
        "host": Column("compute_node.hostname", Kind.TEXT),
        "pid": Column("compute_node.pid"),
        "active": Column("ifnull(compute_node.is_active, 0)", Kind.FLAG),
        "jobs": Column("(SELECT count(*) FROM job WHERE job.node_id = compute_node.id)"),
        "cpus": Column("compute_node.num_cpus"),
        "memory_gb": Column("compute_node.memory_gb"),
        "gpus": Column("compute_node.num_gpus"),
        "kind": Column("compute_node.compute_node_type", Kind.TEXT),
        "since": Column("compute_node.start_time", Kind.TEXT),
        "time": Column("compute_node.duration_seconds", Kind.SECONDS, nullable=True),
    },
)

REQUIREMENTS = ConsoleTable(
    source="resource_requirements AS req",
    key="req.id",
    scope="req.workflow_id = ?",
    columns={
        "id": Column("req.id"),
        "name": Column("req.name", Kind.TEXT),
        "cpus": Column("req.num_cpus"),
        "memory": Column("req.memory_bytes", Kind.BYTES),
        "gpus": Column("req.num_gpus"),
        "nodes": Column("req.num_nodes"),
        "runtime": Column("req.runtime_s", Kind.SECONDS),
        "jobs": Column("(SELECT count(*) FROM job WHERE job.resource_requirements_id = req.id)"),
        "built_in": Column("req.is_default", Kind.FLAG),
    },
)

TABLES = {
    "jobs": JOBS,
    "results": RESULTS,
    "files": FILES,
    "data": DATA,
    "events": EVENTS,
    "nodes": NODES,
    "requirements": REQUIREMENTS,
}
"""The tables of one workflow, by the last part of their path."""


def tables_of(conn: Connection, workflow_id: int) -> Mapping[str, ConsoleTable]:
    """The tables of a workflow. Its results cost less where no attempt was lost."""
    lost = f"SELECT 1 FROM event WHERE workflow_id = ? AND {LOST_EVENT} LIMIT 1"
    found = conn.exec_driver_sql(lost, (workflow_id,)).scalar()
    return {**TABLES, "results": OUTCOMES} if found else TABLES


_WORKFLOWS = """
WITH counted AS (
  SELECT workflow_id, json_group_object(status, n) AS counts, sum(n) AS total,
    sum(n * (status = 0)) AS uninitialized, sum(n * (status = 2)) AS ready, sum(n * (status IN (3, 4))) AS active,
    sum(n * (status = 5)) AS completed, sum(n * (status IN (6, 8, 10))) AS failed, sum(n * (status = 7)) AS canceled,
    sum(n * (status = 9)) AS disabled, sum(n * (status IN (5, 6, 7, 8, 9, 10))) AS ended
  FROM status_count WHERE n > 0 GROUP BY workflow_id
), shown AS (
  SELECT workflow.id, name, user, project, timestamp, run_id, is_archived, counts, ifnull(total, 0) AS total,
    ifnull(active, 0) AS running, ifnull(completed, 0) AS done, ifnull(failed, 0) AS failed,
    CASE WHEN total IS NULL THEN 'empty' WHEN active > 0 THEN 'running' WHEN is_canceled THEN 'canceled'
      WHEN uninitialized > 0 AND uninitialized + disabled = total THEN 'uninitialized'
      WHEN ended < total AND workflow.id IN (:stuck) THEN 'stuck'
      WHEN ended < total AND ready > 0 THEN 'ready' WHEN ended < total THEN 'blocked'
      WHEN failed > 0 THEN 'failed' WHEN canceled > 0 THEN 'canceled' ELSE 'completed' END AS state,
    (SELECT ms FROM change WHERE workflow_id = workflow.id ORDER BY id DESC LIMIT 1) AS activity
  FROM workflow LEFT JOIN counted ON counted.workflow_id = workflow.id WHERE state = 'visible'
)"""

_WORKFLOW_TABLE = ConsoleTable(
    with_=_WORKFLOWS,
    source="shown",
    key="shown.id",
    scope="1",
    columns={
        "id": Column("shown.id"),
        "name": Column("shown.name", Kind.TEXT),
        "user": Column("shown.user", Kind.TEXT),
        "project": Column("shown.project", Kind.TEXT, nullable=True),
        "created": Column("shown.timestamp", Kind.TEXT),
        "run": Column("shown.run_id"),
        "archived": Column("shown.is_archived", Kind.FLAG),
        "state": Column("shown.state", Kind.TEXT),
        "counts": Column("shown.counts", Kind.COUNTS, nullable=True),
        "total": Column("shown.total"),
        "running": Column("shown.running", shown=False),
        "done": Column("shown.done", shown=False),
        "failed": Column("shown.failed", shown=False),
        "progress": Column("CAST(shown.done AS REAL) / max(shown.total, 1)", shown=False),
        "activity": Column("shown.activity", nullable=True),
    },
)
"""Workflows with their jobs by status; `activity` is the time of the newest change, in milliseconds."""


def workflow_table(stuck: Iterable[int], *scope: str) -> ConsoleTable:
    """Workflows, `stuck` being the ids of those that cannot go on; only those for which all of `scope` is so."""
    ids = ", ".join(str(each) for each in stuck)
    return replace(_WORKFLOW_TABLE, with_=_WORKFLOWS.replace(":stuck", ids), scope=" AND ".join(scope) or "1")
