"""Jobs as they travel: single, in pages, with their relations (server.md 1.3)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, text

from torc_core.models.resources import Job
from torc_core.models.status import JobStatus
from torc_server.api.parameters import WorkflowPage
from torc_server.api.resources import Resource, Wire
from torc_server.engine.graph import PARENTS, waits_for
from torc_server.store import schema

JOBS = Resource("Job", schema.job, Job)

RELATIONS = {
    "depends_on_job_ids": ("job_depends_on", "depends_on_job_id"),
    "input_file_ids": ("job_input_file", "file_id"),
    "output_file_ids": ("job_output_file", "file_id"),
    "input_user_data_ids": ("job_input_user_data", "user_data_id"),
    "output_user_data_ids": ("job_output_user_data", "user_data_id"),
}
"""Field of the wire -> its table and column."""

SHOWN_PARENTS = 1_000
"""A job with more parents than this has `depends_on_count` in place of their ids."""

_PARENTS = PARENTS.replace("?1", "job.id")
_ARRAYS = {
    name: f"SELECT json_group_array({column}) FROM {table} WHERE {table}.job_id = job.id"
    for name, (table, column) in RELATIONS.items()
} | {
    "depends_on_job_ids": "SELECT json_group_array(depends_on_job_id) FROM"
    f" (SELECT depends_on_job_id FROM ({_PARENTS}) ORDER BY 1 LIMIT {SHOWN_PARENTS + 1})"
}

_WITH_RELATIONS: list[Any] = [*JOBS.columns, *(text(f"({array}) AS {name}") for name, array in _ARRAYS.items())]
_PLAIN = len(JOBS.columns)


class JobQuery(WorkflowPage, kw_only=True):
    """Filters of the list of jobs."""

    status: JobStatus | None = None
    name: str | None = None
    needs_file_id: int | None = None
    upstream_job_id: int | None = None
    active_compute_node_id: int | None = None
    include_relationships: bool = False


def wire(row: Any) -> Wire:
    """A job as it travels; its scheduler is said even when it has none."""
    return {"scheduler_id": None, **JOBS.wire(row)}


def wire_with_relations(row: Any) -> Wire:
    """A job with its relations, ascending; empty ones are left out."""
    values = tuple(row)
    found = wire(values[:_PLAIN])
    for name, ids in zip(RELATIONS, values[_PLAIN:], strict=True):
        if ids != "[]":
            found[name] = [int(each) for each in ids[1:-1].split(",")]
    return found


def get_job_row(conn: Connection, job_id: int) -> Wire:
    """One job with its relations. NotFound."""
    one = select(*_WITH_RELATIONS).select_from(schema.job).where(schema.job.c.id == job_id)
    row = conn.execute(one).one_or_none()
    if row is None:
        raise JOBS.missing(job_id)
    return _count_parents(conn, wire_with_relations(row))


def _count_parents(conn: Connection, job: Wire) -> Wire:
    """A job of very many parents says how many they are."""
    if len(job.get("depends_on_job_ids", ())) > SHOWN_PARENTS:
        del job["depends_on_job_ids"]
        job["depends_on_count"] = waits_for(conn, job["id"])[1]
    return job


def page(conn: Connection, ask: JobQuery) -> Wire:
    """A page of jobs; totals come from the kept counts where they can."""
    c = schema.job.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    if ask.status is not None:
        where.append(c.status == int(ask.status))
    filters = list(where)
    if ask.name is not None:
        where.append(c.name == ask.name)
    if ask.needs_file_id is not None:
        needs = schema.job_input_file.c
        where.append(c.id.in_(select(needs.job_id).where(needs.file_id == ask.needs_file_id)))
    if ask.upstream_job_id is not None:
        edge, parent, child = schema.job_depends_on.c, schema.barrier_parent.c, schema.barrier_child.c
        behind = select(parent.barrier_id).where(parent.job_id == ask.upstream_job_id)
        direct = select(edge.job_id).where(edge.depends_on_job_id == ask.upstream_job_id)
        where.append(c.id.in_(direct.union(select(child.job_id).where(child.barrier_id.in_(behind)))))
    if ask.active_compute_node_id is not None:
        where.append(c.node_id == ask.active_compute_node_id)
    found = JOBS.page(
        conn,
        ask,
        where,
        total=_kept_total(conn, ask) if len(where) == len(filters) else None,
        columns=_WITH_RELATIONS if ask.include_relationships else None,
        wire=wire_with_relations if ask.include_relationships else wire,
    )
    if ask.include_relationships:
        found["items"] = [_count_parents(conn, item) for item in found["items"]]
    return found


def _kept_total(conn: Connection, ask: JobQuery) -> int:
    count = schema.status_count.c
    total = select(func.coalesce(func.sum(count.n), 0)).where(count.workflow_id == ask.workflow_id)
    if ask.status is not None:
        total = total.where(count.status == int(ask.status))
    return int(conn.execute(total).scalar_one())
