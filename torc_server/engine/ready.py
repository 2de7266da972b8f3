"""The classes of ready jobs: distinct (requirement, scheduler) pairs. Claims look at these, not at every ready job."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sqlalchemy import Connection


class ReadyClass(NamedTuple):
    """What the ready jobs of one class need; memory in bytes, runtime in seconds."""

    requirements_id: int
    scheduler_id: int | None
    name: str
    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int
    runtime_s: int
    priority: int
    """Of its first job."""
    first_id: int

    @property
    def key(self) -> tuple[int, int | None]:
        return self.requirements_id, self.scheduler_id


class Offer(Protocol):
    """Something that has resources: a node's total, or what is free of it."""

    num_cpus: int
    memory_bytes: int
    num_gpus: int
    num_nodes: int


SORT: dict[str, Callable[[ReadyClass], tuple[int, ...]]] = {
    "gpus_runtime_memory": lambda c: (-c.num_gpus, -c.runtime_s, -c.memory_bytes, -c.num_cpus),
    "gpus_memory_runtime": lambda c: (-c.num_gpus, -c.memory_bytes, -c.runtime_s, -c.num_cpus),
    "none": lambda _: (),
}
"""Order of claiming (server.md 4.2); job priority comes before it, the job's id after it."""

# Both recursions hop through the index of ready jobs, one seek for each distinct value.
_CLASSES = """
WITH RECURSIVE
  req(id) AS (
    SELECT min(resource_requirements_id) FROM job WHERE workflow_id = ?1 AND status = 2
    UNION ALL
    SELECT (SELECT min(resource_requirements_id) FROM job
            WHERE workflow_id = ?1 AND status = 2 AND resource_requirements_id > req.id)
    FROM req WHERE req.id IS NOT NULL),
  sched(req, id) AS (
    SELECT req.id, (SELECT min(scheduler_id) FROM job
                    WHERE workflow_id = ?1 AND status = 2 AND resource_requirements_id = req.id)
    FROM req WHERE req.id IS NOT NULL
    UNION ALL
    SELECT sched.req, (SELECT min(scheduler_id) FROM job
                       WHERE workflow_id = ?1 AND status = 2 AND resource_requirements_id = sched.req
                         AND scheduler_id > sched.id)
    FROM sched WHERE sched.id IS NOT NULL),
  class(req, sched) AS (
    SELECT req, id FROM sched WHERE id IS NOT NULL
    UNION ALL
    SELECT id, NULL FROM req WHERE id IS NOT NULL)
SELECT r.id, class.sched, r.name, r.num_cpus, r.memory_bytes, r.num_gpus, r.num_nodes, r.runtime_s,
       head.priority, head.id
FROM class JOIN resource_requirements AS r ON r.id = class.req
JOIN job AS head ON head.id = (
  SELECT id FROM job WHERE workflow_id = ?1 AND status = 2 AND resource_requirements_id = class.req
    AND scheduler_id IS class.sched ORDER BY priority DESC, id LIMIT 1)
"""


def ready_classes(conn: Connection, workflow_id: int, sort_method: str) -> list[ReadyClass]:
    """The classes that have ready jobs, in the order in which they are to be claimed."""
    classes = map(ReadyClass._make, conn.exec_driver_sql(_CLASSES, (workflow_id,)).all())
    order = SORT[sort_method]
    return sorted(classes, key=lambda c: (-c.priority, *order(c), c.first_id))


def first_jobs(conn: Connection, workflow_id: int, cls: ReadyClass, limit: int) -> list[int]:
    """The next `limit` job ids of a class: higher priority first, then the older."""
    return list(
        conn.exec_driver_sql(
            "SELECT id FROM job WHERE workflow_id = ? AND status = 2 AND resource_requirements_id = ?"
            " AND scheduler_id IS ? ORDER BY priority DESC, id LIMIT ?",
            (workflow_id, cls.requirements_id, cls.scheduler_id, limit),
        ).scalars()
    )


def fits(cls: ReadyClass, offer: Offer) -> bool:
    """One job of the class fits what is offered. Nodes count only for jobs that need several (server.md 4.2)."""
    return (
        cls.num_cpus <= offer.num_cpus
        and cls.memory_bytes <= offer.memory_bytes
        and cls.num_gpus <= offer.num_gpus
        and cls.num_nodes <= offer.num_nodes
    )


def how_many_fit(cls: ReadyClass, offer: Offer, limit: int) -> int:
    """How many jobs of the class fit what is offered, `limit` at most."""
    n = limit
    pairs = [
        (cls.num_cpus, offer.num_cpus),
        (cls.memory_bytes, offer.memory_bytes),
        (cls.num_gpus, offer.num_gpus),
        (cls.num_nodes if cls.num_nodes > 1 else 0, offer.num_nodes),
    ]
    for need, have in pairs:
        if need > 0:
            n = min(n, have // need)
    return max(n, 0) if cls.num_nodes <= max(offer.num_nodes, 1) else 0
