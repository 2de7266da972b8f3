"""Results: one row for each attempt that ended (server.md 1.6, 7.5)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from torc_core.models.resources import Result
from torc_core.models.status import TERMINAL, JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.nodes import known_node
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, given, require_workflow, same_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.engine.delete import PORTION
from torc_server.engine.report import iso_time
from torc_server.errors import Conflict, Invalid
from torc_server.store import schema
from torc_server.store.batch import Batch

RESULTS = Resource("Result", schema.result, Result)


class ResultQuery(WorkflowPage, kw_only=True):
    """Filters of the list of results; without `all_runs` only the newest of each job."""

    job_id: int | None = None
    run_id: int | None = None
    return_code: int | None = None
    status: JobStatus | None = None
    compute_node_id: int | None = None
    all_runs: bool = False


COLUMNS = [*RESULTS.columns, schema.result.c.start_ms]


def wire(row: Any) -> Wire:
    """A result as it travels, with the time its process started."""
    values = tuple(row)
    found = RESULTS.wire(values[:-1])
    if values[-1] is not None:
        found["start_time"] = iso_time(values[-1])
    return found


def get_result_row(conn: Connection, result_id: int) -> Wire:
    """One result. NotFound."""
    row = conn.execute(select(*COLUMNS).where(schema.result.c.id == result_id)).one_or_none()
    if row is None:
        raise RESULTS.missing(result_id)
    return wire(row)


def check(batch: Batch, body: Result, result_id: int | None = None) -> None:
    """Invalid for a job or node that the workflow does not have, Conflict when the attempt has a result already."""
    if JobStatus.from_label(body.status) not in TERMINAL:
        raise Invalid(f"status {body.status} does not end a job")
    job = batch.run("SELECT workflow_id FROM job WHERE id = ?", body.job_id).scalar()
    if job != body.workflow_id:
        raise Invalid(f"job {body.job_id} does not exist in workflow {body.workflow_id}")
    if result_id is None:
        known_node(batch.conn, body.workflow_id, body.compute_node_id)
    attempt = body.attempt_id or 1
    if result_id is not None:
        attempt = batch.run("SELECT attempt_id FROM result WHERE id = ?", result_id).scalar_one()
    other = batch.run(
        "SELECT id FROM result WHERE job_id = ? AND run_id = ? AND attempt_id = ?", body.job_id, body.run_id, attempt
    ).scalar()
    if other is not None and other != result_id:
        raise Conflict(f"job {body.job_id} already has result {other} for run {body.run_id}, attempt {attempt}")


@post("/results", body=Result, answer=Result)
async def create_result(request: Call) -> Answer:
    """Add a result by itself: neither the job nor its newest result change."""
    body = await request.told(Result)

    def work(batch: Batch) -> Wire:
        require_workflow(batch.conn, body.workflow_id)
        check(batch, body)
        said = given(body, "id", "start_time")
        result_id = RESULTS.insert(batch, {"attempt_id": 1, **said})
        batch.log(body.workflow_id, "result", id=result_id)
        return {"id": result_id, **said}

    return json_answer(await request.db.write(work))


@get("/results", query=ResultQuery)
async def list_results(request: Call) -> Answer:
    """A page of the results of a workflow."""
    return json_answer(await request.db.read(_page, request.ask(ResultQuery)))


def _page(conn: Connection, ask: ResultQuery) -> Wire:
    c = schema.result.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    for name in ("job_id", "run_id", "return_code", "compute_node_id"):
        if (value := getattr(ask, name)) is not None:
            where.append(c[name] == value)
    if ask.status is not None:
        where.append(c.status == int(ask.status))
    if not ask.all_runs:
        job = schema.job.c
        where.append(c.id == select(job.result_id).where(job.id == c.job_id).scalar_subquery())
    return RESULTS.page(conn, ask, where, columns=COLUMNS, wire=wire)


@get("/results/{id:str}", answer=Result)
async def get_result(request: Call) -> Answer:
    """One result."""
    return json_answer(await request.db.read(get_result_row, request.number()))


@put("/results/{id:str}", body=Result, answer=Result)
async def update_result(request: Call) -> Answer:
    """Change a result; attempt, node and usage stay (server.md 1.6)."""
    result_id = request.number()
    body = await request.told(Result)
    changed = ("job_id", "run_id", "return_code", "exec_time_minutes", "completion_time", "status")

    def work(batch: Batch) -> Wire:
        same_workflow(get_result_row(batch.conn, result_id), body.workflow_id)
        check(batch, body, result_id)
        RESULTS.update(batch, result_id, {name: getattr(body, name) for name in changed})
        batch.log(body.workflow_id, "result", id=result_id)
        return get_result_row(batch.conn, result_id)

    return json_answer(await request.db.write(work))


@delete("/results/{id:str}", answer=Result)
async def delete_result(request: Call) -> Answer:
    """Delete a result."""
    result_id = request.number()

    def work(batch: Batch) -> Wire:
        row = get_result_row(batch.conn, result_id)
        RESULTS.delete(batch, result_id)
        batch.run("UPDATE job SET result_id = NULL WHERE id = ? AND result_id = ?", row["job_id"], result_id)
        batch.log(row["workflow_id"], "result", id=result_id, deleted=True)
        return row

    return json_answer(await request.db.write(work))


@delete("/results", query=OfWorkflow)
async def delete_results(request: Call) -> Answer:
    """Delete all results of a workflow."""
    workflow_id = request.ask(OfWorkflow).workflow_id
    return json_answer({"count": await request.server.gradual.clear(_delete_some, workflow_id)})


def _delete_some(batch: Batch, workflow_id: int) -> int:
    """Delete results, PORTION at most; jobs whose newest one goes have none."""
    gone = batch.run(
        "DELETE FROM result WHERE id IN (SELECT id FROM result WHERE workflow_id = ? LIMIT ?) RETURNING id, job_id",
        workflow_id,
        PORTION,
    ).all()
    if gone:
        batch.run(
            "UPDATE job SET result_id = NULL FROM json_each(?) AS gone"
            " WHERE job.id = gone.value ->> 1 AND job.result_id = gone.value ->> 0",
            batch.json([list(row) for row in gone]),
        )
        batch.log(workflow_id, "result")
    return len(gone)


HANDLERS = [create_result, list_results, get_result, update_result, delete_result, delete_results]
