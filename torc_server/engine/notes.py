"""torc's own event rows that the server writes (server.md 7.2): a table of its own beside the change log."""

from __future__ import annotations

from torc_server.store.batch import Batch


def note(batch: Batch, workflow_id: int, /, **data: object) -> None:
    """Append an event to the workflow's list."""
    batch.run(
        "INSERT INTO event (workflow_id, timestamp, data) VALUES (?, ?, ?)",
        workflow_id,
        batch.now_ms,
        batch.json({key: data[key] for key in sorted(data)}),
    )
    batch.log(workflow_id, "event")
