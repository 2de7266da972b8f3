"""Deleting a workflow that nobody sees any more, a portion at a time."""

from __future__ import annotations

from sqlalchemy import Connection

from torc_server.store.batch import Batch

PORTION = 1_000
"""Jobs deleted in one transaction."""


def delete_some(batch: Batch, workflow_id: int) -> bool:
    """Delete a portion of a hidden workflow; True while something is left."""
    jobs = batch.run(
        "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE workflow_id = ? LIMIT ?)", workflow_id, PORTION
    ).rowcount
    if jobs:
        return True
    for table in ("result", "event", "file", "user_data"):
        rows = batch.run(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE workflow_id = ? LIMIT ?)",
            workflow_id,
            10 * PORTION,
        ).rowcount
        if rows:
            return True
    batch.run("DELETE FROM status_count WHERE workflow_id = ?", workflow_id)
    batch.run("DELETE FROM workflow WHERE id = ?", workflow_id)
    return False


def half_deleted(conn: Connection) -> list[int]:
    """Workflows whose deletion, or creation, was cut off."""
    return list(conn.exec_driver_sql("SELECT id FROM workflow WHERE state = 'deleting'").scalars())
