"""Making jobs ready or blocked (server.md 5.1, with its defects mended: jobs that run or ended are left alone)."""

from __future__ import annotations

from sqlalchemy import Connection

from torc_core.models.status import ACTIVE, JobStatus
from torc_server.engine import actions
from torc_server.engine.graph import below, recount, recount_barriers
from torc_server.engine.inputs import keep_hashes
from torc_server.engine.transition import Row, new_attempt, set_status
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch, json_text

EVERY = (0, 1 << 62)
"""The range of all job ids."""

_IMPLIED = """
SELECT consumer.job_id, producer.job_id
FROM job_input_{kind} AS consumer JOIN job_output_{kind} AS producer ON producer.{kind}_id = consumer.{kind}_id
JOIN job ON job.id = consumer.job_id
WHERE job.workflow_id = ?1 AND job.id BETWEEN ?2 AND ?3 AND consumer.job_id <> producer.job_id
"""


def implied(kind: str) -> str:
    """A SELECT of (job, one that it waits for) as files or user data imply them; workflow ?1, id range ?2 to ?3."""
    return _IMPLIED.format(kind=kind)


def initialize(batch: Batch, workflow_id: int, only_uninitialized: bool = False) -> int:
    """Add the dependencies that files and user data imply, set the counters, and put uninitialized jobs to work.

    With `only_uninitialized` everything below an uninitialized job is uninitialized first, so that it runs again.
    Without it, jobs that failed to get an end (terminated, pending_failed) are put to work too, as in torc, and those
    that were claimed without a lease and never started are ready again.
    Returns how many jobs became blocked or ready. Raises NotFound, and Invalid when the dependencies form a cycle.
    """
    if batch.run("SELECT 1 FROM workflow WHERE id = ?", workflow_id).one_or_none() is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    refuse_cycle(batch.conn, workflow_id)
    actions.reset(batch, workflow_id)
    imply(batch, workflow_id, *EVERY)
    uninitialize(batch, to_run_again(batch.conn, workflow_id, only_uninitialized))
    if not only_uninitialized:
        release_claims(batch, workflow_id)
    n = start(batch, workflow_id, *EVERY)
    actions.arm(batch, workflow_id)
    return n


def imply(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Store the dependencies that files and user data imply for the jobs of an id range."""
    for kind in ("file", "user_data"):
        batch.run(
            "INSERT OR IGNORE INTO job_depends_on (job_id, depends_on_job_id)" + implied(kind),
            workflow_id,
            first,
            last,
        )


def to_run_again(conn: Connection, workflow_id: int, only_uninitialized: bool) -> list[Row]:
    """What an initialisation takes back before it starts: see `initialize`."""
    if only_uninitialized:
        begin = conn.exec_driver_sql("SELECT id FROM job WHERE workflow_id = ? AND status = 0", (workflow_id,))
        return rows_below(conn, list(begin.scalars()))
    rows = conn.exec_driver_sql(
        "SELECT id, status FROM job WHERE workflow_id = ? AND status IN (8, 10)", (workflow_id,)
    )
    return [(row[0], workflow_id, JobStatus(row[1])) for row in rows]


def release_claims(batch: Batch, workflow_id: int) -> None:
    """Jobs that were claimed without a lease and never started are ready again."""
    sql = "SELECT id FROM job WHERE workflow_id = ? AND status = 3 AND node_id IS NULL"
    claimed = batch.run(sql, workflow_id).scalars().all()
    set_status(batch, [(job, workflow_id, JobStatus.PENDING) for job in claimed], JobStatus.READY)


def start(batch: Batch, workflow_id: int, first: int, last: int) -> int:
    """Set the counters of the jobs of an id range; the uninitialized ones become ready, blocked, or canceled.

    So do blocked ones that wait for nobody and ready ones that have to wait. Returns how many there were.
    """
    count_parents(batch, workflow_id, first, last)
    rows = batch.run(
        "SELECT id, status, unmet, bad AND cancel_on_blocking_job_failure FROM job"
        " WHERE workflow_id = ? AND id BETWEEN ? AND ?"
        " AND (status = 0 OR status = 1 AND unmet = 0 OR status = 2 AND unmet > 0)",
        workflow_id,
        first,
        last,
    ).all()
    set_status(batch, [(r[0], workflow_id, r[1]) for r in rows if r[2]], JobStatus.BLOCKED)
    set_status(batch, [(r[0], workflow_id, r[1]) for r in rows if not r[2] and r[3]], JobStatus.CANCELED)
    set_status(batch, [(r[0], workflow_id, r[1]) for r in rows if not r[2] and not r[3]], JobStatus.READY)
    keep_hashes(batch, workflow_id, first, last)
    actions.recount(batch, workflow_id, first, last)
    return len(rows)


def count_parents(batch: Batch, workflow_id: int, first: int, last: int) -> None:
    """Compute the counters of the jobs of an id range anew; with the first range also those of all barriers."""
    if first <= 1:
        recount_barriers(batch, "SELECT id FROM barrier WHERE workflow_id = ?", workflow_id)
    recount(batch, "SELECT id FROM job WHERE workflow_id = ?1 AND id BETWEEN ?2 AND ?3", workflow_id, first, last)


def rows_below(conn: Connection, job_ids: list[int]) -> list[Row]:
    """Jobs at any depth below these that are neither uninitialized, disabled nor with a runner."""
    rows = conn.exec_driver_sql(
        below("SELECT value FROM json_each(?1)")
        + " SELECT job.id, job.workflow_id, job.status FROM below JOIN job ON job.id = below.id"
        " WHERE job.status NOT IN (0, 3, 4, 9)",
        (json_text(job_ids),),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def uninitialize(batch: Batch, rows: list[Row]) -> None:
    """Back to the start: no status, no current result; what is with a runner is stopped, by way of canceled.

    Their dependents' counters are the caller's to recount.
    """
    if not rows:
        return
    ids = [row[0] for row in rows]
    new_attempt(batch, ids)
    active = [row for row in rows if row[2] in ACTIVE]
    set_status(batch, active, JobStatus.CANCELED)
    for row in active:
        batch.ended.pop(row[0], None)  # taken back at once: nobody below is to hear of it
    canceled = JobStatus.CANCELED
    back = [(row[0], row[1], canceled if row[2] in ACTIVE else row[2]) for row in rows]
    set_status(batch, back, JobStatus.UNINITIALIZED, release=True)
    batch.run(
        "UPDATE job SET result_id = NULL, start_ms = NULL, ready_ms = NULL, lost = 0, lost_node_id = NULL, retries = 0,"
        " canceled_by_user = 0"
        " WHERE id IN (SELECT value FROM json_each(?))",
        batch.json(ids),
    )


MOST_IMPLIED = 2_000_000
"""So many dependencies may follow from files, and as many from user data (torc_core/spec/sizes.py)."""

_PRODUCTS = """
SELECT sum(made.n * used.n) FROM (
  SELECT {kind}_id, count(*) AS n FROM job_output_{kind} JOIN job ON job.id = job_id WHERE workflow_id = ?1 GROUP BY 1
) AS made JOIN (
  SELECT {kind}_id, count(*) AS n FROM job_input_{kind} JOIN job ON job.id = job_id WHERE workflow_id = ?1 GROUP BY 1
) AS used ON used.{kind}_id = made.{kind}_id
"""


def refuse_cycle(conn: Connection, workflow_id: int) -> None:
    """Raise Invalid with the path when dependencies, stored or implied, form a cycle: such jobs would wait for ever.

    Also when files or user data imply more than MOST_IMPLIED.
    """
    for kind in ("file", "user_data"):
        products = conn.exec_driver_sql(_PRODUCTS.format(kind=kind), (workflow_id,)).scalar_one() or 0
        if products > MOST_IMPLIED:
            raise Invalid(
                f"{kind} relations imply {products:,} dependencies, a workflow may have {MOST_IMPLIED:,}: put one job"
                " between those that write and those that read"
            )
    children: dict[int, list[int]] = {}
    waiting: dict[int, int] = {}
    edges = conn.exec_driver_sql(
        "SELECT edge.job_id, edge.depends_on_job_id FROM job JOIN job_depends_on AS edge ON edge.job_id = job.id"
        " WHERE job.workflow_id = ?1"
        f" UNION {implied('file')} UNION {implied('user_data')}"
        # a barrier is a stop on the way, under its negative id
        " UNION SELECT -barrier_id, job_id FROM barrier_parent JOIN barrier ON barrier.id = barrier_id"
        "  WHERE workflow_id = ?1"
        " UNION SELECT job_id, -barrier_id FROM barrier_child JOIN barrier ON barrier.id = barrier_id"
        "  WHERE workflow_id = ?1",
        (workflow_id, *EVERY),
    )
    for child, parent in edges:
        children.setdefault(parent, []).append(child)
        waiting[child] = waiting.get(child, 0) + 1
    free = [job for job in children if job not in waiting]
    while free:
        for child in children.pop(free.pop(), ()):
            waiting[child] -= 1
            if not waiting[child]:
                del waiting[child]
                free.append(child)
    if waiting:
        raise Invalid(f"dependencies form a cycle: {_cycle_path(conn, children, waiting)}")


def _cycle_path(conn: Connection, children: dict[int, list[int]], waiting: dict[int, int]) -> str:
    """One cycle by names; every job in `waiting` is in one or below one, so walk up until a job comes again."""
    parent_of = {child: parent for parent, below in children.items() for child in below if child in waiting}
    job = next(iter(waiting))
    seen: dict[int, int] = {}
    while job not in seen:
        seen[job] = len(seen)
        job = parent_of[job]
    path = [each for each in [*list(seen)[seen[job] :], job][::-1] if each > 0]
    if path[0] != path[-1]:  # it began at a barrier
        path.append(path[0])
    shown = path if len(path) <= 12 else [*path[:11], path[-1]]
    rows = conn.exec_driver_sql(
        "SELECT id, name FROM job WHERE id IN (SELECT value FROM json_each(?))", (json_text(shown),)
    )
    names: dict[int, str] = {row[0]: row[1] for row in rows}
    parts = [names[i] for i in shown]
    if len(path) > 12:
        parts.insert(11, "…")
    return " -> ".join(parts)
