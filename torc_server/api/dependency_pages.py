"""Pages of a workflow's dependencies: the stored edges, then what its barriers stand for, computed, never stored."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

Pair = tuple[int, str, int, str]
"""(job, its name, a job that it depends on, its name)"""

_EDGES = """
SELECT edge.job_id, job.name, edge.depends_on_job_id, parent.name
FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id JOIN job AS parent ON parent.id = edge.depends_on_job_id
WHERE job.workflow_id = ? ORDER BY edge.job_id, edge.depends_on_job_id LIMIT ? OFFSET ?
"""

_EDGE_COUNT = """
SELECT count(*) FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id WHERE job.workflow_id = ?
"""

_BARRIERS = """
SELECT id, (SELECT count(*) FROM barrier_parent WHERE barrier_id = barrier.id),
  (SELECT count(*) FROM barrier_child WHERE barrier_id = barrier.id) FROM barrier WHERE workflow_id = ? ORDER BY id
"""

_SIDE = """
SELECT job.id, job.name FROM {side} AS edge JOIN job ON job.id = edge.job_id
WHERE edge.barrier_id = ? ORDER BY edge.job_id LIMIT ? OFFSET ?
"""


def pairs(conn: Connection, workflow_id: int, offset: int, limit: int) -> tuple[list[Pair], int]:
    """The pairs from `offset` on, `limit` at most, and how many there are in all."""
    total = stored = conn.exec_driver_sql(_EDGE_COUNT, (workflow_id,)).scalar_one()
    found: list[Pair] = []
    if offset < stored:
        found += [tuple(row) for row in conn.exec_driver_sql(_EDGES, (workflow_id, limit, offset))]
    for barrier, parents, children in conn.exec_driver_sql(_BARRIERS, (workflow_id,)).all():
        first = offset + len(found) - total
        if len(found) < limit and first < parents * children:
            found += _of_barrier(conn, barrier, parents, children, first, limit - len(found))
        total += parents * children
    return found, total


def _of_barrier(conn: Connection, barrier: int, parents: int, children: int, first: int, limit: int) -> Iterator[Pair]:
    """Child by child its pairs with every parent, from the `first` on."""
    last = min(first + limit, parents * children)
    begin = first // parents
    rows = conn.exec_driver_sql(_SIDE.format(side="barrier_child"), (barrier, -(-last // parents) - begin, begin)).all()
    for number, child in enumerate(rows, begin):
        low, high = max(first - number * parents, 0), min(last - number * parents, parents)
        for parent in conn.exec_driver_sql(_SIDE.format(side="barrier_parent"), (barrier, high - low, low)):
            yield child[0], child[1], parent[0], parent[1]
