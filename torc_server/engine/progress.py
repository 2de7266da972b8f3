"""How far a workflow is, from the counts that are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from torc_core.models.status import ACTIVE, ENDED, JobStatus
from torc_server.store.batch import Batch

Counts = dict[JobStatus, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """A workflow's flags and counts as of now."""

    run_id: int
    is_canceled: bool
    ignore_completion: bool
    sort_method: str
    counts: Counts
    busy: bool
    """It is being initialised or reset: its counts are on their way, nothing is handed out or concluded from them."""

    @property
    def is_complete(self) -> bool:
        """Canceled, or every job ended (server.md 3.6)."""
        return not self.busy and self._ended

    @property
    def _ended(self) -> bool:
        return self.is_canceled or all(status in ENDED or not n for status, n in self.counts.items())

    @property
    def active(self) -> int:
        """Jobs that are with somebody."""
        return sum(self.counts.get(status, 0) for status in ACTIVE)

    def count(self, status: JobStatus) -> int:
        return self.counts.get(status, 0)

    def handed_out(self, jobs: int) -> Progress:
        """As it is when so many ready jobs have become pending."""
        ready, pending = JobStatus.READY, JobStatus.PENDING
        moved = {ready: self.count(ready) - jobs, pending: self.count(pending) + jobs}
        return replace(self, counts=self.counts | moved)


def counts(conn: Connection, workflow_id: int) -> Counts:
    """Jobs by status, as committed (or written so far)."""
    rows = conn.exec_driver_sql("SELECT status, n FROM status_count WHERE workflow_id = ? AND n <> 0", (workflow_id,))
    return {JobStatus(status): n for status, n in rows}


def progress(batch: Batch, workflow_id: int) -> Progress | None:
    """The progress as this batch will leave it; None for an unknown or deleted workflow."""
    row = batch.run(
        "SELECT run_id, is_canceled, compute_node_ignore_workflow_completion, jobs_sort_method,"
        " work IS NOT NULL OR state <> 'visible' FROM workflow WHERE id = ? AND state <> 'deleting'",
        workflow_id,
    ).one_or_none()
    if row is None:
        return None
    now = counts(batch.conn, workflow_id)
    for status, n in batch.count_changes(workflow_id):
        now[JobStatus(status)] = now.get(JobStatus(status), 0) + n
    return Progress(row[0], bool(row[1]), bool(row[2]), row[3], now, bool(row[4]))
