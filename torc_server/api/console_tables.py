"""The tables of the console: sorted, filtered pages with totals, each one cheap request.

A page is found by its ids first, on an index where there is one and without the joins that nothing needs, then its rows
are read.
`anchor` asks for the page around a row wherever it now is, so that a list that changed does not move its reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import TablePage
from torc_core.models.status import JobStatus
from torc_server.api.filters import Column, Kind, where
from torc_server.api.parameters import MAX_LIMIT
from torc_server.errors import Invalid
from torc_server.store.schema import LOST_EVENT

SHOWN_OF_VALUE = 400
"""Characters of a JSON value in a row."""


class TableQuery(msgspec.Struct, kw_only=True):
    """Which part of a table: `sort` is a column, `-` before it reverses.

    With `anchor`, the id of a row, the part begins `before` rows above that row, wherever it now is; `offset` counts
    when the row is not there any more.
    """

    offset: int = 0
    limit: int = 100
    sort: str = "id"
    filter: str = ""
    anchor: int | None = None
    before: int = 0


@dataclass(frozen=True, slots=True)
class ConsoleTable:
    """A table: where its rows come from and which columns they have."""

    source: str
    """The table of `key`."""
    columns: Mapping[str, Column]
    key: str
    """The id column, qualified."""
    scope: str | None
    """Condition with one parameter, the workflow's id."""
    word: str = "name"
    """The column in which a bare word of a filter is looked for."""
    joins: Mapping[str, str] = field(default_factory=dict)
    """Alias -> LEFT JOIN, each for what its columns need; a later one may use those before it."""
    with_: str = ""
    """WITH clause that `source` builds on."""

    def page(self, conn: Connection, of: int | str | None, ask: TableQuery) -> TablePage:
        """A page of what the scope is about: a workflow, or a user. Invalid for a sort or filter that cannot be."""
        check_limit(ask)
        scope, scope_values = self._scope(of)
        condition, filter_values = where(ask.filter, self.columns, self.word)
        narrowed = f"{scope} AND {condition}" if condition else scope
        values = [*scope_values, *filter_values]
        everything = self._count(conn, scope, scope_values)
        total = self._count(conn, narrowed, values) if condition else everything
        offset, anchor = max(ask.offset, 0), None
        if ask.anchor is not None:
            anchor = self._position(conn, narrowed, values, ask)
            if anchor is not None:
                offset = max(0, anchor - ask.before)
        order = self._order(ask.sort)
        ids = f"SELECT {self.key} FROM {self._from(narrowed, order)} WHERE {narrowed} ORDER BY {order} LIMIT ? OFFSET ?"
        shown = {name: column for name, column in self.columns.items() if column.shown}
        names = ", ".join(f"{column.sql} AS {name}" for name, column in shown.items())
        rows = conn.exec_driver_sql(
            f"{self.with_} SELECT {names} FROM {self._from(names, order)} WHERE {self.key} IN ({ids}) ORDER BY {order}",
            (*values, ask.limit, offset),
        )
        items = [self._wire(shown, row) for row in rows]
        return TablePage(items=items, offset=offset, total=total, everything=everything, anchor=anchor)

    def ids(self, conn: Connection, of: int | str | None, filter: str, within: str = "1") -> list[int]:
        """The ids, ascending, of all rows that a filter leaves in; `within` is a condition of the server's own."""
        scope, scope_values = self._scope(of)
        condition, values = where(filter, self.columns, self.word)
        narrowed = " AND ".join(part for part in (scope, condition, within) if part)
        sql = f"{self.with_} SELECT {self.key} FROM {self._from(narrowed)} WHERE {narrowed} ORDER BY {self.key}"
        return list(conn.exec_driver_sql(sql, (*scope_values, *values)).scalars())

    def _wire(self, shown: Mapping[str, Column], row: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (name, column), value in zip(shown.items(), row, strict=True):
            if value is None:
                continue
            if column.kind is Kind.STATUS:
                value = JobStatus(value).label
            elif column.kind is Kind.FLAG:
                value = bool(value)
            elif column.kind is Kind.COUNTS:
                value = {JobStatus(int(code)).label: n for code, n in msgspec.json.decode(value).items()}
            found[name] = value
        return found

    def _scope(self, of: int | str | None) -> tuple[str, list[Any]]:
        if self.scope is None:
            return "1", []
        return self.scope, [] if of is None else [of]

    def _from(self, *used: str) -> str:
        """FROM with the joins that these expressions need."""
        needed: list[str] = []
        text = " ".join(used)
        for alias, join in reversed(list(self.joins.items())):
            if f"{alias}." in text:
                needed.insert(0, join)
                text = f"{text} {join}"
        return " ".join([self.source, *needed])

    def _count(self, conn: Connection, condition: str, values: list[Any]) -> int:
        sql = f"{self.with_} SELECT count(*) FROM {self._from(condition)} WHERE {condition}"
        return int(conn.exec_driver_sql(sql, tuple(values)).scalar_one())

    def _column(self, sort: str) -> tuple[Column, str]:
        """The column to sort by and the direction."""
        name = sort.removeprefix("-") or "id"
        column = self.columns.get(name)
        if column is None:
            raise Invalid(f"cannot sort by {name!r}; columns are {', '.join(self.columns)}")
        return column, "DESC" if sort.startswith("-") else "ASC"

    def _order(self, sort: str) -> str:
        """ORDER BY: nulls last, ties by id in the same direction, so that an index can be read either way."""
        column, direction = self._column(sort)
        if column.sql == self.key:
            return f"{self.key} {direction}"
        nulls = f"{column.sql} IS NULL, " if column.nullable else ""
        return f"{nulls}{column.sql} {direction}, {self.key} {direction}"

    def _position(self, conn: Connection, condition: str, values: list[Any], ask: TableQuery) -> int | None:
        """How many rows come before the row with id `anchor`; None when the filter leaves it out or it is gone."""
        column, direction = self._column(ask.sort)
        own = conn.exec_driver_sql(
            f"{self.with_} SELECT {column.sql} FROM {self._from(column.sql, condition)}"
            f" WHERE {condition} AND {self.key} = ?",
            (*values, ask.anchor),
        ).one_or_none()
        if own is None:
            return None
        sign = ">" if direction == "DESC" else "<"
        if column.sql == self.key:
            before, bound = f"{self.key} {sign} ?", [ask.anchor]
        elif own[0] is None:
            bound = [ask.anchor]
            before = f"({column.sql} IS NOT NULL OR ({column.sql} IS NULL AND {self.key} {sign} ?))"
        else:
            before, bound = f"({column.sql}, {self.key}) {sign} (?, ?)", [own[0], ask.anchor]
        return self._count(conn, f"{condition} AND {before}", [*values, *bound])


def check_limit(ask: TableQuery) -> None:
    if not 0 < ask.limit <= MAX_LIMIT:
        raise Invalid(f"limit {ask.limit} must be from 1 to {MAX_LIMIT}")


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
        "said": Column(
            "CASE WHEN job.status IN (6, 8, 10) THEN substr(rtrim(result.stderr_tail, char(10, 32)), -200) END",
            Kind.TEXT,
            nullable=True,
        ),
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
    },
)

_OUTCOMES = f"""
WITH outcome AS (
  SELECT id, workflow_id, job_id, run_id, attempt_id, status, return_code, cause, compute_node_id, end_ms,
    exec_time_minutes, peak_cpu_percent, peak_memory_bytes
  FROM result
  UNION ALL
  SELECT -id, workflow_id, data ->> 'job_id', data ->> 'run_id', data ->> 'attempt_id', {JobStatus.TERMINATED:d}, NULL,
    'worker lost: ' || (data ->> 'reason'), data ->> 'compute_node_id', timestamp,
    (timestamp - (data ->> 'start_ms')) / 60000.0, NULL, NULL
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
      WHEN ended < total AND ready > 0 THEN 'ready' WHEN ended < total THEN 'blocked'
      WHEN failed > 0 THEN 'failed' WHEN canceled > 0 THEN 'canceled' ELSE 'completed' END AS state,
    (SELECT ms FROM change WHERE workflow_id = workflow.id ORDER BY id DESC LIMIT 1) AS activity
  FROM workflow LEFT JOIN counted ON counted.workflow_id = workflow.id WHERE state = 'visible'
)"""

WORKFLOWS = ConsoleTable(
    with_=_WORKFLOWS,
    source="shown",
    key="shown.id",
    scope=None,
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
