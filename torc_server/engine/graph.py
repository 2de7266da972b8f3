"""The dependencies of jobs as the database holds them: edges, barriers, and the two counters that they feed.

All-of-A before all-of-B is stored through a barrier (A + B rows, not A * B): it ends when its last parent has ended,
and counts as one parent of each of its children, a bad one when any of its own did not succeed. It carries the same two
counters as a job.
"""

from __future__ import annotations

from sqlalchemy import Connection

from torc_server.store.batch import Batch

_NOT_ENDED = "NOT IN (5, 6, 7, 8, 9)"
_BAD = "IN (6, 7, 8, 9)"


def below(start: str, gate: str = "") -> str:
    """`WITH RECURSIVE below(id)`: all jobs at any depth below those that `start` (a SELECT of ids) names.

    `gate` is a condition on `job` that a job must meet to be in it and to be walked through. Barriers are walked
    through as negative ids: they fall out when `below` is joined with jobs.
    """
    job = f" JOIN job ON job.id = edge.job_id AND {gate}" if gate else ""
    return (
        "WITH RECURSIVE below(id) AS ("
        f" SELECT edge.job_id FROM job_depends_on AS edge{job} WHERE edge.depends_on_job_id IN ({start})"
        f" UNION SELECT -barrier_id FROM barrier_parent WHERE job_id IN ({start})"
        f" UNION SELECT edge.job_id FROM below JOIN job_depends_on AS edge ON edge.depends_on_job_id = below.id{job}"
        " UNION SELECT -edge.barrier_id FROM below JOIN barrier_parent AS edge ON edge.job_id = below.id"
        f" UNION SELECT edge.job_id FROM below JOIN barrier_child AS edge ON edge.barrier_id = -below.id{job})"
    )


CHILDREN = (
    "SELECT job_id FROM job_depends_on WHERE depends_on_job_id IN (SELECT value FROM json_each(?1))"
    " UNION SELECT job_id FROM barrier_child WHERE barrier_id IN ("
    "  SELECT barrier_id FROM barrier_parent WHERE job_id IN (SELECT value FROM json_each(?1)))"
)
"""Ids of the jobs directly below those in a JSON array."""

PARENTS = (
    "SELECT depends_on_job_id FROM job_depends_on WHERE job_id = ?1"
    " UNION SELECT parent.job_id FROM barrier_child AS child"
    " JOIN barrier_parent AS parent ON parent.barrier_id = child.barrier_id WHERE child.job_id = ?1"
)
"""Ids of the jobs directly above one."""


def recount(batch: Batch, jobs_sql: str, *params: object) -> None:
    """Compute both counters anew for the jobs that `jobs_sql` (a SELECT of ids, parameters as ?1) names.

    Those of barriers must be right.
    """
    batch.run(f"UPDATE job SET unmet = 0, bad = 0 WHERE (unmet <> 0 OR bad <> 0) AND id IN ({jobs_sql})", *params)
    batch.run(
        "UPDATE job SET unmet = told.unmet, bad = told.bad FROM ("
        " SELECT id, sum(unmet) AS unmet, sum(bad) AS bad FROM ("
        f"  SELECT edge.job_id AS id, parent.status {_NOT_ENDED} AS unmet, parent.status {_BAD} AS bad"
        "   FROM job_depends_on AS edge JOIN job AS parent ON parent.id = edge.depends_on_job_id"
        f"  WHERE edge.job_id IN ({jobs_sql})"
        "   UNION ALL SELECT edge.job_id, barrier.unmet > 0, barrier.unmet = 0 AND barrier.bad > 0"
        "   FROM barrier_child AS edge JOIN barrier ON barrier.id = edge.barrier_id"
        f"  WHERE edge.job_id IN ({jobs_sql})) GROUP BY id"
        ") AS told WHERE job.id = told.id",
        *params,
    )


def recount_around(batch: Batch, job_ids: list[int]) -> None:
    """Compute the counters anew for these jobs, their barriers, and the jobs that depend on them."""
    told = batch.json(job_ids)
    changed = recount_barriers(
        batch, "SELECT barrier_id FROM barrier_parent WHERE job_id IN (SELECT value FROM json_each(?))", told
    )
    recount(
        batch,
        "SELECT value FROM json_each(?1)"
        " UNION SELECT job_id FROM job_depends_on WHERE depends_on_job_id IN (SELECT value FROM json_each(?1))"
        " UNION SELECT job_id FROM barrier_child WHERE barrier_id IN (SELECT value FROM json_each(?2))",
        told,
        batch.json(changed),
    )


def recount_barriers(batch: Batch, barriers_sql: str, *params: object) -> list[int]:
    """Compute the counters anew of the barriers that `barriers_sql` names; returns those that children must hear of."""
    word = f"SELECT id, unmet > 0, unmet = 0 AND bad > 0 FROM barrier WHERE id IN ({barriers_sql})"
    before = set(map(tuple, batch.run(word, *params)))
    if not before:
        return []
    batch.run(f"UPDATE barrier SET unmet = 0, bad = 0 WHERE id IN ({barriers_sql})", *params)
    batch.run(
        "UPDATE barrier SET unmet = told.unmet, bad = told.bad FROM ("
        f" SELECT edge.barrier_id AS id, sum(parent.status {_NOT_ENDED}) AS unmet, sum(parent.status {_BAD}) AS bad"
        " FROM barrier_parent AS edge JOIN job AS parent ON parent.id = edge.job_id"
        f" WHERE edge.barrier_id IN ({barriers_sql}) GROUP BY edge.barrier_id"
        ") AS told WHERE barrier.id = told.id",
        *params,
    )
    return [row[0] for row in batch.run(word, *params) if tuple(row) not in before]


def count_down(batch: Batch, ended: dict[int, bool]) -> list[tuple[int, int, int, int, int, int]]:
    """Tell the direct dependents of jobs that ended (id -> success).

    Returns the dependents as they are now: (id, workflow, status, unmet, bad, cancel_on_blocking_job_failure).
    """
    told = batch.json([[job, not good] for job, good in ended.items()])
    returning = " RETURNING id, workflow_id, status, unmet, bad, cancel_on_blocking_job_failure"
    rows = batch.run(
        "UPDATE job SET unmet = unmet - told.ended, bad = bad + told.failed FROM ("
        "  SELECT edge.job_id AS id, count(*) AS ended, sum(parent.value ->> 1) AS failed"
        "  FROM json_each(?) AS parent JOIN job_depends_on AS edge ON edge.depends_on_job_id = parent.value ->> 0"
        "  GROUP BY edge.job_id"
        ") AS told WHERE job.id = told.id" + returning,
        told,
    ).all()
    found = {row[0]: tuple(row) for row in rows}
    if opened := count_down_barriers(batch, ended):
        rows = batch.run(
            "UPDATE job SET unmet = unmet - told.ended, bad = bad + told.failed FROM ("
            "  SELECT edge.job_id AS id, count(*) AS ended, sum(opened.value ->> 1) AS failed"
            "  FROM json_each(?) AS opened JOIN barrier_child AS edge ON edge.barrier_id = opened.value ->> 0"
            "  GROUP BY edge.job_id"
            ") AS told WHERE job.id = told.id" + returning,
            batch.json(opened),
        ).all()
        found |= {row[0]: tuple(row) for row in rows}
    return list(found.values())


def count_down_barriers(batch: Batch, ended: dict[int, bool]) -> list[list[int]]:
    """Tell the barriers below jobs that ended (id -> success); returns [id, bad] of those that open."""
    rows = batch.run(
        "UPDATE barrier SET unmet = unmet - told.ended, bad = bad + told.failed FROM ("
        "  SELECT edge.barrier_id AS id, count(*) AS ended, sum(parent.value ->> 1) AS failed"
        "  FROM json_each(?) AS parent JOIN barrier_parent AS edge ON edge.job_id = parent.value ->> 0"
        "  GROUP BY edge.barrier_id"
        ") AS told WHERE barrier.id = told.id RETURNING id, unmet, bad > 0",
        batch.json([[job, not good] for job, good in ended.items()]),
    ).all()
    return [[row[0], row[2]] for row in rows if row[1] == 0]


def waits_for(conn: Connection, job_id: int) -> tuple[int, int]:
    """(parents not yet ended, parents in all) of a job, those behind barriers counted one by one."""
    row = conn.exec_driver_sql(
        f"SELECT ifnull(sum(unmet), 0), ifnull(sum(n), 0) FROM ("
        f" SELECT sum(parent.status {_NOT_ENDED}) AS unmet, count(*) AS n FROM job_depends_on AS edge"
        " JOIN job AS parent ON parent.id = edge.depends_on_job_id WHERE edge.job_id = ?1"
        " UNION ALL SELECT barrier.unmet, (SELECT count(*) FROM barrier_parent WHERE barrier_id = barrier.id)"
        " FROM barrier_child AS edge JOIN barrier ON barrier.id = edge.barrier_id WHERE edge.job_id = ?1)",
        (job_id,),
    ).one()
    return int(row[0]), int(row[1])
