"""The plan of a workflow as it is stored: its stages, each of the jobs whose parents are all in stages before it."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from torc_core.models.console import TablePage
from torc_core.models.status import JobStatus
from torc_core.wording import names_text
from torc_server.api.table_pages import TableQuery, check_limit
from torc_server.errors import Invalid
from torc_server.store.batch import driver_connection

KEPT = 8
"""So many workflows' stages are kept."""

_SHAPE = (
    "SELECT (SELECT count(*) FROM job WHERE workflow_id = ?1), (SELECT max(id) FROM job WHERE workflow_id = ?1),"
    " (SELECT count(*) FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id WHERE job.workflow_id = ?1),"
    " (SELECT count(*) FROM barrier JOIN barrier_parent ON barrier_id = id WHERE workflow_id = ?1),"
    " (SELECT count(*) FROM barrier JOIN barrier_child ON barrier_id = id WHERE workflow_id = ?1),"
    " (SELECT max(id) FROM change WHERE workflow_id = ?1 AND kind = 'job')"
)
"""What changes whenever jobs or dependencies come, go, or become others."""

_NAMES = "SELECT id, name FROM job WHERE workflow_id = ? ORDER BY id"
_STATUSES = "SELECT id, status FROM job WHERE workflow_id = ?"

_EDGES = (
    "SELECT edge.depends_on_job_id, edge.job_id FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id"
    " WHERE job.workflow_id = ?1"
    " UNION ALL SELECT job_id, -barrier_id FROM barrier JOIN barrier_parent ON barrier_id = id WHERE workflow_id = ?1"
    " UNION ALL SELECT -barrier_id, job_id FROM barrier JOIN barrier_child ON barrier_id = id WHERE workflow_id = ?1"
)
"""Pairs (before, after); barriers are negative."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Jobs that can run at the same time."""

    ids: array[int]
    names: str


@dataclass(slots=True)
class Plans:
    """The stages of workflows that were looked at last. Used by the readers' threads."""

    _known: dict[int, tuple[tuple[int, ...], list[Stage]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stages(self, conn: Connection, workflow_id: int) -> list[Stage]:
        """Computed anew only when jobs or dependencies have come or gone, or a job was updated."""
        shape = tuple(conn.exec_driver_sql(_SHAPE, (workflow_id,)).one())
        with self._lock:
            known = self._known.get(workflow_id)
        if known is None or known[0] != shape:
            jobs: dict[int, str] = dict(_pairs(conn, _NAMES, workflow_id))
            by_stage = stages(jobs, _pairs(conn, _EDGES, workflow_id))
            known = shape, [Stage(array("q", ids), names_text(jobs[each] for each in ids)) for ids in by_stage]
            with self._lock:
                self._known.pop(workflow_id, None)
                while len(self._known) >= KEPT:
                    del self._known[next(iter(self._known))]
                self._known[workflow_id] = known
        return known[1]


def stages(jobs: Iterable[int], edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The jobs by stage, in the order in which they are given.

    Edges lead from what is first to what follows; a barrier, a negative node, is in no stage itself. Jobs that wait for
    each other in a circle are in none.
    """
    order = list(jobs)
    waits = dict.fromkeys(order, 0)
    after: dict[int, list[int]] = {}
    for before, then in edges:
        waits[then] = waits.get(then, 0) + 1
        after.setdefault(before, []).append(then)
    stage = dict.fromkeys((node for node, count in waits.items() if not count), 0)
    ready = list(stage)
    for node in ready:
        following = stage[node] + (node > 0)
        for child in after.get(node, ()):
            if stage.get(child, 0) <= following:
                stage[child] = following
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    placed = [job for job in order if not waits[job]]
    by_stage: list[list[int]] = [[] for _ in range(max((stage[job] for job in placed), default=-1) + 1)]
    for job in placed:
        by_stage[stage[job]].append(job)
    return by_stage


def plan_page(conn: Connection, plans: Plans, workflow_id: int, ask: TableQuery) -> TablePage:
    """A page of stages with their jobs by status. Invalid for a filter or another order than that of the stages."""
    check_limit(ask)
    if ask.filter:
        raise Invalid("the plan takes no filter; the jobs do")
    if ask.sort not in ("id", "-id"):
        raise Invalid(f"the plan cannot be sorted by {ask.sort!r}, only by id, the number of the stage")
    found = plans.stages(conn, workflow_id)
    status: dict[int, int] = dict(_pairs(conn, _STATUSES, workflow_id))
    total = len(found)
    order = range(total, 0, -1) if ask.sort == "-id" else range(1, total + 1)
    offset, anchor = max(ask.offset, 0), None
    if ask.anchor is not None and 0 < ask.anchor <= total:
        anchor = order.index(ask.anchor)
        offset = max(0, anchor - ask.before)
    items = [_row(number, found[number - 1], status) for number in order[offset : offset + ask.limit]]
    return TablePage(items=items, offset=offset, total=total, everything=total, anchor=anchor)


def _pairs(conn: Connection, sql: str, workflow_id: int) -> Iterator[tuple[Any, Any]]:
    """Rows as SQLite gives them: there are very many, and SQLAlchemy's cost four times as much."""
    rows: Iterator[tuple[Any, Any]] = driver_connection(conn).execute(sql, (workflow_id,))
    return rows


def _row(number: int, stage: Stage, status: dict[int, int]) -> dict[str, Any]:
    counts = Counter(map(status.get, stage.ids))
    labels = {JobStatus(code).label: n for code, n in counts.items() if code is not None}
    return {"id": number, "jobs": len(stage.ids), "counts": labels, "names": stage.names, "first": stage.ids[0]}
