"""What running jobs use: current numbers in the console's rows, and the curve of an attempt or of a runner."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import JobDetail, JobSamples, NodeSamples, TablePage, Usage, UsedOverTime
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import get
from torc_server.engine.nodes import GIB
from torc_server.errors import NotFound
from torc_server.samples import Curve, Samples

OUTLINE = 24
"""Parts of the outline of a job's memory."""

STARTED = ("running", "completed", "failed", "canceled", "terminated", "pending_failed")
"""Jobs whose last attempt began in this run."""


class SamplesQuery(msgspec.Struct, kw_only=True):
    """Which attempt; none: the job's last."""

    attempt_id: int | None = None


def add_usage_to_rows(page: TablePage, workflow_id: int, samples: Samples) -> None:
    """Current CPU and memory into the rows of running jobs, in place of the peaks that they do not have yet."""
    running = [row for row in page.items if row["status"] == "running"]
    if not running:
        return
    samples.look(workflow_id)
    for row in running:
        if last := samples.last(workflow_id, row["id"], row["attempt"]):
            row["cpu"], row["mem"] = last.cpu_percent, last.memory_bytes


def add_usage_to_detail(detail: JobDetail, samples: Samples) -> None:
    """What the job uses while it runs, and the outline of its memory."""
    job = detail.job
    workflow_id, status = job["workflow_id"], job.get("status")
    if status == "running":
        samples.look(workflow_id)
    curve = samples.curve(workflow_id, job["id"], job["attempt_id"]) if status in STARTED else None
    if curve is None or curve.last is None:
        return
    detail.memory_outline = curve.outline(OUTLINE)
    if status == "running":
        last = curve.last
        detail.usage = Usage(
            at_ms=curve.times[-1],
            cpu_percent=last.cpu_percent,
            memory_bytes=last.memory_bytes,
            num_processes=last.num_processes,
        )


def _job(conn: Connection, job_id: int) -> tuple[int, int, str | None]:
    """Its workflow, its last attempt, and what the workflow says of monitoring. NotFound."""
    row = conn.exec_driver_sql(
        "SELECT workflow_id, attempt_id, resource_monitor_config FROM job"
        " JOIN workflow ON workflow.id = job.workflow_id WHERE job.id = ?",
        (job_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Job not found with ID: {job_id}")
    return row[0], row[1], row[2]


def _is_monitored(config: str | None) -> bool:
    """As the runner reads it: without a word about it, it is on."""
    if not config:
        return True
    try:
        told: Any = msgspec.json.decode(config)
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and bool(told.get("enabled", False))


@get("/jobs/{id:str}/samples", query=SamplesQuery, answer=JobSamples)
async def get_samples(request: Call) -> Answer:
    """What an attempt of a job used over time; the server remembers it while the attempt runs and some time after."""
    job_id, ask = request.number(), request.ask(SamplesQuery)
    workflow_id, last, config = await request.db.read(_job, job_id)
    attempt_id = last if ask.attempt_id is None else ask.attempt_id
    found = JobSamples(job_id=job_id, attempt_id=attempt_id, is_monitored=_is_monitored(config))
    samples = request.server.samples
    samples.look(workflow_id)
    _write(samples.curve(workflow_id, job_id, attempt_id), found)
    return json_answer(found)


def _write(curve: Curve | None, found: UsedOverTime) -> None:
    if curve is not None:
        found.times_ms = curve.times.tolist()
        found.cpu_percent = [round(percent, 1) for percent in curve.cpu]
        found.memory_bytes = curve.memory.tolist()


def _node(conn: Connection, node_id: int) -> NodeSamples:
    """A runner, without what its jobs used. NotFound."""
    row = conn.exec_driver_sql(
        "SELECT workflow_id, workflow.name, hostname, ifnull(is_active, 0), num_cpus, memory_gb,"
        " resource_monitor_config FROM compute_node AS node JOIN workflow ON workflow.id = workflow_id"
        " WHERE node.id = ?",
        (node_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Compute node not found with ID: {node_id}")
    return NodeSamples(
        node_id=node_id, workflow_id=row[0], workflow_name=row[1], host=row[2], is_active=bool(row[3]), cpus=row[4],
        total_memory_bytes=int(row[5] * GIB), is_monitored=_is_monitored(row[6]),
    )  # fmt: skip


@get("/compute_nodes/{id:str}/samples", answer=NodeSamples)
async def get_node_samples(request: Call) -> Answer:
    """What the jobs of a runner used together over time; the server remembers it while it runs and some time after."""
    found = await request.db.read(_node, request.number())
    samples = request.server.samples
    if found.is_active:
        samples.look(found.workflow_id)
    _write(samples.node_curve(found.workflow_id, found.node_id), found)
    return json_answer(found)


HANDLERS = [get_samples, get_node_samples]
