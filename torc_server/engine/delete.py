"""Deleting a workflow that nobody sees any more, a portion at a time."""

from __future__ import annotations

from sqlalchemy import Connection

from torc_core.crash import crash_point
from torc_server.store.batch import Batch

PORTION = 1_000
"""Rows deleted in one transaction."""

JOBS = 500
"""Jobs deleted in one transaction, with what belongs to them: about 7 ms."""


def delete_some(batch: Batch, workflow_id: int) -> bool:
    """Delete a portion of a hidden workflow; True while something is left."""
    jobs = batch.run(
        "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE workflow_id = ? LIMIT ?)", workflow_id, JOBS
    ).rowcount
    crash_point("server.delete.portion")
    if jobs:
        return True
    for table in ("result", "event", "file", "user_data"):
        rows = batch.run(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE workflow_id = ? LIMIT ?)",
            workflow_id,
            PORTION,
        ).rowcount
        if rows:
            return True
    batch.run("DELETE FROM status_count WHERE workflow_id = ?", workflow_id)
    batch.run("DELETE FROM workflow WHERE id = ?", workflow_id)
    return False


def delete_jobs(batch: Batch, workflow_id: int, first: int, last: int) -> int:
    """Delete the jobs of an id range of a workflow that stays, together with all others; returns how many."""
    in_range = (workflow_id, first, last)
    where = "workflow_id = ? AND id BETWEEN ? AND ?"
    nodes = batch.run(f"SELECT DISTINCT node_id FROM job WHERE {where} AND node_id IS NOT NULL", *in_range)
    batch.wake_nodes.update(nodes.scalars())
    counts = batch.run(f"SELECT status, count(*) FROM job WHERE {where} GROUP BY status", *in_range).all()
    for status, n in counts:
        batch.counts[workflow_id, status] -= n
    batch.run(f"DELETE FROM job WHERE {where}", *in_range)
    batch.wake_workflows.add(workflow_id)
    return sum(n for _, n in counts)


def note_no_jobs(batch: Batch, workflow_id: int) -> None:
    """All jobs of a workflow were deleted."""
    batch.log(workflow_id, "job", deleted="all")


def half_deleted(conn: Connection) -> list[int]:
    """Workflows whose deletion, or creation, was cut off."""
    return list(conn.exec_driver_sql("SELECT id FROM workflow WHERE state = 'deleting'").scalars())
