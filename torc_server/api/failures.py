"""What failed, over all workflows: by cause, the jobs of a cause, and retrying many of them in one request."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import TablePage
from torc_core.models.failures import FailureGroup, Failures, Retry
from torc_core.wording import exit_text
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.console_tables import JOBS
from torc_server.api.filters import Column, Kind, where
from torc_server.api.parameters import MAX_LIMIT
from torc_server.api.routes import get, post
from torc_server.api.table_pages import ConsoleTable, TableQuery
from torc_server.engine import retry_many
from torc_server.engine.groups import VISIBLE
from torc_server.engine.retry_many import PORTION
from torc_server.errors import Invalid

MOST_GROUPS = 200
"""So many causes are told, those with the latest failures."""

MOST_RETRIED = 100_000
"""Jobs that one request may retry."""


def _cause() -> str:
    """SQL for the class of a failure: the cause without its figures and names, else the exit code.

    It never contains a double quote, which no filter could name.
    """
    signals = " ".join(f"WHEN {128 + number} THEN '{exit_text(128 + number)}'" for number in signal.Signals)
    said = """replace(substr(result.cause, 1, instr(result.cause || ':', ':') - 1), '"', '''')"""
    code = f"CASE result.return_code {signals} ELSE 'exit code ' || result.return_code END"
    return f"CASE WHEN result.id IS NULL THEN 'no result' WHEN result.cause IS NOT NULL THEN {said} ELSE {code} END"


CAUSE = _cause()

FAILED = (
    "SELECT bad.id FROM status_count AS some CROSS JOIN job AS bad"  # in this order: SQLite would look at every job
    " ON bad.workflow_id = some.workflow_id AND bad.status = some.status WHERE some.status IN (6, 8, 10) AND some.n > 0"
)
"""Ids of the jobs that failed: those of the statuses that a workflow has jobs in, by the kept counts."""

FAILURES = ConsoleTable(
    source="job JOIN workflow ON workflow.id = job.workflow_id",
    joins={
        "result": "LEFT JOIN result ON result.id = job.result_id",
        "node": "LEFT JOIN compute_node AS node ON node.id = result.compute_node_id",
    },
    key="job.id",
    scope=f"job.id IN ({FAILED}) AND workflow.state = 'visible'",
    columns={
        "id": Column("job.id"),
        "name": Column("job.name", Kind.TEXT),
        "workflow_id": Column("job.workflow_id"),
        "workflow": Column("workflow.name", Kind.TEXT),
        "user": Column("workflow.user", Kind.TEXT, shown=False),
        "status": Column("job.status", Kind.STATUS),
        "attempt": Column("job.attempt_id"),
        "node": Column("node.hostname", Kind.TEXT, nullable=True),
        "end": Column("ifnull(result.end_ms, 0)"),
        "exit": Column("result.return_code", nullable=True),
        "cause": Column(CAUSE, Kind.TEXT),
        "why": Column("result.cause", Kind.TEXT, nullable=True),
        "said": Column(
            "substr(rtrim(result.stderr_tail, char(9, 10, 13, 32)), -400)", Kind.TEXT, nullable=True,
        ),
        "mem": Column("result.peak_memory_bytes", Kind.BYTES, nullable=True),
    },
)  # fmt: skip
"""The jobs that failed, of all workflows."""


class FailuresQuery(msgspec.Struct, kw_only=True):
    """Which failures: `filter` as in a table of jobs."""

    filter: str = ""


class FailedJobsQuery(TableQuery, kw_only=True):
    """A part of the jobs of one cause, or of all."""

    cause: str | None = None


class RetryAsked(msgspec.Struct, kw_only=True):
    """Which jobs are to be retried: `ids`, or all failures of a `cause` that a filter leaves in.

    With `workflow_id` the failed ones of that workflow, and the filter is one of its table of jobs.
    """

    workflow_id: int | None = None
    ids: list[int] | None = None
    cause: str | None = None
    filter: str = ""
    dry_run: bool = False


def _table(only: str | None) -> tuple[ConsoleTable, list[Any]]:
    """The failures that a user may see, and the value that its scope takes."""
    if only is None:
        return FAILURES, []
    return replace(FAILURES, scope=f"{FAILURES.scope} AND workflow.id IN ({VISIBLE})"), [only]


_JOINS = " ".join(FAILURES.joins.values())


def failures(conn: Connection, ask: FailuresQuery, only: str | None) -> Failures:
    """Failures by cause, the latest first; `only` those that a user may see. Invalid for a wrong filter."""
    table, values = _table(only)
    base = f"FROM {table.source} {_JOINS} WHERE {table.scope}"
    jobs, causes = conn.exec_driver_sql(f"SELECT count(*), count(DISTINCT {CAUSE}) {base}", tuple(values)).one()
    condition, bound = where(ask.filter, table.columns, table.word)
    narrowed = f"{base} AND {condition}" if condition else base
    rows = conn.exec_driver_sql(
        f"SELECT {CAUSE} AS cause, count(*) AS jobs, count(DISTINCT workflow.id) AS workflows,"
        " min(ifnull(result.end_ms, 0)) AS first, max(ifnull(result.end_ms, 0)) AS last,"
        " max(result.id) AS result_id, max(job.id) AS job_id,"
        f" count(*) OVER () AS matching {narrowed} GROUP BY 1 ORDER BY last DESC, cause LIMIT {MOST_GROUPS}",
        (*values, *bound),
    ).all()
    return Failures(
        groups=[_group(conn, row) for row in rows], matching=rows[0].matching if rows else 0, jobs=jobs, causes=causes
    )


def _group(conn: Connection, row: Any) -> FailureGroup:
    job_id, workflow, said = conn.exec_driver_sql(
        "SELECT job.id, workflow.name, substr(rtrim(result.stderr_tail, char(9, 10, 13, 32)), -400) FROM job"
        " JOIN workflow ON workflow.id = job.workflow_id LEFT JOIN result ON result.id = job.result_id"
        " WHERE job.id = ifnull((SELECT job_id FROM result WHERE id = ?), ?)",
        (row.result_id, row.job_id),
    ).one()
    return FailureGroup(
        cause=row.cause, jobs=row.jobs, workflows=row.workflows, workflow=workflow, first=row.first, last=row.last,
        job_id=job_id, said=said,
    )  # fmt: skip


def failed_jobs(conn: Connection, ask: FailedJobsQuery, only: str | None) -> TablePage:
    """A page of the jobs that failed. Invalid for a wrong filter or sort."""
    table, values = _table(only)
    if ask.cause is not None:
        wanted = ask.cause.replace('"', "'")  # as CAUSE does: a filter has no way to quote a quote
        ask = msgspec.structs.replace(ask, filter=f'{ask.filter} cause="{wanted}"')
    return table.page(conn, values, ask)


def _asked(conn: Connection, ask: RetryAsked, only: str | None) -> list[int]:
    """The ids that are meant."""
    table, values = _table(only)
    if ask.ids is not None:
        if only is None:
            return ask.ids
        named = f"job.id IN (SELECT value FROM json_each(?)) AND job.workflow_id IN ({VISIBLE})"
        text = msgspec.json.encode(ask.ids).decode()
        return list(conn.exec_driver_sql(f"SELECT job.id FROM job WHERE {named}", (text, only)).scalars())
    if ask.workflow_id is not None:
        return JOBS.ids(conn, [ask.workflow_id], ask.filter, "job.status IN (6, 8, 10)")[:MOST_RETRIED]
    condition, bound = where(ask.filter, table.columns, table.word)
    narrowed = f" AND {condition}" if condition else ""
    if ask.cause is not None:
        narrowed, bound = f"{narrowed} AND {CAUSE} = ?", [*bound, ask.cause]
    found = conn.exec_driver_sql(
        f"SELECT job.id FROM {table.source} {_JOINS} WHERE {table.scope}{narrowed} ORDER BY job.id"
        f" LIMIT {MOST_RETRIED}",
        (*values, *bound),
    )
    return list(found.scalars())


def _scope(conn: Connection, ask: RetryAsked, only: str | None) -> retry_many.Scope:
    return retry_many.scope(conn, _asked(conn, ask, only))


@get("/console/failures", query=FailuresQuery, answer=Failures)
async def get_failures(request: Call) -> Answer:
    """What failed, over all workflows, by cause."""
    only = request.server.access.visible_to(request.caller)
    return json_answer(await request.db.read(failures, request.ask(FailuresQuery), only))


@get("/console/failures/jobs", query=FailedJobsQuery, answer=TablePage)
async def get_failed_jobs(request: Call) -> Answer:
    """A page of the jobs that failed, of one cause or of all, sorted and filtered."""
    only = request.server.access.visible_to(request.caller)
    return json_answer(await request.db.read(failed_jobs, request.ask(FailedJobsQuery), only))


@post("/console/retry", body=RetryAsked, answer=Retry)
async def post_retry(request: Call) -> Answer:
    """Run failed jobs again under their next attempt, portion by portion; `dry_run` only says what that does."""
    ask = await request.told(RetryAsked)
    if ask.ids is not None and len(ask.ids) > MAX_LIMIT:
        raise Invalid(f"{len(ask.ids)} ids are over {MAX_LIMIT}; say cause or filter instead", field="ids")
    if ask.ids is None and ask.cause is None and ask.workflow_id is None and not ask.filter.strip():
        raise Invalid("which jobs? Give ids, a cause, or a filter")
    found = await request.db.read(_scope, ask, request.server.access.visible_to(request.caller))
    answer = found.answer
    if not ask.dry_run:
        for first in range(0, len(found.jobs), PORTION):
            refused = await request.db.write(retry_many.retry_portion, found.jobs[first : first + PORTION])
            answer.jobs -= len(refused)
            answer.refused_total += len(refused)
            answer.refused = [*answer.refused, *refused][: retry_many.SHOWN]
    return json_answer(answer)


HANDLERS = [get_failures, get_failed_jobs, post_retry]
