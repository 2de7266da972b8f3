"""Changing many jobs of a workflow: canceling, disabling, enabling them, a portion at a time; and what that would do.

Every portion looks at the jobs as they then are: what has moved on meanwhile is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum

import msgspec
from sqlalchemy import Connection

from torc_core.models.job_changes import ChangeTold
from torc_core.models.status import ACTIVE, WAITING, JobStatus
from torc_server.engine.cancel import cancel_rows
from torc_server.engine.graph import below, recount_around
from torc_server.engine.inputs import keep_hashes_of
from torc_server.engine.transition import Row, set_status
from torc_server.engine.unblock import CANCELED_FROM_UPSTREAM, block_again
from torc_server.errors import Conflict, Invalid, NotFound
from torc_server.store.batch import Batch, json_text

PORTION = 1_000
"""Jobs changed in one transaction."""

SHOWN = 20
"""So many names are told."""


class Change(Enum):
    """What can be done to many jobs at once."""

    CANCEL = "cancel"
    DISABLE = "disable"
    ENABLE = "enable"
    EDIT = "edit"


CAN: dict[Change, frozenset[JobStatus]] = {
    Change.CANCEL: WAITING | ACTIVE,
    Change.DISABLE: WAITING,
    Change.ENABLE: frozenset({JobStatus.DISABLED}),
    Change.EDIT: frozenset(JobStatus) - ACTIVE,
}
"""The statuses in which a job can be changed so."""


class Scope(msgspec.Struct):
    """Ids of the jobs that a change is done to, ascending, and what is told of it."""

    ids: list[int]
    told: ChangeTold


def scope(conn: Connection, workflow_id: int, ids: Sequence[int], change: Change) -> Scope:
    """Look at the jobs that are meant. NotFound, Invalid (the workflow is archived), Conflict (worked on, canceled)."""
    _may_change(conn, workflow_id, change)
    rows = conn.exec_driver_sql(
        "SELECT job.id, job.name, job.status FROM json_each(?) AS asked CROSS JOIN job ON job.id = asked.value"
        " WHERE job.workflow_id = ? ORDER BY job.id",
        (json_text(list(ids)), workflow_id),
    ).all()
    can = CAN[change]
    fit = [row for row in rows if JobStatus(row[2]) in can]
    told = ChangeTold(
        jobs=len(fit),
        by_status=_by_status([row[2] for row in fit]),
        names=[row[1] for row in fit[:SHOWN]],
        left_out=_by_status([row[2] for row in rows if JobStatus(row[2]) not in can]),
        below=_below(conn, [row[0] for row in fit], change),
    )
    return Scope([row[0] for row in fit], told)


def _may_change(conn: Connection, workflow_id: int, change: Change) -> None:
    row = conn.exec_driver_sql(
        "SELECT name, is_archived, work, is_canceled FROM workflow WHERE id = ? AND state = 'visible'", (workflow_id,)
    ).one_or_none()
    if row is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    if row[1]:
        raise Invalid(f"workflow {row[0]} ({workflow_id}) is archived; unarchive it first")
    if row[2]:
        raise Conflict(f"workflow {row[0]} ({workflow_id}) is being worked on ({row[2]}); try again when that is done")
    if row[3] and change is Change.ENABLE:
        raise Conflict(f"workflow {row[0]} ({workflow_id}) is canceled; run it instead")


def _by_status(statuses: Sequence[int]) -> dict[str, int]:
    return {JobStatus(status).label: n for status, n in sorted(Counter(statuses).items())}


def _below(conn: Connection, ids: Sequence[int], change: Change) -> int:
    if change is Change.EDIT:
        return 0
    waits = "job.status IN (0, 1) AND job.cancel_on_blocking_job_failure"
    walk = below("SELECT value FROM json_each(?1)", CANCELED_FROM_UPSTREAM if change is Change.ENABLE else waits)
    sql = (
        f"{walk} SELECT count(*) FROM below JOIN job ON job.id = below.id"
        " WHERE job.id NOT IN (SELECT value FROM json_each(?1))"
    )
    return int(conn.exec_driver_sql(sql, (json_text(list(ids)),)).scalar_one())


def _rows(batch: Batch, ids: Sequence[int], statuses: Sequence[int], gate: str = "1") -> list[Row]:
    found = batch.run(
        "SELECT id, workflow_id, status FROM job WHERE id IN (SELECT value FROM json_each(?1))"
        f" AND status IN (SELECT value FROM json_each(?2)) AND {gate}",
        batch.json(list(ids)),
        batch.json([int(status) for status in statuses]),
    )
    return [(row[0], row[1], row[2]) for row in found]


def cancel_portion(batch: Batch, ids: Sequence[int]) -> int:
    """Cancel these jobs: waiting ones at once, running ones by way of their runner; returns how many there were."""
    gone = _rows(batch, ids, [JobStatus.CANCELED])  # by a portion before, with what is above them
    told = batch.json([row[0] for row in gone])
    batch.run("UPDATE job SET canceled_by_user = 1 WHERE id IN (SELECT value FROM json_each(?))", told)
    rows = _rows(batch, ids, [*CAN[Change.CANCEL]])
    cancel_rows(batch, rows)
    return len(gone) + len(rows)


def disable_portion(batch: Batch, ids: Sequence[int]) -> int:
    """Disable those of these jobs that wait; what is below them is told, as after any end without success."""
    gone = _rows(batch, ids, [JobStatus.CANCELED], CANCELED_FROM_UPSTREAM)  # with what is above, by a portion before
    set_status(batch, gone, JobStatus.BLOCKED)
    recount_around(batch, [row[0] for row in gone])
    rows = _rows(batch, ids, [*CAN[Change.DISABLE]])
    set_status(batch, rows, JobStatus.DISABLED)
    return len(rows)


_BEGUN = """
SELECT EXISTS (SELECT 1 FROM status_count WHERE workflow_id = ?1 AND status NOT IN (0, 9) AND n > 0)
 OR NOT EXISTS (SELECT 1 FROM status_count WHERE workflow_id = ?1 AND status = 0 AND n > 0)
  AND EXISTS (SELECT 1 FROM job WHERE workflow_id = ?1 AND input_hash IS NOT NULL)
"""
"""Whether a workflow has been initialized: some job is neither at its start nor disabled, or was put to work once."""


def enable_portion(batch: Batch, ids: Sequence[int]) -> int:
    """Put disabled jobs back: to the start when their workflow was never initialized, else blocked or ready.

    What was canceled below them waits again.
    """
    rows = _rows(batch, ids, [JobStatus.DISABLED])
    if not rows:
        return 0
    if batch.run("SELECT is_canceled FROM workflow WHERE id = ?", rows[0][1]).scalar_one():
        return 0  # canceled meanwhile
    enabled = [row[0] for row in rows]
    told = batch.json(enabled)
    begun = batch.run(_BEGUN, rows[0][1]).scalar_one()
    if not begun:
        set_status(batch, rows, JobStatus.UNINITIALIZED)
        recount_around(batch, enabled)
        return len(rows)
    set_status(batch, rows, JobStatus.BLOCKED)
    block_again(batch, enabled)
    decided = batch.run(
        "SELECT id, workflow_id, bad AND cancel_on_blocking_job_failure FROM job WHERE status = 1 AND unmet = 0"
        " AND id IN (SELECT value FROM json_each(?))",
        told,
    ).all()
    set_status(batch, [(row[0], row[1], JobStatus.BLOCKED) for row in decided if not row[2]], JobStatus.READY)
    set_status(batch, [(row[0], row[1], JobStatus.BLOCKED) for row in decided if row[2]], JobStatus.CANCELED)
    keep_hashes_of(batch, enabled)
    return len(rows)


PORTIONS: dict[Change, Callable[[Batch, Sequence[int]], int]] = {
    Change.CANCEL: cancel_portion,
    Change.DISABLE: disable_portion,
    Change.ENABLE: enable_portion,
}
"""What is done to a portion of jobs."""
