"""torc's own claims (server.md 4): the same classes, order and fit as the exchange, for clients without a lease."""

from __future__ import annotations

from typing import Any

from torc_core.models.exchange import FreeResources
from torc_core.models.resources import ComputeNodesResources
from torc_core.models.status import JobStatus
from torc_core.units import UnitError, parse_duration
from torc_server.engine.nodes import GIB
from torc_server.engine.progress import Progress, progress
from torc_server.engine.ready import SORT, first_jobs, how_many_fit, ready_classes
from torc_server.engine.serve import assign
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch

MOST = 10_000
"""Most jobs that one claim hands out."""


def claim_next_jobs(batch: Batch, workflow_id: int, limit: int) -> list[dict[str, Any]]:
    """The next ready jobs in order of priority and id, whatever they need; they become pending."""
    now = _progress(batch, workflow_id)
    if now.is_canceled or now.busy or limit == 0:
        return []
    ids = list(
        batch.run(
            "SELECT id FROM job WHERE workflow_id = ? AND status = ? ORDER BY priority DESC, id LIMIT ?",
            workflow_id,
            int(JobStatus.READY),
            _limit(limit),
        ).scalars()
    )
    assign(batch, workflow_id, ids, None)
    return _claimed(batch, ids)


def claim_jobs_based_on_resources(
    batch: Batch,
    workflow_id: int,
    resources: ComputeNodesResources,
    limit: int,
    sort_method: str | None = None,
    strict: bool = False,
) -> tuple[list[dict[str, Any]], str | None]:
    """Ready jobs that fit what is free, and why there are none when the workflow is canceled.

    Order: `sort_method`, by id when it is absent. Jobs of other schedulers are handed out, unless `strict`, when no
    other job fits.
    """
    now = _progress(batch, workflow_id)
    if now.is_canceled:
        return [], "Workflow is canceled"
    if now.busy:
        return [], "Workflow is being initialized or reset"
    time_limit = _time_limit(resources.time_limit)
    method = sort_method if sort_method in SORT else "none"
    taken = _greedy(batch, workflow_id, resources, _limit(limit), method, time_limit, strict)
    assign(batch, workflow_id, taken, None)
    return _claimed(batch, taken), None


def _greedy(
    batch: Batch,
    workflow_id: int,
    resources: ComputeNodesResources,
    limit: int,
    method: str,
    time_limit: int | None,
    strict: bool,
) -> list[int]:
    """Job by job in claim order, each that still fits; the jobs of each class that could fit are looked at."""
    free = FreeResources(
        resources.num_cpus, int(resources.memory_gb * GIB), resources.num_gpus, max(resources.num_nodes, 0)
    )
    order = SORT[method]
    candidates = []
    for cls in ready_classes(batch.conn, workflow_id, method):
        foreign = cls.scheduler_id not in (None, resources.scheduler_config_id)
        if (foreign and strict) or (time_limit is not None and cls.runtime_s > time_limit):
            continue
        ids = first_jobs(batch.conn, workflow_id, cls, how_many_fit(cls, free, limit))
        candidates += [((foreign, -cls.priority, *order(cls), job), cls) for job in ids]
    candidates = [pair for pair in candidates if not pair[0][0]] or candidates
    taken: list[int] = []
    for key, cls in sorted(candidates, key=lambda pair: pair[0]):
        if len(taken) < limit and how_many_fit(cls, free, 1):
            free.num_cpus -= cls.num_cpus
            free.memory_bytes -= cls.memory_bytes
            free.num_gpus -= cls.num_gpus
            free.num_nodes -= cls.num_nodes if cls.num_nodes > 1 else 0
            taken.append(key[-1])
    return taken


def _progress(batch: Batch, workflow_id: int) -> Progress:
    now = progress(batch, workflow_id)
    if now is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    return now


def _limit(limit: int) -> int:
    """Negative means as many as there are, as in torc."""
    return MOST if limit < 0 else min(limit, MOST)


def _time_limit(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except UnitError as error:
        raise Invalid(f"Invalid time_limit format '{text}': {error}", field="time_limit", value=text) from None


def _claimed(batch: Batch, ids: list[int]) -> list[dict[str, Any]]:
    """Jobs as torc's claims show them (server.md 4.1), with the script that torc forgets."""
    told = batch.json(ids)
    outputs: dict[str, dict[int, list[int]]] = {"file": {}, "user_data": {}}
    for kind, found in outputs.items():
        for job, other in batch.run(
            f"SELECT job_id, {kind}_id FROM job_output_{kind}"
            f" WHERE job_id IN (SELECT value FROM json_each(?)) ORDER BY {kind}_id",
            told,
        ):
            found.setdefault(job, []).append(other)
    rows = batch.run(
        "SELECT job.id, workflow_id, name, command, invocation_script, cancel_on_blocking_job_failure,"
        " supports_termination, resource_requirements_id, failure_handler_id, attempt_id"
        " FROM json_each(?) AS told JOIN job ON job.id = told.value ORDER BY told.key",
        told,
    )
    jobs = []
    for r in rows:
        job = {
            "id": r[0], "workflow_id": r[1], "name": r[2], "command": r[3], "invocation_script": r[4] or None,
            "status": "pending", "cancel_on_blocking_job_failure": bool(r[5]), "supports_termination": bool(r[6]),
            "output_file_ids": outputs["file"].get(r[0]), "output_user_data_ids": outputs["user_data"].get(r[0]),
            "resource_requirements_id": r[7], "failure_handler_id": r[8], "attempt_id": r[9],
        }  # fmt: skip
        jobs.append({key: value for key, value in job.items() if value is not None} | {"scheduler_id": None})
    return jobs
