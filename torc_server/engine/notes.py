"""torc's own event rows that the server writes (server.md 7.2): a table of its own beside the change log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_server.store.batch import Batch

LOST = "worker_lost"
"""The action of events about attempts that ended with their runner (`LOST_EVENT` of the schema)."""


def note(batch: Batch, workflow_id: int, /, **data: object) -> None:
    """Append an event to the workflow's list."""
    note_all(batch, workflow_id, [data])


def note_all(batch: Batch, workflow_id: int, events: Sequence[Mapping[str, object]]) -> None:
    """Append events to the workflow's list, in this order."""
    if not events:
        return
    batch.run(
        "INSERT INTO event (workflow_id, timestamp, data) SELECT ?, ?, value FROM json_each(?) ORDER BY key",
        workflow_id,
        batch.now_ms,
        batch.json([{key: data[key] for key in sorted(data)} for data in events]),
    )
    batch.log(workflow_id, "event")
