"""The history checker: does what is stored hold together? (design: section 3)

It trusts nothing that the engine keeps: counts are counted, counters computed anew, and the change log is replayed move
by move against the transition table and the dependencies. It only reads, and may run beside a live server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.status import ALLOWED, ENDED, JobStatus
from torc_server.store.batch import unpack

S = JobStatus

MOST = 20
"""Problems of one kind that are told."""

CLOCK_MS = 50
"""So much a clock may be put right between the end of a job and the start of the next one."""

_SETTLED = "workflow.state = 'visible' AND workflow.work IS NULL"
"""Neither being created, deleted, initialised nor reset: everything must be right."""

_COUNTS = f"""
SELECT workflow.id, each.status, kept.n, counted.n FROM workflow
JOIN (SELECT workflow_id, status FROM status_count UNION SELECT workflow_id, status FROM job) AS each
  ON each.workflow_id = workflow.id
LEFT JOIN status_count AS kept ON kept.workflow_id = workflow.id AND kept.status = each.status
LEFT JOIN (SELECT workflow_id, status, count(*) AS n FROM job GROUP BY workflow_id, status) AS counted
  ON counted.workflow_id = workflow.id AND counted.status = each.status
WHERE {_SETTLED} AND ifnull(kept.n, 0) <> ifnull(counted.n, 0) LIMIT ?
"""

_COUNTERS = f"""
SELECT job.name, job.id, job.unmet, job.bad, ifnull(told.unmet, 0), ifnull(told.bad, 0)
FROM job JOIN workflow ON workflow.id = job.workflow_id
LEFT JOIN (
  SELECT id, sum(unmet) AS unmet, sum(bad) AS bad FROM (
    SELECT edge.job_id AS id, parent.status NOT IN (5, 6, 7, 8, 9) AS unmet, parent.status IN (6, 7, 8, 9) AS bad
    FROM job_depends_on AS edge JOIN job AS parent ON parent.id = edge.depends_on_job_id
    UNION ALL
    SELECT edge.job_id, barrier.unmet > 0, barrier.unmet = 0 AND barrier.bad > 0
    FROM barrier_child AS edge JOIN barrier ON barrier.id = edge.barrier_id
  ) GROUP BY id
) AS told ON told.id = job.id
WHERE {_SETTLED} AND job.status NOT IN (0, 7, 9)
  AND (job.unmet <> ifnull(told.unmet, 0) OR job.bad <> ifnull(told.bad, 0)) LIMIT ?
"""

_BARRIERS = f"""
SELECT barrier.id, barrier.unmet, barrier.bad, told.unmet, told.bad
FROM barrier JOIN workflow ON workflow.id = barrier.workflow_id
JOIN (SELECT barrier_id AS id, sum(status NOT IN (5, 6, 7, 8, 9)) AS unmet, sum(status IN (6, 7, 8, 9)) AS bad
      FROM barrier_parent JOIN job ON job.id = job_id GROUP BY barrier_id) AS told ON told.id = barrier.id
WHERE {_SETTLED} AND (barrier.unmet <> told.unmet OR barrier.bad <> told.bad)
  AND EXISTS (SELECT 1 FROM barrier_child JOIN job ON job.id = job_id
              WHERE barrier_id = barrier.id AND status NOT IN (0, 7, 9)) LIMIT ?
"""

_DECIDED = f"""
SELECT job.name, job.id FROM job JOIN workflow ON workflow.id = job.workflow_id
WHERE {_SETTLED} AND job.status = 1 AND job.unmet = 0 LIMIT ?
"""

_HOLDERS = """
SELECT job.name, job.id, job.status, job.node_id, node.id IS NULL, node.uuid IS NOT NULL AND node.is_active IS NOT 1
FROM job JOIN workflow ON workflow.id = job.workflow_id AND workflow.state = 'visible'
LEFT JOIN compute_node AS node ON node.id = job.node_id AND node.workflow_id = job.workflow_id
WHERE job.node_id IS NOT NULL AND (job.status NOT IN (3, 4, 7) OR node.id IS NULL
  OR node.uuid IS NOT NULL AND node.is_active IS NOT 1) LIMIT ?
"""

_NOBODY = """
SELECT name, id, status FROM job WHERE status IN (3, 4) AND node_id IS NULL LIMIT ?
"""

_WITHOUT_RESULT = """
SELECT job.name, job.id FROM job LEFT JOIN result ON result.id = job.result_id AND result.job_id = job.id
JOIN workflow ON workflow.id = job.workflow_id AND workflow.state = 'visible'
WHERE (job.result_id IS NOT NULL AND result.id IS NULL OR job.status = 5 AND job.result_id IS NULL)
  AND job.workflow_id NOT IN (SELECT workflow_id FROM change WHERE kind = 'result' AND data ->> 'deleted') LIMIT ?
"""

_TWICE = """
SELECT job_id, run_id, attempt_id, count(*) FROM result
GROUP BY job_id, run_id, attempt_id HAVING count(*) > 1 LIMIT ?
"""

_FUTURE = """
SELECT job.name, job.id, result.run_id, result.attempt_id, workflow.run_id, job.attempt_id
FROM result JOIN job ON job.id = result.job_id JOIN workflow ON workflow.id = job.workflow_id
WHERE result.id = job.result_id AND result.start_ms IS NOT NULL
  AND (result.run_id > workflow.run_id OR result.run_id = workflow.run_id AND result.attempt_id > job.attempt_id)
LIMIT ?
"""

_BEFORE_PARENT = """
SELECT child.name, child.id, parent.name, first.end_ms - mine.start_ms
FROM result AS mine JOIN job AS child ON child.id = mine.job_id AND child.result_id = mine.id
JOIN job_depends_on AS edge ON edge.job_id = child.id JOIN job AS parent ON parent.id = edge.depends_on_job_id
JOIN (SELECT job_id, run_id, min(end_ms) AS end_ms, compute_node_id FROM result GROUP BY job_id, run_id) AS first
  ON first.job_id = parent.id AND first.run_id = mine.run_id
JOIN compute_node AS here ON here.id = mine.compute_node_id
JOIN compute_node AS there ON there.id = first.compute_node_id AND there.boot_id = here.boot_id
WHERE mine.start_ms < first.end_ms - ? LIMIT ?
"""


def check(conn: Connection, *, torc_clients: bool = True, one_clock: bool = True) -> list[str]:
    """Everything that is wrong in the database, a line each; empty when nothing is.

    `torc_clients` False: nobody claims without a lease, so a job that is with nobody is lost. `one_clock` False: the
    clocks of runners were changed meanwhile, so their times say nothing.
    """
    return [*_stored(conn, torc_clients, one_clock), *_replayed(conn)]


def _stored(conn: Connection, torc_clients: bool, one_clock: bool) -> Iterator[str]:
    for table, rowid, parent, _ in conn.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST):
        yield f"row {rowid} of {table} refers to a row of {parent} that does not exist"
    for workflow, status, kept, counted in _rows(conn, _COUNTS):
        yield f"workflow {workflow} keeps {kept or 0} jobs as {S(status).label}, there are {counted or 0}"
    for name, job, unmet, bad, told_unmet, told_bad in _rows(conn, _COUNTERS):
        yield (
            f"job {name!r} ({job}) counts {unmet} parents to wait for and {bad} without success,"
            f" there are {told_unmet} and {told_bad}"
        )
    for barrier, unmet, bad, told_unmet, told_bad in _rows(conn, _BARRIERS):
        yield (
            f"barrier {barrier} counts {unmet} parents to wait for and {bad} without success,"
            f" there are {told_unmet} and {told_bad}"
        )
    for name, job in _rows(conn, _DECIDED):
        yield f"job {name!r} ({job}) is blocked by nobody"
    for name, job, status, node, missing, inactive in _rows(conn, _HOLDERS):
        why = "does not exist" if missing else "is gone" if inactive else "should have let it go"
        yield f"job {name!r} ({job}) is {S(status).label} with compute node {node}, which {why}"
    for name, job, status in () if torc_clients else _rows(conn, _NOBODY):
        yield f"job {name!r} ({job}) is {S(status).label} with nobody"
    for name, job in _rows(conn, _WITHOUT_RESULT):
        yield f"job {name!r} ({job}) has lost its result"
    for job, run, attempt, n in _rows(conn, _TWICE):
        yield f"job {job} has {n} results for run {run}, attempt {attempt}"
    for name, job, run, attempt, run_now, attempt_now in _rows(conn, _FUTURE):
        yield (
            f"job {name!r} ({job}) has a result for run {run}, attempt {attempt}; it is at run {run_now},"
            f" attempt {attempt_now}"
        )
    for name, job, parent, ms in _rows(conn, _BEFORE_PARENT, CLOCK_MS) if one_clock else ():
        yield f"job {name!r} ({job}) started {ms} ms before job {parent!r} ended"


def _rows(conn: Connection, sql: str, *params: Any) -> list[Any]:
    return list(conn.exec_driver_sql(sql, (*params, MOST)).all())


_EDGES = """
SELECT edge.job_id, depends_on_job_id FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id
WHERE job.workflow_id = ?
"""
_BARRIERS_BEFORE = """
SELECT job_id, barrier_id FROM barrier JOIN barrier_child ON barrier_id = barrier.id WHERE workflow_id = ?
"""
_BARRIERS_AFTER = """
SELECT job_id, barrier_id FROM barrier JOIN barrier_parent ON barrier_id = barrier.id WHERE workflow_id = ?
"""


def _pairs(conn: Connection, sql: str, workflow: int) -> dict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for one, other in conn.exec_driver_sql(sql, (workflow,)):
        found[one].append(other)
    return found


def _under_way(status: JobStatus | None) -> bool:
    """Holds its dependents back. What is not initialised may have been added later than they were handed out."""
    return status not in ENDED and status not in (None, S.UNINITIALIZED)


class _History:
    """What the change log says of the jobs of one workflow, move by move."""

    def __init__(self, conn: Connection, workflow: int, names: dict[int, str]) -> None:
        self._names = names
        self._parents = _pairs(conn, _EDGES, workflow)
        self._barriers_before = _pairs(conn, _BARRIERS_BEFORE, workflow)
        self._barriers_after = _pairs(conn, _BARRIERS_AFTER, workflow)
        self._open: defaultdict[int, int] = defaultdict(int)
        """Of each barrier the parents that are known to be under way."""
        self.status: dict[int, JobStatus] = {}
        """As far as the log tells: it forgets after 14 days."""
        self.by_request: set[int] = set()
        """Jobs that somebody made ready, whatever their parents did."""
        self.runs: defaultdict[int, int] = defaultdict(int)
        """How often each job began to run since the last run of the workflow began."""

    def move(self, job: int, new: JobStatus, forced: bool) -> str | None:
        """Take one move; what is wrong with it, if anything."""
        old, self.status[job] = self.status.get(job), new
        self.runs[job] += new == S.RUNNING
        for barrier in self._barriers_after.get(job, ()):
            self._open[barrier] += _under_way(new) - _under_way(old)
        if forced or old is None or old == new:
            if forced and new == S.READY:
                self.by_request.add(job)
            return None
        if new not in ALLOWED[old]:
            return f"job {self._names[job]!r} ({job}) went from {old.label} to {new.label}"
        if new != S.PENDING:
            self.by_request.discard(job)
            return None
        parent = None if job in self.by_request else self.waits_for(job)
        return parent and f"job {self._names[job]!r} ({job}) was handed out while {parent}"

    def waits_for(self, job: int) -> str | None:
        """A parent that has not ended, and what it is; None when there is none, or none that is known."""
        for parent in self._parents.get(job, ()):
            status = self.status.get(parent)
            if status is not None and _under_way(status):
                return f"{self._names[parent]!r} was {status.label}"
        for barrier in self._barriers_before.get(job, ()):
            if self._open[barrier]:
                return f"{self._open[barrier]} parents of barrier {barrier} were under way"
        return None


def _replayed(conn: Connection) -> Iterator[str]:
    workflows = conn.exec_driver_sql("SELECT id FROM workflow WHERE state = 'visible' ORDER BY id").scalars().all()
    for workflow in workflows:
        jobs = conn.exec_driver_sql(
            "SELECT id, name, status, attempt_id FROM job WHERE workflow_id = ?", (workflow,)
        ).all()
        history = _History(conn, workflow, {row[0]: row[1] for row in jobs})
        problems = list(_replay(conn, workflow, history, {row[0] for row in jobs}))
        for job, name, status, attempt in jobs:
            told = history.status.get(job, S(status))
            if told != status:
                problems.append(f"job {name!r} ({job}) is {S(status).label}, the change log ends with {told.label}")
            elif status == S.READY and job not in history.by_request and (parent := history.waits_for(job)):
                problems.append(f"job {name!r} ({job}) is ready while {parent}")
            if history.runs[job] > attempt:
                problems.append(f"job {name!r} ({job}) ran {history.runs[job]} times in {attempt} attempts")
        yield from problems[:MOST]


def _replay(conn: Connection, workflow: int, history: _History, jobs: set[int]) -> Iterator[str]:
    changes = conn.exec_driver_sql(
        "SELECT kind, data FROM change WHERE workflow_id = ? AND kind IN ('jobs', 'workflow') ORDER BY id", (workflow,)
    )
    for kind, text in changes:
        data = msgspec.json.decode(text)
        if kind == "workflow":
            if "run_id" in data:
                history.runs.clear()
            continue
        status, forced = S.from_label(data["status"]), data.get("forced", False)
        for job in unpack(data["ids"]):
            problem = history.move(job, status, forced) if job in jobs else None
            if problem is not None:
                yield problem
