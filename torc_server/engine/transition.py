"""Every change of a job's status goes through here: the transition table, kept counts, change log and what follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from torc_core.models.status import ALLOWED, ENDED, TERMINAL, JobStatus
from torc_server.engine.graph import recount_around
from torc_server.store.batch import Batch

Row = tuple[int, int, JobStatus | int]
"""(job id, workflow id, status now)"""


def set_status(batch: Batch, rows: Iterable[Row], new: JobStatus, *, release: bool = False) -> None:
    """Move jobs to `new`, all in one statement.

    Raises ValueError for a move that the transition table lacks: callers select the rows that may move.
    `release` also takes the jobs from their node. Jobs that thereby end are told to their dependents by `propagate`.
    """
    rows = list(rows)
    for _, _, old in rows:
        if new not in ALLOWED[JobStatus(old)]:
            raise ValueError(f"a job cannot go from {JobStatus(old).label} to {new.label}")
    _write(batch, rows, new, release=release)


def _write(batch: Batch, rows: list[Row], new: JobStatus, *, release: bool, forced: bool = False) -> None:
    if not rows:
        return
    ready = ", ready_ms = ?2" if new == JobStatus.READY else ""
    node = ", node_id = NULL" if release else ""
    lost = ", lost_node_id = NULL" if new == JobStatus.PENDING else ""
    batch.run(
        f"UPDATE job SET status = {int(new)}{ready}{node}{lost} WHERE id IN (SELECT value FROM json_each(?1))",
        *((batch.json([row[0] for row in rows]),) + ((batch.now_ms,) if ready else ())),
    )
    record(batch, rows, new, forced=forced)


def record(batch: Batch, rows: Iterable[Row], new: JobStatus, *, forced: bool = False) -> None:
    """Note moves whose rows have been written by the caller: counts, change log, and what they set off."""
    groups: defaultdict[tuple[int, JobStatus], list[int]] = defaultdict(list)
    for job, workflow, old in rows:
        groups[workflow, JobStatus(old)].append(job)
    for (workflow, old), ids in groups.items():
        batch.record_move(workflow, ids, old, new, forced=forced)
        if workflow in batch.listened and old == JobStatus.PENDING and not forced:
            batch.unseen.update(ids if new in TERMINAL else ())
        if new in ENDED and old not in ENDED:
            batch.ended.update(dict.fromkeys(ids, new == JobStatus.COMPLETED))
        if new in ENDED or new in (JobStatus.READY, JobStatus.PENDING_FAILED):
            batch.wake_workflows.add(workflow)


def new_attempt(batch: Batch, job_ids: list[int]) -> None:
    """Before these jobs are taken back: a new attempt number for those that were handed out or have a result for the
    present one, so that whatever an old process reports is refused, and no result meets another of the same number.
    Runners that have one are told."""
    told = batch.json(job_ids)
    holders = batch.run(
        "SELECT DISTINCT node_id FROM job WHERE node_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))", told
    )
    batch.wake_nodes.update(holders.scalars())
    batch.run(
        "UPDATE job SET attempt_id = attempt_id + 1, result_id = NULL WHERE id IN (SELECT value FROM json_each(?))"
        " AND (status = 4 OR node_id IS NOT NULL OR EXISTS (SELECT 1 FROM result WHERE result.job_id = job.id"
        "  AND run_id = (SELECT run_id FROM workflow WHERE id = job.workflow_id) AND attempt_id = job.attempt_id))",
        told,
    )


def force_status(batch: Batch, row: Row, new: JobStatus) -> None:
    """Put one job into any status, as torc's own endpoints may (design: section 3).

    The counters around it stay right: `propagate` tells dependents of an end as of any; when an ended job is taken back
    theirs are computed anew.
    """
    job, _, old = row
    was_ended, is_ended = JobStatus(old) in ENDED, new in ENDED
    _write(batch, [row], new, release=new not in (JobStatus.PENDING, JobStatus.RUNNING), forced=True)
    if was_ended and (not is_ended or (old == JobStatus.COMPLETED) != (new == JobStatus.COMPLETED)):
        recount_around(batch, [job])
