"""Steering a workflow: initialise, reset, cancel, claim, restart (server.md 1.2, 4, 5)."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.progress import RestartAnswer, Summary
from torc_core.models.resources import ComputeNodesResources, WorkflowStatus
from torc_core.models.status import ENDED, JobStatus
from torc_server.api.answers import Answer, Malformed, json_answer
from torc_server.api.bodies import SORT_METHODS
from torc_server.api.call import Call
from torc_server.api.resources import Wire
from torc_server.api.routes import get, post, put
from torc_server.api.workflows import counts_of, status_row
from torc_server.engine.claim import claim_jobs_based_on_resources, claim_next_jobs
from torc_server.engine.reset import reset_workflow_status
from torc_server.engine.stuck import why_left
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch


class InitializeQuery(msgspec.Struct, kw_only=True):
    only_uninitialized: bool = False
    clear_ephemeral_user_data: bool = False


class ResetQuery(msgspec.Struct, kw_only=True):
    force: bool = False


class ResetJobsQuery(msgspec.Struct, kw_only=True):
    failed_only: bool = False


class ChangedQuery(msgspec.Struct, kw_only=True):
    dry_run: bool = False


class RestartQuery(msgspec.Struct, kw_only=True):
    dry_run: bool = False


class ClaimQuery(msgspec.Struct, kw_only=True):
    limit: int = 10


class ClaimByResourcesQuery(msgspec.Struct, kw_only=True):
    sort_method: str | None = None
    strict_scheduler_match: bool = False


class Completeness(msgspec.Struct, kw_only=True):
    is_canceled: bool
    is_complete: bool
    needs_to_run_completion_script: bool


def is_complete(conn: Connection, workflow_id: int) -> bool:
    """Every job has ended (server.md 3.6) and none is about to be taken back; an empty workflow is complete."""
    busy = conn.exec_driver_sql("SELECT work IS NOT NULL FROM workflow WHERE id = ?", (workflow_id,)).scalar()
    return not busy and all(status in ENDED for status in counts_of(conn, workflow_id))


def completeness(conn: Connection, workflow_id: int) -> Completeness:
    """Whether there is anything left to do (server.md 3.6)."""
    flags = status_row(conn, workflow_id)
    return Completeness(
        is_canceled=flags["is_canceled"],
        is_complete=flags["is_canceled"] or is_complete(conn, workflow_id),
        needs_to_run_completion_script=flags["has_detected_need_to_run_completion_script"],
    )


def summary(conn: Connection, workflow_id: int) -> Summary:
    """A workflow on one line. NotFound."""
    row = conn.exec_driver_sql(
        "SELECT name, user, run_id, is_canceled, is_archived, origin, timestamp,"
        " (SELECT count(*) FROM compute_node WHERE workflow_id = workflow.id AND is_active = 1)"
        " FROM workflow WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    counts = counts_of(conn, workflow_id)
    stuck = None if row[7] else why_left(conn, workflow_id)
    return Summary(
        workflow_id=workflow_id,
        name=row[0],
        user=row[1],
        run_id=row[2],
        is_canceled=bool(row[3]),
        is_archived=bool(row[4]),
        is_complete=bool(row[3]) or is_complete(conn, workflow_id),
        total=sum(counts.values()),
        counts={status.label: counts.get(status, 0) for status in JobStatus},
        active_nodes=row[7],
        stuck=stuck.why if stuck else None,
        origin=row[5],
        timestamp=row[6],
    )


@get("/workflows/{id:str}/summary", answer=Summary)
async def get_summary(request: Call) -> Answer:
    """A workflow with its number of jobs in each status."""
    return json_answer(await request.db.read(summary, request.number()))


@get("/workflows/{id:str}/is_complete", answer=Completeness)
async def get_is_complete(request: Call) -> Answer:
    """Whether every job has ended, or the workflow was canceled."""
    return json_answer(await request.db.read(completeness, request.number()))


@get("/workflows/{id:str}/is_uninitialized")
async def get_is_uninitialized(request: Call) -> Answer:
    """Whether every job is uninitialized or disabled."""
    counts = await request.db.read(counts_of, request.number())
    waiting = (JobStatus.UNINITIALIZED, JobStatus.DISABLED)
    return json_answer({"is_uninitialized": all(status in waiting for status in counts)})


@put("/workflows/{id:str}/cancel", answer=WorkflowStatus)
async def put_cancel(request: Call) -> Answer:
    """Cancel every job that has not ended, and the workflow."""
    workflow_id = request.number()
    await request.server.gradual.cancel(workflow_id)
    return json_answer(await request.db.read(status_row, workflow_id))


def clear_ephemeral(batch: Batch, workflow_id: int) -> None:
    """Forget the data that lives for one run only."""
    cleared = batch.run(
        "UPDATE user_data SET data = NULL WHERE workflow_id = ? AND is_ephemeral = 1 AND data IS NOT NULL RETURNING id",
        workflow_id,
    ).scalars()
    for data_id in sorted(cleared):
        batch.log(workflow_id, "user_data", id=data_id)


@post("/workflows/{id:str}/initialize_jobs", query=InitializeQuery)
async def post_initialize(request: Call) -> Answer:
    """Make jobs ready or blocked, as their dependencies say."""
    workflow_id, ask = request.number(), request.ask(InitializeQuery)
    if ask.clear_ephemeral_user_data:
        await request.db.write(clear_ephemeral, workflow_id)
    await request.server.gradual.initialize(workflow_id, ask.only_uninitialized, request.caller)
    return json_answer({"message": "Initialized job status"})


@post("/workflows/{id:str}/reset_status", query=ResetQuery, answer=WorkflowStatus)
async def post_reset_status(request: Call) -> Answer:
    """Clear the flags of a workflow; the run number stays."""
    workflow_id, force, user = request.number(), request.ask(ResetQuery).force, request.caller

    def work(batch: Batch) -> Wire:
        reset_workflow_status(batch, workflow_id, force, user)
        return status_row(batch.conn, workflow_id)

    return json_answer(await request.db.write(work))


@post("/workflows/{id:str}/reset_job_status", query=ResetJobsQuery)
async def post_reset_jobs(request: Call) -> Answer:
    """Make jobs uninitialized: all, or those that failed and what is below them."""
    workflow_id, failed_only = request.number(), request.ask(ResetJobsQuery).failed_only
    n = await request.server.gradual.reset_jobs(workflow_id, failed_only, request.caller)
    answer: dict[str, Any] = {"workflow_id": workflow_id, "updated_count": n, "status": "uninitialized"}
    if failed_only:
        answer["reset_type"] = "failed_only"
    return json_answer(answer)


@post("/workflows/{id:str}/process_changed_job_inputs", query=ChangedQuery)
async def post_changed_inputs(request: Call) -> Answer:
    """Make jobs whose inputs changed since they were put to work uninitialized; `dry_run` only names them."""
    dry_run = request.ask(ChangedQuery).dry_run
    names = await request.server.gradual.process_changed(request.number(), dry_run)
    return json_answer({"reinitialized_jobs": names})


@post("/workflows/{id:str}/restart", query=RestartQuery, answer=RestartAnswer)
async def post_restart(request: Call) -> Answer:
    """Begin a new run of what is not completed and of everything below it; `dry_run` only says what that is."""
    dry_run = request.ask(RestartQuery).dry_run
    return json_answer(await request.server.gradual.restart(request.number(), dry_run))


def _at_least_none(limit: int) -> int:
    if limit < 0:
        raise Invalid(f"limit {limit} must not be negative")
    return limit


@post("/workflows/{id:str}/claim_next_jobs", query=ClaimQuery)
async def post_claim_next(request: Call) -> Answer:
    """Hand out ready jobs, whatever they need."""
    limit = _at_least_none(request.ask(ClaimQuery).limit)
    jobs = await request.db.write(claim_next_jobs, request.number(), limit)
    return json_answer({"jobs": jobs})


@post(
    "/workflows/{id:str}/claim_jobs_based_on_resources/{limit:str}",
    query=ClaimByResourcesQuery,
    body=ComputeNodesResources,
)
async def post_claim_by_resources(request: Call) -> Answer:
    """Hand out ready jobs that fit what is free."""
    workflow_id, limit = request.number(), _at_least_none(request.number("limit"))
    ask = request.ask(ClaimByResourcesQuery)
    if ask.sort_method is not None and ask.sort_method not in SORT_METHODS:
        raise Malformed(
            f"Couldn't parse query parameter sort_method - doesn't match schema: Value not valid: {ask.sort_method}"
        )
    body = await request.told(ComputeNodesResources)
    jobs, reason = await request.db.write(
        claim_jobs_based_on_resources, workflow_id, body, limit, ask.sort_method, ask.strict_scheduler_match
    )
    return json_answer({"jobs": jobs} if reason is None else {"jobs": jobs, "reason": reason})


HANDLERS = [
    get_summary, get_is_complete, get_is_uninitialized, put_cancel, post_initialize, post_reset_status,
    post_reset_jobs, post_changed_inputs, post_restart, post_claim_next, post_claim_by_resources,
]  # fmt: skip
