"""Storing a plan (models/plan.py): chunk by chunk under a hidden workflow that becomes visible in one last step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from torc_core.models.plan import (
    PlanActions,
    PlanAnswer,
    PlanBarriers,
    PlanFiles,
    PlanHandlers,
    PlanJobs,
    PlanLine,
    PlannedAction,
    PlannedBarrier,
    PlannedHandler,
    PlannedJob,
    PlannedRequirements,
    PlanRequirements,
    PlanSchedulers,
    PlanStart,
    PlanUserData,
)
from torc_core.models.status import JobStatus
from torc_core.units import UnitError, parse_duration, parse_memory
from torc_server.engine.action_config import check_action
from torc_server.engine.actions import list_jobs
from torc_server.engine.failure_rules import check_rules
from torc_server.engine.ready import SORT
from torc_server.engine.report import iso_time
from torc_server.engine.workflow import DEFAULTS, add_default_requirements
from torc_server.errors import Conflict, Invalid
from torc_server.store.batch import Batch

KINDS = (
    "job", "file", "user_data", "resource_requirements", "failure_handler", "slurm_scheduler", "workflow_action",
    "barrier",
)  # fmt: skip
"""What a plan has positions of, by the names of their tables."""


@dataclass
class Creation:
    """A plan on its way in: where its ids begin and how much has come."""

    workflow_id: int
    initialize: bool
    announced: dict[str, int]
    base: dict[str, int] = field(default_factory=dict)
    """Id of position 0, by kind."""
    came: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    default_requirements: int = 0
    repeated: bool = False


def begin(batch: Batch, start: PlanStart) -> Creation:
    """Make the hidden workflow and set its ids aside; a plan that was stored before is found by its uuid."""
    announced = {
        "job": start.jobs,
        "file": start.files,
        "user_data": start.user_data,
        "resource_requirements": start.resource_requirements,
        "failure_handler": start.failure_handlers,
        "slurm_scheduler": start.slurm_schedulers,
        "workflow_action": start.actions,
        "barrier": start.barriers,
    }
    if any(n < 0 for n in announced.values()):
        raise Invalid("a plan cannot announce less than nothing")
    old = batch.run("SELECT id, state FROM workflow WHERE uuid = ?", start.uuid).one_or_none()
    if old is not None and old[1] == "visible":
        return Creation(old[0], start.initialize, announced, repeated=True)
    if old is not None:
        discard(batch, old[0])  # a second stream of the same plan: the first one ends as cut off
    creation = Creation(_insert_workflow(batch, start), start.initialize, announced)
    creation.default_requirements = add_default_requirements(batch, creation.workflow_id)
    creation.base = {kind: _set_aside(batch, kind, n) for kind, n in announced.items()}
    return creation


def add(batch: Batch, creation: Creation, line: PlanLine) -> None:
    """Store one line. Invalid when it is out of order, too long, or refers to what the plan does not have.

    Conflict when the same plan was sent again meanwhile: the newer stream goes on.
    """
    _still_wanted(batch, creation)
    rows: list[tuple[Any, ...]]
    match line:
        case PlanFiles():
            rows = [
                (i, creation.workflow_id, f.name, f.path, f.st_mtime, f.size)
                for i, f in _placed(creation, "file", line.items)
            ]
            sql = "INSERT INTO file (id, workflow_id, name, path, st_mtime, size) VALUES (?, ?, ?, ?, ?, ?)"
            batch.run_many(sql, rows)
        case PlanUserData():
            rows = [
                (i, creation.workflow_id, d.name, d.is_ephemeral, None if d.data is None else batch.json(d.data))
                for i, d in _placed(creation, "user_data", line.items)
            ]
            batch.run_many(
                "INSERT INTO user_data (id, workflow_id, name, is_ephemeral, data) VALUES (?, ?, ?, ?, ?)", rows
            )
        case PlanRequirements():
            rows = [
                _requirements_row(creation, i, r) for i, r in _placed(creation, "resource_requirements", line.items)
            ]
            batch.run_many(
                "INSERT INTO resource_requirements (id, workflow_id, name, num_cpus, num_gpus, num_nodes, memory,"
                " runtime, memory_bytes, runtime_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
        case PlanHandlers() | PlanSchedulers():
            kind = "failure_handler" if isinstance(line, PlanHandlers) else "slurm_scheduler"
            for row_id, item in _placed(creation, kind, line.items):
                if isinstance(item, PlannedHandler):
                    check_rules(item.rules)
                _insert(batch, kind, {"id": row_id, "workflow_id": creation.workflow_id, **_said(item)})
        case PlanJobs():
            _add_jobs(batch, creation, line.items)
        case PlanBarriers():
            for barrier_id, barrier in _placed(creation, "barrier", line.items):
                _add_barrier(batch, creation, barrier_id, barrier)
        case PlanActions():
            for action_id, action in _placed(creation, "workflow_action", line.items):
                _add_action(batch, creation, action_id, action)
        case _:
            raise Invalid("a plan has one first and one last line")


def complete(creation: Creation) -> None:
    """Invalid when something that was announced did not come."""
    for kind, n in creation.announced.items():
        if creation.came[kind] != n and not creation.repeated:
            raise Invalid(f"the plan announced {n} {kind} and brought {creation.came[kind]}; send it again")


def finish(batch: Batch, creation: Creation) -> PlanAnswer:
    """Make the workflow visible, in run 1 when it was initialised."""
    if creation.repeated:
        n = batch.run("SELECT sum(n) FROM status_count WHERE workflow_id = ?", creation.workflow_id).scalar_one()
        return PlanAnswer(creation.workflow_id, n or 0, repeated=True)
    _still_wanted(batch, creation)
    batch.run(
        "UPDATE workflow SET state = 'visible', run_id = ? WHERE id = ?", int(creation.initialize), creation.workflow_id
    )
    batch.log(creation.workflow_id, "workflow", created=True)
    batch.wake_workflows.add(creation.workflow_id)
    return PlanAnswer(creation.workflow_id, creation.announced["job"])


def _still_wanted(batch: Batch, creation: Creation) -> None:
    sql = "SELECT 1 FROM workflow WHERE id = ? AND state = 'creating'"
    if batch.run(sql, creation.workflow_id).one_or_none() is None:
        raise Conflict("this plan was sent again while it came in; the newer stream goes on")


def discard(batch: Batch, workflow_id: int) -> None:
    """The stream was cut off or refused: what came of it waits to be deleted, and its plan may come again."""
    batch.run("UPDATE workflow SET state = 'deleting', uuid = NULL WHERE id = ? AND state <> 'visible'", workflow_id)


def hide_half_created(batch: Batch) -> None:
    """At start, before anybody calls: plans that were cut off with the last server may come again."""
    batch.run("UPDATE workflow SET state = 'deleting', uuid = NULL WHERE state = 'creating'")


def _insert_workflow(batch: Batch, start: PlanStart) -> int:
    planned = start.workflow
    if planned.jobs_sort_method not in (None, *SORT):
        raise Invalid(f"jobs_sort_method {planned.jobs_sort_method!r} is unknown; one of {', '.join(SORT)}")
    row = {**DEFAULTS, **_said(planned), "uuid": start.uuid, "state": "creating", "timestamp": iso_time(batch.now_ms)}
    row["env"] = batch.json(planned.env) if planned.env else None
    return _insert(batch, "workflow", row)


def _said(item: Struct) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name in item.__struct_fields__ if (value := getattr(item, name)) is not None}


def _insert(batch: Batch, table: str, row: dict[str, Any]) -> int:
    names = ", ".join(f'"{name}"' for name in row)
    sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))}) RETURNING id"
    return int(batch.run(sql, *row.values()).scalar_one())


def _set_aside(batch: Batch, table: str, n: int) -> int:
    """Reserve `n` consecutive ids of a table; returns the first."""
    last = batch.run("SELECT seq FROM sqlite_sequence WHERE name = ?", table).scalar_one_or_none()
    if last is None:
        batch.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, n)
        return 1
    batch.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", last + n, table)
    return int(last) + 1


def _placed(creation: Creation, kind: str, items: list[Any]) -> Iterable[tuple[int, Any]]:
    """The items with their ids; their positions follow those that came before."""
    first = creation.came[kind]
    creation.came[kind] += len(items)
    if creation.came[kind] > creation.announced[kind]:
        raise Invalid(f"the plan announced {creation.announced[kind]} {kind} and brings more")
    start = creation.base[kind] + first
    return zip(range(start, start + len(items)), items, strict=True)


def _id_at(creation: Creation, kind: str, place: int | None, who: str) -> int | None:
    """The id of what stands at a position of the plan; Invalid when the plan has no such position."""
    if place is None:
        return None
    if not 0 <= place < creation.announced[kind]:
        what = {"resource_requirements": "requirement"}.get(kind, kind.replace("_", " "))
        raise Invalid(f"{who} refers to {what} {place}, the plan has {creation.announced[kind]}")
    return creation.base[kind] + place


def _add_barrier(batch: Batch, creation: Creation, barrier_id: int, barrier: PlannedBarrier) -> None:
    first_id, came = creation.base["job"], creation.came["job"]
    batch.run("INSERT INTO barrier (id, workflow_id) VALUES (?, ?)", barrier_id, creation.workflow_id)
    for first, last in barrier.parents:
        if not 0 <= first <= last < came:
            raise Invalid(f"a barrier has the jobs {first} to {last} for parents, which must come before it")
        batch.run(
            "INSERT OR IGNORE INTO barrier_parent (barrier_id, job_id) SELECT ?1, id FROM job"
            " WHERE workflow_id = ?2 AND id BETWEEN ?3 AND ?4",
            barrier_id,
            creation.workflow_id,
            first_id + first,
            first_id + last,
        )


def _add_action(batch: Batch, creation: Creation, action_id: int, action: PlannedAction) -> None:
    who = f"action {action_id - creation.base['workflow_action']}"
    config = action.action_config
    if (scheduler := _id_at(creation, "slurm_scheduler", action.scheduler, who)) is not None:
        config = {**config, "scheduler_id": scheduler}
    row: dict[str, Any] = {
        "id": action_id, "workflow_id": creation.workflow_id, "trigger_type": action.trigger_type,
        "action_type": action.action_type, "action_config": batch.json(config), "persistent": action.persistent,
        "required_triggers": check_action(action.trigger_type, action.action_type, config, action.jobs),
    }  # fmt: skip
    job_ids = [_id_at(creation, "job", place, who) or 0 for place in action.jobs or ()]
    if creation.came["job"] != creation.announced["job"]:
        raise Invalid("the actions of a plan come after all of its jobs")
    _insert(batch, "workflow_action", {**row, "job_ids": None if action.jobs is None else batch.json(job_ids)})
    list_jobs(batch, creation.workflow_id, action_id, action.trigger_type, job_ids)


def _requirements_row(creation: Creation, row_id: int, r: PlannedRequirements) -> tuple[Any, ...]:
    try:
        memory, runtime = parse_memory(r.memory), parse_duration(r.runtime)
    except UnitError as error:
        raise Invalid(f"resource requirement {r.name!r}: {error}") from None
    if min(r.num_cpus, r.num_gpus, r.num_nodes) < 0:
        raise Invalid(f"resource requirement {r.name!r}: counts cannot be negative")
    return (
        row_id, creation.workflow_id, r.name, r.num_cpus, r.num_gpus, r.num_nodes, r.memory, r.runtime, memory, runtime,
    )  # fmt: skip


def _barriers_of(creation: Creation, job: PlannedJob) -> Iterable[int]:
    for place in job.barriers:
        if not 0 <= place < creation.came["barrier"]:
            raise Invalid(f"job {job.name!r} waits for barrier {place} of the plan, which must come before it")
        yield creation.base["barrier"] + place


def _add_jobs(batch: Batch, creation: Creation, items: list[PlannedJob]) -> None:
    base, placed = creation.base, list(_placed(creation, "job", items))
    rows = []
    for job_id, job in placed:
        who = f"job {job.name!r}"
        need = _id_at(creation, "resource_requirements", job.resource_requirements, who)
        rows.append((
            job_id, creation.workflow_id, job.name, job.command, job.invocation_script,
            job.cancel_on_blocking_job_failure, job.supports_termination, job.keep_background,
            creation.default_requirements if need is None else need,
            batch.json(job.env) if job.env else None, job.cwd, job.priority,
            _id_at(creation, "failure_handler", job.failure_handler, who),
            _id_at(creation, "slurm_scheduler", job.scheduler, who),
            batch.json(job.stdio) if job.stdio else None,
            job.lost_limit,
        ))  # fmt: skip
    batch.run_many(
        "INSERT INTO job (id, workflow_id, name, command, invocation_script, cancel_on_blocking_job_failure,"
        " supports_termination, keep_background, resource_requirements_id, env, cwd, priority, failure_handler_id,"
        " scheduler_id, stdio, lost_limit, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        rows,
    )
    batch.counts[creation.workflow_id, JobStatus.UNINITIALIZED] += len(rows)
    edges = []
    for job_id, job in placed:
        for parent in set(job.depends_on):
            if not 0 <= parent < job_id - base["job"]:
                raise Invalid(f"job {job.name!r} depends on job {parent} of the plan, which must come before it")
            edges.append((job_id, base["job"] + parent))
    batch.run_many("INSERT INTO job_depends_on (job_id, depends_on_job_id) VALUES (?, ?)", edges)
    waits = [(barrier, job_id) for job_id, job in placed for barrier in _barriers_of(creation, job)]
    batch.run_many("INSERT OR IGNORE INTO barrier_child (barrier_id, job_id) VALUES (?, ?)", waits)
    for table, kind, name in (
        ("job_input_file", "file", "input_files"),
        ("job_output_file", "file", "output_files"),
        ("job_input_user_data", "user_data", "input_user_data"),
        ("job_output_user_data", "user_data", "output_user_data"),
    ):
        links = []
        for job_id, job in placed:
            for place in set(getattr(job, name)):
                if not 0 <= place < creation.announced[kind]:
                    raise Invalid(f"job {job.name!r}: {name} refers to {kind} {place}, which the plan does not have")
                links.append((job_id, base[kind] + place))
        batch.run_many(f"INSERT INTO {table} (job_id, {kind}_id) VALUES (?, ?)", links)
