"""Creating, changing and deleting jobs (server.md 1.3, 3.5); counts and counters stay right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_core.models.resources import Job
from torc_core.models.status import JobStatus
from torc_server.api.job_rows import JOBS, RELATIONS, get_job_row
from torc_server.api.resources import Wire, given, require_workflow
from torc_server.engine.actions import forget_jobs
from torc_server.engine.complete import camel
from torc_server.engine.graph import CHILDREN, recount, recount_barriers
from torc_server.engine.graph import below as walk_below
from torc_server.engine.transition import set_status
from torc_server.errors import Invalid
from torc_server.store.batch import Batch

MAX_BULK = 10_000
"""Jobs of one POST /bulk_jobs at most."""

KIND = {"depends_on_job_ids": "job", "input_file_ids": "file", "output_file_ids": "file",
        "input_user_data_ids": "user_data", "output_user_data_ids": "user_data"}  # fmt: skip
"""Field of the wire -> table of what it refers to."""

IMMUTABLE = ("input_file_ids", "output_file_ids", "input_user_data_ids", "output_user_data_ids")

UPDATABLE = (
    "resource_requirements_id", "scheduler_id", "failure_handler_id", "invocation_script",
    "cancel_on_blocking_job_failure", "supports_termination", "env", "cwd", "priority",
)  # fmt: skip
"""What may change in any status."""

_COLUMNS = (
    "workflow_id", "name", "command", "invocation_script", "cancel_on_blocking_job_failure", "supports_termination",
    "resource_requirements_id", "scheduler_id", "failure_handler_id", "env", "cwd", "priority", "status",
)  # fmt: skip


def default_requirements(batch: Batch, workflow_id: int) -> int:
    """The id of the requirement of jobs that name none. Invalid when it was deleted."""
    found = batch.run(
        "SELECT id FROM resource_requirements WHERE workflow_id = ? AND name = 'default' ORDER BY id LIMIT 1",
        workflow_id,
    ).scalar()
    if found is None:
        raise Invalid(
            f"workflow {workflow_id} has no default resource requirements any more; give the job a"
            " resource_requirements_id"
        )
    return int(found)


def create(batch: Batch, jobs: Sequence[Job]) -> list[Wire]:
    """Store jobs of one workflow, all or none; returns what was said, with what the server added.

    Raises NotFound (workflow), Invalid (ids that are unknown, of another workflow, or twice; a job on itself).
    """
    if not jobs:
        return []
    if len(jobs) > MAX_BULK:
        raise Invalid(f"{len(jobs)} jobs are more than the {MAX_BULK} that one request may create; send several")
    workflow_id = jobs[0].workflow_id
    for job in jobs:
        if job.workflow_id != workflow_id:
            raise Invalid(
                "All jobs in a batch must have the same workflow_id."
                f" Found workflow_ids: {workflow_id} and {job.workflow_id}"
            )
    require_workflow(batch.conn, workflow_id)
    named = {job.resource_requirements_id for job in jobs}
    default = default_requirements(batch, workflow_id) if None in named else 0
    _check_ids(batch, workflow_id, "resource_requirements", "resource_requirements_id", named - {None})
    _check_handlers(batch, {job.failure_handler_id for job in jobs})
    ids = _insert(batch, jobs, default)
    _relate(batch, workflow_id, jobs, ids)
    batch.record_new(workflow_id, ids)
    return [_echo(job, job_id, default) for job, job_id in zip(jobs, ids, strict=True)]


def _insert(batch: Batch, jobs: Sequence[Job], default: int) -> range:
    """Store the rows; their ids follow each other, for there is one writer."""
    rows = [
        (
            job.workflow_id, job.name, job.command, job.invocation_script,
            int(job.cancel_on_blocking_job_failure is not False), int(job.supports_termination or False),
            default if job.resource_requirements_id is None else job.resource_requirements_id,
            job.scheduler_id, job.failure_handler_id, JOBS.stored("env", job.env or None), job.cwd, job.priority or 0,
            int(JobStatus.UNINITIALIZED),
        )
        for job in jobs
    ]  # fmt: skip
    batch.run_many(f"INSERT INTO job ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})", rows)
    last: int = batch.run("SELECT seq FROM sqlite_sequence WHERE name = 'job'").scalar_one()
    return range(last - len(rows) + 1, last + 1)


def _relate(batch: Batch, workflow_id: int, jobs: Sequence[Job], ids: range) -> None:
    for field, (table, column) in RELATIONS.items():
        pairs = []
        for job, job_id in zip(jobs, ids, strict=True):
            others = getattr(job, field) or ()
            _check_once(job.name, field, others)
            if field == "depends_on_job_ids":
                late = [other for other in others if job_id <= other < ids.stop]
                if late:
                    raise Invalid(f"job {job.name!r} cannot depend on job {late[0]}: it is itself or comes after it")
            pairs += [(job_id, other) for other in others]
        _check_ids(batch, workflow_id, KIND[field], field, {other for _, other in pairs})
        batch.run_many(f"INSERT INTO {table} (job_id, {column}) VALUES (?, ?)", pairs)


def _check_once(name: str, field: str, ids: Sequence[int]) -> None:
    if len(set(ids)) != len(ids):
        twice = next(each for each in ids if ids.count(each) > 1)
        raise Invalid(f"job {name!r}: {field} names {twice} twice")


def _check_ids(batch: Batch, workflow_id: int, table: str, field: str, ids: set[Any]) -> None:
    """Invalid when one of the ids is no row of the table in this workflow."""
    if not ids:
        return
    wrong = batch.run(
        f"SELECT told.value, other.workflow_id FROM json_each(?) AS told LEFT JOIN {table} AS other"
        " ON other.id = told.value WHERE other.workflow_id IS NOT ? LIMIT 1",
        batch.json(sorted(ids)),
        workflow_id,
    ).one_or_none()
    if wrong is not None:
        what = table.replace("_", " ")
        where = f"belongs to workflow {wrong[1]}, not {workflow_id}" if wrong[1] is not None else "does not exist"
        raise Invalid(f"{field}: {what} {wrong[0]} {where}")


def _check_handlers(batch: Batch, ids: set[int | None]) -> None:
    """Invalid when a failure handler does not exist. 0 means none, and any workflow's will do, as in torc."""
    told = batch.json([each for each in ids if each])
    if told == "[]":
        return
    wrong = batch.run(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM failure_handler) LIMIT 1", told
    ).scalar()
    if wrong is not None:
        raise Invalid(f"failure_handler_id: failure handler {wrong} does not exist")


def _echo(job: Job, job_id: int, default: int) -> Wire:
    said = given(job, "id", "status")
    said.setdefault("resource_requirements_id", default)
    return {"id": job_id, "status": JobStatus.UNINITIALIZED.label, "scheduler_id": None, **said}


def update(batch: Batch, job_id: int, body: Job) -> Wire:
    """Change a job by the rules of server.md 3.5; arrays are compared as sets."""
    old = get_job_row(batch.conn, job_id)
    changed = _restricted_changes(old, body)
    if changed and old["status"] != "uninitialized":
        raise Invalid(
            f"Cannot update job {job_id} when status is '{old['status']}' - most updates are only allowed when status"
            " is 'uninitialized'. Only scheduler_id and resource_requirements_id can be updated at any time."
            f" Changed fields: [{', '.join(changed.values())}]"
        )
    if "status" in changed and body.status != "disabled":
        raise Invalid("Cannot update job status - this field is immutable after job creation (except to Disabled)")
    for field in IMMUTABLE:
        if field in changed:
            raise Invalid(f"Cannot modify {field} - this field is immutable after job creation")
    workflow_id = old["workflow_id"]
    if body.resource_requirements_id is not None:
        ids = {body.resource_requirements_id}
        _check_ids(batch, workflow_id, "resource_requirements", "resource_requirements_id", ids)
    _check_handlers(batch, {body.failure_handler_id})
    values = {name: value for name in UPDATABLE if (value := getattr(body, name)) is not None}
    JOBS.update(batch, job_id, {"name": body.name, "command": body.command, **values})
    if "depends_on_job_ids" in changed:
        _replace_dependencies(batch, workflow_id, job_id, body)
    if "status" in changed:
        set_status(batch, [(job_id, workflow_id, JobStatus.UNINITIALIZED)], JobStatus.DISABLED)
    batch.log(workflow_id, "job", id=job_id)
    batch.wake_workflows.add(workflow_id)
    return get_job_row(batch.conn, job_id)


def _restricted_changes(old: Wire, body: Job) -> dict[str, str]:
    """Fields that may not change in every status and would: name -> how the refusal says it."""
    changed: dict[str, str] = {}
    if body.name != old["name"]:
        changed["name"] = f"name: '{old['name']}' -> '{body.name}'"
    if body.command != old["command"]:
        changed["command"] = "command"
    if body.status is not None and body.status != old["status"]:
        now, new = (camel(JobStatus.from_label(label)) for label in (old["status"], body.status))
        changed["status"] = f"status: Some({now}) -> Some({new})"
    for field in RELATIONS:
        told = getattr(body, field)
        if told is not None and sorted(told) != old.get(field, []):
            changed[field] = field
    return changed


def _replace_dependencies(batch: Batch, workflow_id: int, job_id: int, body: Job) -> None:
    parents = body.depends_on_job_ids or []
    _check_once(body.name, "depends_on_job_ids", parents)
    if job_id in parents:
        raise Invalid(f"job {body.name!r} cannot depend on itself")
    _check_ids(batch, workflow_id, "job", "depends_on_job_ids", set(parents))
    loop = batch.run(
        walk_below("SELECT ?1") + " SELECT job.name FROM below JOIN job ON job.id = below.id"
        " WHERE below.id IN (SELECT value FROM json_each(?2))",
        job_id,
        batch.json(parents),
    ).scalar()
    if loop is not None:
        raise Invalid(f"dependency cycle: job {loop!r} already depends on job {body.name!r}, directly or not")
    batch.run("DELETE FROM job_depends_on WHERE job_id = ?", job_id)
    batch.run("DELETE FROM barrier_child WHERE job_id = ?", job_id)
    batch.run_many(
        "INSERT INTO job_depends_on (job_id, depends_on_job_id) VALUES (?, ?)", [(job_id, each) for each in parents]
    )


def delete(batch: Batch, job_id: int) -> Wire:
    """Delete a job; jobs that waited only for it are released."""
    job = get_job_row(batch.conn, job_id)
    status = JobStatus.from_label(job["status"])
    node = batch.run("SELECT node_id FROM job WHERE id = ?", job_id).scalar()
    below = list(batch.run(CHILDREN, batch.json([job_id])).scalars())
    barriers = list(batch.run("SELECT barrier_id FROM barrier_parent WHERE job_id = ?", job_id).scalars())
    if job["workflow_id"] in batch.watched:
        forget_jobs(batch, [job_id])
    batch.run("DELETE FROM job WHERE id = ?", job_id)
    workflow_id = job["workflow_id"]
    batch.counts[workflow_id, status] -= 1
    batch.log(workflow_id, "job", id=job_id, deleted=True)
    batch.wake_workflows.add(workflow_id)
    if node is not None:
        batch.wake_nodes.add(node)
    recount_barriers(batch, "SELECT value FROM json_each(?)", batch.json(barriers))
    recount(batch, "SELECT value FROM json_each(?1)", batch.json(below))
    _release(batch, below)
    return job


def _release(batch: Batch, ids: list[int]) -> None:
    """Blocked jobs that wait for nobody any more become ready, or canceled when a parent failed."""
    rows = batch.run(
        "SELECT id, workflow_id, bad AND cancel_on_blocking_job_failure FROM job"
        " WHERE status = 1 AND unmet = 0 AND id IN (SELECT value FROM json_each(?))",
        batch.json(ids),
    ).all()
    set_status(batch, [(r[0], r[1], JobStatus.BLOCKED) for r in rows if not r[2]], JobStatus.READY)
    set_status(batch, [(r[0], r[1], JobStatus.BLOCKED) for r in rows if r[2]], JobStatus.CANCELED)
