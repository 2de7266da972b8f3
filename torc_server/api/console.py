"""What the console asks for, each in one cheap request: tables, workflows with their pace, a job with all around it."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import JobDetail, Row, TablePage, WorkflowDetail, WorkflowPage
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.console_nodes import add_use_to_page, stuck_workflow, stuck_workflows
from torc_server.api.console_plan import Plans, plan_page
from torc_server.api.console_tables import TABLES, tables_of, workflow_table
from torc_server.api.job_rows import get_job_row
from torc_server.api.resources import Wire, require_workflow
from torc_server.api.routes import get
from torc_server.api.samples import add_usage_to_detail, add_usage_to_rows
from torc_server.api.table_pages import TableQuery
from torc_server.api.workflows import get_workflow_row
from torc_server.engine.explain import explain
from torc_server.engine.graph import CHILDREN, PARENTS
from torc_server.engine.groups import VISIBLE
from torc_server.engine.nodes import Node, Nodes
from torc_server.errors import NotFound
from torc_server.store.batch import json_text, now_ms

PACE_RESULTS = 64
PACE_MS = 60_000
PACE_ENDS = 4
"""The pace of a workflow is that of its last results, so many at most, of a minute at most, or of so many times as long
as the longest of them took."""

NEIGHBOURS = 100
"""So many parents and children of a job are named; how many there are is always said."""


ONE_ROW = TableQuery(limit=1)


class WorkflowsQuery(TableQuery, kw_only=True):
    """Workflows of one user, or of all."""

    user: str | None = None


def pace(conn: Connection, workflow_id: int, now: int) -> float:
    """Jobs that end per second: the newest results over the time since the first of them began."""
    rows = conn.exec_driver_sql(
        "SELECT start_ms, end_ms FROM result WHERE workflow_id = ? AND start_ms <= end_ms ORDER BY id DESC LIMIT ?",
        (workflow_id, PACE_RESULTS),
    ).all()
    since = now - max(PACE_MS, PACE_ENDS * max((end - start for start, end in rows), default=0))
    starts = [start for start, end in rows if end > since]
    return len(starts) * 1000 / max(now - min(starts), 1) if starts else 0.0


def workflows(conn: Connection, ask: WorkflowsQuery, nodes: Nodes, only: str | None) -> WorkflowPage:
    """A page of workflows, `only` those that a user may use; those with running jobs also say their pace."""
    conditions = {f"shown.id IN ({VISIBLE})": only, "shown.user = ?": ask.user}
    scope = {condition: user for condition, user in conditions.items() if user is not None}
    stuck = [each.id for each in stuck_workflows(conn, nodes, only)]
    table, of = workflow_table(stuck, *scope), [*scope.values()]
    page = table.page(conn, of, ask)
    _add_pace(conn, page.items)
    active, attention = conn.exec_driver_sql(
        f"{table.with_} SELECT ifnull(sum(state = 'running'), 0),"
        " ifnull(sum(NOT is_archived AND (failed > 0 OR id IN (SELECT value FROM json_each(?)))), 0)"
        f" FROM shown WHERE {table.scope}",
        (json_text(stuck), *of),
    ).one()
    return WorkflowPage(**msgspec.structs.asdict(page), active=active, attention=attention)


def _add_pace(conn: Connection, rows: list[Row]) -> None:
    now = now_ms()
    for row in rows:
        if row["state"] == "running":
            row["pace"] = round(pace(conn, row["id"], now), 6)


def workflow_detail(conn: Connection, workflow_id: int, nodes: Nodes) -> WorkflowDetail:
    """One workflow. NotFound."""
    workflow = get_workflow_row(conn, workflow_id)
    stuck = stuck_workflow(conn, workflow_id, nodes)
    rows = workflow_table([workflow_id] if stuck else [], "shown.id = ?").page(conn, [workflow_id], ONE_ROW).items
    _add_pace(conn, rows)
    tables = tables_of(conn, workflow_id)
    sizes = {name: table.page(conn, [workflow_id], ONE_ROW).total for name, table in tables.items()}
    return WorkflowDetail(row=rows[0], workflow=workflow, sizes=sizes, stuck=stuck)


def rows(conn: Connection, name: str, workflow_id: int, ask: TableQuery, plans: Plans) -> TablePage:
    """A page of a table of one workflow, or of its plan. NotFound for an unknown table or workflow."""
    require_workflow(conn, workflow_id)
    if name == "plan":
        return plan_page(conn, plans, workflow_id, ask)
    table = tables_of(conn, workflow_id).get(name)
    if table is None:
        raise NotFound(f"there is no table {name!r}; there are {', '.join(TABLES)}, plan")
    return table.page(conn, [workflow_id], ask)


def job_detail(conn: Connection, job_id: int, nodes: list[Node]) -> JobDetail:
    """A job with its attempts, neighbours, files and the reason of its status. NotFound."""
    job = get_job_row(conn, job_id)
    told = explain(conn, job_id, nodes)
    flow = conn.exec_driver_sql(
        "SELECT name, run_id, origin FROM workflow WHERE id = ?", (job["workflow_id"],)
    ).one()  # fmt: skip
    node, start = conn.exec_driver_sql("SELECT node_id, start_ms FROM job WHERE id = ?", (job_id,)).one()
    return JobDetail(
        job=job,
        workflow_name=flow[0],
        run_id=flow[1],
        origin=flow[2],
        requirements=_requirements(conn, job["resource_requirements_id"]),
        why=told["why"],
        details=told["details"],
        attempts=_attempts(conn, job_id),
        needs=_neighbours(conn, PARENTS, job_id),
        needs_total=_count(conn, PARENTS, job_id),
        unlocks=_neighbours(conn, CHILDREN, json_text([job_id])),
        unlocks_total=_count(conn, CHILDREN, json_text([job_id])),
        inputs=_files(conn, job_id, "job_input_file"),
        outputs=_files(conn, job_id, "job_output_file"),
        node=_node(conn, node),
        start=start,
    )


def _dicts(conn: Connection, sql: str, *values: Any) -> list[Wire]:
    return [
        {name: value for name, value in row._mapping.items() if value is not None}
        for row in conn.exec_driver_sql(sql, values)
    ]


def _requirements(conn: Connection, requirements_id: int) -> Wire:
    (found,) = _dicts(
        conn,
        "SELECT id, name, num_cpus AS cpus, memory_bytes AS memory, num_gpus AS gpus, num_nodes AS nodes,"
        " runtime_s AS runtime, is_default AS built_in FROM resource_requirements WHERE id = ?",
        requirements_id,
    )
    found["built_in"] = bool(found["built_in"])
    return found


def _attempts(conn: Connection, job_id: int) -> list[Wire]:
    found = _dicts(
        conn,
        "SELECT result.id, run_id AS run, attempt_id AS attempt, status, return_code AS exit, cause, hostname AS node,"
        " compute_node_id AS node_id, start_ms AS start, end_ms AS end, exec_time_minutes * 60 AS time,"
        " completion_time AS completed, peak_memory_bytes AS mem, peak_cpu_percent AS cpu, avg_memory_bytes AS avg_mem,"
        " avg_cpu_percent AS avg_cpu, stderr_tail AS stderr"
        " FROM result LEFT JOIN compute_node AS node ON node.id = compute_node_id"
        " WHERE job_id = ? ORDER BY run_id DESC, attempt_id DESC LIMIT 50",
        job_id,
    )
    for attempt in found:
        attempt["status"] = JobStatus(attempt["status"]).label
    return found


def _neighbours(conn: Connection, ids: str, of: object) -> list[tuple[int, str, str]]:
    """Jobs whose ids the SELECT `ids` names, the unsuccessful and the waiting ones first."""
    found = conn.exec_driver_sql(
        f"SELECT job.id, job.name, job.status FROM job WHERE job.id IN ({ids})"
        " ORDER BY job.status = 5, job.status NOT IN (6, 7, 8, 10), job.id LIMIT ?2",
        (of, NEIGHBOURS),
    )
    return [(row[0], row[1], JobStatus(row[2]).label) for row in found]


def _count(conn: Connection, ids: str, of: object) -> int:
    return int(conn.exec_driver_sql(f"SELECT count(*) FROM ({ids})", (of,)).scalar_one())


def _files(conn: Connection, job_id: int, relation: str) -> list[Wire]:
    return _dicts(
        conn,
        f"SELECT file.id, name, path, size, st_mtime AS modified FROM {relation} AS used"
        " JOIN file ON file.id = used.file_id WHERE used.job_id = ? ORDER BY file.id LIMIT 200",
        job_id,
    )


def _node(conn: Connection, node_id: int | None) -> Wire | None:
    sql = "SELECT id, hostname AS host, pid, ifnull(is_active, 0) AS active FROM compute_node WHERE id = ?"
    return next(iter(_dicts(conn, sql, node_id)), None) if node_id is not None else None


@get("/console/workflows", query=WorkflowsQuery, answer=WorkflowPage)
async def get_workflows(request: Call) -> Answer:
    """A page of workflows with their jobs by status, sorted and filtered."""
    ask, nodes = request.ask(WorkflowsQuery), request.server.runners.nodes
    return json_answer(await request.db.read(workflows, ask, nodes, request.server.access.visible_to(request.caller)))


@get("/console/workflows/{id:str}", answer=WorkflowDetail)
async def get_workflow(request: Call) -> Answer:
    """A workflow, with how many of each thing it has."""
    return json_answer(await request.db.read(workflow_detail, request.number(), request.server.runners.nodes))


@get("/console/workflows/{id:str}/{table:str}", query=TableQuery, answer=TablePage)
async def get_rows(request: Call) -> Answer:
    """A page of jobs, files, data, results, events, nodes, requirements or the plan, sorted and filtered."""
    name, workflow_id = request.scope["path_params"]["table"], request.number()
    page = await request.db.read(rows, name, workflow_id, request.ask(TableQuery), request.server.plans)
    if name == "jobs":
        add_usage_to_rows(page, workflow_id, request.server.samples)
    elif name == "nodes":
        await add_use_to_page(request, page)
    return json_answer(page)


@get("/console/jobs/{id:str}", answer=JobDetail)
async def get_job(request: Call) -> Answer:
    """A job with its attempts, neighbours and files, and why it is where it is."""
    nodes = list(request.server.runners.nodes.by_id.values())
    detail = await request.db.read(job_detail, request.number(), nodes)
    add_usage_to_detail(detail, request.server.samples)
    return json_answer(detail)


HANDLERS = [get_workflows, get_workflow, get_rows, get_job]
