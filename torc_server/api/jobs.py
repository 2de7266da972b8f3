"""Jobs (server.md 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from torc_core.models.progress import Explanation
from torc_core.models.resources import Job, Result
from torc_core.models.status import COMPLETE, JobStatus
from torc_server.api import job_writes
from torc_server.api.answers import Answer, Malformed, json_answer
from torc_server.api.call import Call
from torc_server.api.job_rows import JobQuery, get_job_row, page
from torc_server.api.nodes import known_node
from torc_server.api.parameters import OfWorkflow, first_values, integer
from torc_server.api.resources import Wire
from torc_server.api.routes import delete, get, post, put
from torc_server.engine.cancel import cancel_job
from torc_server.engine.complete import complete_job, job_and_run, manage_status_change, start_job
from torc_server.engine.explain import explain
from torc_server.engine.retry import retry_job
from torc_server.store.batch import Batch


class JobList(msgspec.Struct):
    """Body of POST /bulk_jobs."""

    jobs: list[Job]


class RetryQuery(msgspec.Struct, kw_only=True):
    """Retries that a job may have had."""

    max_retries: int


@post("/jobs", body=Job, answer=Job)
async def create_job(request: Call) -> Answer:
    """Add a job to a workflow."""
    body = await request.told(Job)
    (job,) = await request.db.write(job_writes.create, [body])
    return json_answer(job)


@post("/bulk_jobs", body=JobList, answer=JobList)
async def create_jobs(request: Call) -> Answer:
    """Add jobs to a workflow, all or none."""
    body = await request.told(JobList)
    return json_answer({"jobs": await request.db.write(job_writes.create, body.jobs)})


@get("/jobs", query=JobQuery)
async def list_jobs(request: Call) -> Answer:
    """A page of the jobs of a workflow."""
    return json_answer(await request.db.read(page, request.ask(JobQuery)))


@get("/jobs/{id:str}", answer=Job)
async def get_job(request: Call) -> Answer:
    """One job with its relations."""
    return json_answer(await request.db.read(get_job_row, request.number()))


@put("/jobs/{id:str}", body=Job, answer=Job)
async def update_job(request: Call) -> Answer:
    """Change a job, within the rules for its status."""
    job_id = request.number()
    body = await request.told(Job)
    return json_answer(await request.db.write(job_writes.update, job_id, body))


@delete("/jobs/{id:str}", answer=Job)
async def delete_job(request: Call) -> Answer:
    """Delete a job."""
    return json_answer(await request.db.write(job_writes.delete, request.number()))


@delete("/jobs", query=OfWorkflow)
async def delete_jobs(request: Call) -> Answer:
    """Delete all jobs of a workflow."""
    workflow_id = request.ask(OfWorkflow).workflow_id
    return json_answer({"count": await request.server.gradual.delete_jobs(workflow_id)})


def start(batch: Batch, job_id: int, run_id: int, node_id: int) -> None:
    """start_job for a node of the job's workflow; repeating it for the same node changes nothing."""
    row, current, info = job_and_run(batch, job_id)
    if row[2] == JobStatus.PENDING:  # else its own refusal says more
        known_node(batch.conn, row[1], node_id)
    if not (row[2] == JobStatus.RUNNING and info[5] == node_id and current == run_id):
        start_job(batch, job_id, run_id, node_id)


def complete(batch: Batch, job_id: int, status: JobStatus, run_id: int, result: Result) -> None:
    """complete_job with a result of a node of the job's workflow; one that names no attempt is of the first."""
    row, _, _ = job_and_run(batch, job_id)
    if row[2] not in COMPLETE:  # else its own refusal says more
        known_node(batch.conn, row[1], result.compute_node_id)
    result.attempt_id = result.attempt_id or 1
    complete_job(batch, job_id, status, run_id, result)


async def _then_job(request: Call, job_id: int, work: Callable[..., Any], *arguments: Any) -> Answer:
    """Do something to a job and answer with it, as it is in that transaction."""

    def both(batch: Batch) -> Wire:
        work(batch, job_id, *arguments)
        return get_job_row(batch.conn, job_id)

    return json_answer(await request.db.write(both))


@put("/jobs/{id:str}/manage_status_change/{status:str}/{run_id:str}", answer=Job)
async def put_status(request: Call) -> Answer:
    """Set a status that ends nothing."""
    return await _then_job(request, request.number(), manage_status_change, request.status(), request.number("run_id"))


@put("/jobs/{id:str}/start_job/{run_id:str}/{compute_node_id:str}", answer=Job)
async def put_start(request: Call) -> Answer:
    """A claimed job runs on a compute node."""
    job_id, run_id, node_id = request.number(), request.number("run_id"), request.number("compute_node_id")
    return await _then_job(request, job_id, start, run_id, node_id)


@post("/jobs/{id:str}/complete_job/{status:str}/{run_id:str}", body=Result, answer=Job)
async def post_complete(request: Call) -> Answer:
    """A job ended: its result is stored and what waited for it goes on."""
    job_id, status, run_id = request.number(), request.status(), request.number("run_id")
    body = await request.told(Result)
    return await _then_job(request, job_id, complete, status, run_id, body)


@post("/jobs/{id:str}/retry/{run_id:str}", query=RetryQuery, answer=Job)
async def post_retry(request: Call) -> Answer:
    """A job that failed becomes ready under its next attempt, unless it had `max_retries` of them."""
    job_id, run_id = request.number(), request.number("run_id")
    text = first_values(request.scope).get("max_retries")
    if text is None:
        raise Malformed("Missing required query parameter max_retries")
    try:
        max_retries = integer(text)
    except ValueError as error:
        raise Malformed(f"Couldn't parse query parameter max_retries: {error}") from None
    return await _then_job(request, job_id, retry_job, run_id, max_retries)


@post("/jobs/{id:str}/cancel", answer=Job)
async def post_cancel(request: Call) -> Answer:
    """Cancel a job; a running one is stopped by its runner."""
    return await _then_job(request, request.number(), cancel_job)


@get("/jobs/{id:str}/explain", answer=Explanation)
async def get_explanation(request: Call) -> Answer:
    """Why a job does not run, or how it ended."""
    nodes = list(request.server.runners.nodes.by_id.values())
    return json_answer(await request.db.read(explain, request.number(), nodes))


HANDLERS = [
    create_job, create_jobs, list_jobs, get_job, update_job, delete_job, delete_jobs, put_status, put_start,
    post_complete, post_retry, post_cancel, get_explanation,
]  # fmt: skip
