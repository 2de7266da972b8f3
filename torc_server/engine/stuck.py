"""Why a workflow cannot go on, said with the numbers (design: section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from torc_core.models.status import JobStatus
from torc_core.wording import count_of, size_text
from torc_server.engine.nodes import GIB
from torc_server.engine.progress import Progress, counts
from torc_server.engine.ready import ReadyClass, fits, ready_classes
from torc_server.store.batch import json_text

CLASSES_SHOWN = 3
NODES_SHOWN = 3
NODES_REMEMBERED = 20
"""So many of the runners that left are asked what they offered."""


class Runner(Protocol):
    """What a runner offers in all, while it lives or afterwards."""

    id: int
    hostname: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int
    ignores_resources: bool


@dataclass(slots=True)
class GoneRunner:
    """A runner that has left."""

    id: int
    hostname: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int
    ignores_resources: bool
    left: str
    """When, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Jobs that cannot go on."""

    cause: str
    """In few words: `no runner fits`."""
    jobs: int
    lacking: str
    """Of which resources no runner has enough: `4 GPUs`; empty when that is not the cause."""
    why: str
    """All of it in a sentence, with the numbers."""


def why_stuck(now: Progress, classes: list[ReadyClass], nodes: Sequence[Runner]) -> Stuck | None:
    """The reason why nothing that is left can run on any of these runners, or None while something can.

    `classes` are the workflow's ready classes, `nodes` its live runners.
    """
    if now.active or now.busy or now.is_complete:
        return None
    if classes:
        if any(node.ignores_resources or fits(cls, node) for node in nodes for cls in classes):
            return None
        return _misfits(classes, nodes, now.count(JobStatus.READY))
    if n := now.count(JobStatus.PENDING_FAILED):
        return _held(n, "undecided failures", "pending_failed", "'torc jobs retry JOB' runs such a job again")
    if n := now.count(JobStatus.UNINITIALIZED):
        return _held(n, "not initialized", "not initialized", "'torc workflows initialize' makes jobs ready")
    n = now.count(JobStatus.BLOCKED)
    return _held(n, "blocked for good", "blocked by jobs that will not run", "'torc explain JOB' says by which")


def _misfits(classes: list[ReadyClass], nodes: Sequence[Runner], jobs: int) -> Stuck:
    why = "; ".join(misfit(cls, nodes) for cls in classes[:CLASSES_SHOWN])
    return Stuck("no runner fits", jobs, _and(_lacking(classes[0], nodes)), why)


def _held(jobs: int, cause: str, what: str, way_out: str) -> Stuck:
    return Stuck(cause, jobs, "", f"{count_of(jobs, 'jobs')} {'is' if jobs == 1 else 'are'} {what}; {way_out}")


def why_left(conn: Connection, workflow_id: int) -> Stuck | None:
    """Why a workflow that has no runner at work cannot go on, as its last runners found; None when none found so."""
    now = _progress(conn, workflow_id)
    if now is None or not now.run_id or now.count(JobStatus.UNINITIALIZED):
        return None
    classes = ready_classes(conn, workflow_id, now.sort_method)
    if not classes:
        return why_stuck(now, classes, [])
    nodes = [node for node in gone(conn, workflow_id) if any(_saw(conn, node, cls) for cls in classes)]
    return why_stuck(now, classes, nodes) if nodes else None


def what_waits(conn: Connection, workflow_id: int, nodes: Sequence[Runner]) -> Stuck | None:
    """The ready jobs that none of the live runners of a workflow has room for, even when it has nothing else to do."""
    now = _progress(conn, workflow_id)
    if now is None or now.busy or now.is_canceled or not now.count(JobStatus.READY):
        return None
    classes = [
        cls
        for cls in ready_classes(conn, workflow_id, now.sort_method)
        if not any(node.ignores_resources or fits(cls, node) for node in nodes)
    ]
    if not classes:
        return None
    jobs = conn.exec_driver_sql(
        "SELECT count(*) FROM job WHERE workflow_id = ? AND status = 2"
        " AND resource_requirements_id IN (SELECT value FROM json_each(?))",
        (workflow_id, json_text([cls.requirements_id for cls in classes])),
    ).scalar_one()
    return _misfits(classes, nodes, jobs)


def _progress(conn: Connection, workflow_id: int) -> Progress | None:
    """The progress as it is written; None for an unknown workflow."""
    row = conn.exec_driver_sql(
        "SELECT run_id, is_canceled, compute_node_ignore_workflow_completion, jobs_sort_method, work IS NOT NULL"
        " FROM workflow WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if row is None:
        return None
    return Progress(row[0], bool(row[1]), bool(row[2]), row[3], counts(conn, workflow_id), bool(row[4]))


def gone(conn: Connection, workflow_id: int) -> list[GoneRunner]:
    """The runners of a workflow that have left, the newest first."""
    rows = conn.exec_driver_sql(
        "SELECT id, hostname, num_cpus, memory_gb, num_gpus, num_nodes,"
        " ifnull(json_extract(scheduler, '$.by_resources'), 1),"
        " strftime('%Y-%m-%dT%H:%M:%fZ', julianday(start_time) + ifnull(duration_seconds, 0) / 86400)"
        " FROM compute_node WHERE workflow_id = ? AND is_active = 0 ORDER BY id DESC LIMIT ?",
        (workflow_id, NODES_REMEMBERED),
    )
    return [
        GoneRunner(row[0], row[1], row[2], int(row[3] * GIB), row[4], row[5], not row[6], row[7])
        for row in rows
        if row[7] is not None
    ]


def _saw(conn: Connection, node: GoneRunner, cls: ReadyClass) -> bool:
    """The runner left when the first job of the class was ready already."""
    since = conn.exec_driver_sql("SELECT ready_ms FROM job WHERE id = ?", (cls.first_id,)).scalar()
    return since is not None and datetime.fromisoformat(node.left).timestamp() * 1000 >= int(since)


def misfit(cls: ReadyClass, nodes: Sequence[Runner]) -> str:
    """What jobs of a class need that none of these runners has, and what they offer."""
    need = _and(_lacking(cls, nodes)) or "more than any one runner has at once"
    offers = dict.fromkeys(f"{node.hostname} offers {offer(node)}" for node in nodes)
    said = ", ".join([*offers][:NODES_SHOWN])
    return f"jobs with requirement {cls.name!r} need {need}; {said or 'no runner is there'}"


def _lacking(cls: ReadyClass, nodes: Sequence[Runner]) -> list[str]:
    """Each resource of which no runner has enough."""
    lacking = []
    if cls.num_cpus > max((node.num_cpus for node in nodes), default=0):
        lacking.append(count_of(cls.num_cpus, "CPUs"))
    if cls.memory_bytes > max((node.memory_bytes for node in nodes), default=0):
        lacking.append(f"{size_text(cls.memory_bytes)} memory")
    if cls.num_gpus > max((node.num_gpus for node in nodes), default=0):
        lacking.append(count_of(cls.num_gpus, "GPUs"))
    if cls.num_nodes > max((node.num_nodes for node in nodes), default=1):
        lacking.append(count_of(cls.num_nodes, "nodes"))
    return lacking


def needs(cls: ReadyClass) -> str:
    """`2 CPUs, 1.0 GB memory`, and GPUs and nodes where it asks for them."""
    parts = [count_of(cls.num_cpus, "CPUs"), f"{size_text(cls.memory_bytes)} memory"]
    if cls.num_gpus:
        parts.append(count_of(cls.num_gpus, "GPUs"))
    if cls.num_nodes > 1:
        parts.append(f"{cls.num_nodes} nodes")
    return ", ".join(parts)


def offer(node: Runner) -> str:
    """`8 CPUs, 31 GB memory, 0 GPUs`, and nodes where it has several."""
    parts = [count_of(node.num_cpus, "CPUs"), f"{size_text(node.memory_bytes)} memory", count_of(node.num_gpus, "GPUs")]
    if node.num_nodes > 1:
        parts.append(f"{node.num_nodes} nodes")
    return ", ".join(parts)


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
