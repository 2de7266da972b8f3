"""Results of a dead runner, found in its journal and delivered by another process (models/late.py).

One counts when its job is still with the dead runner, or went back when that was lost and was not handed out since:
then the attempt that ended well after all is the job's again.
"""

from __future__ import annotations

from torc_core.crash import crash_point
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.models.late import LateAnswer, LateResults
from torc_core.models.status import INITIALIZED, JobStatus
from torc_server.engine.report import Accepted, new_status, store
from torc_server.store.batch import Batch


def take_late_results(batch: Batch, workflow_id: int, node_id: int, late: LateResults) -> LateAnswer:
    """Store what still counts; the answer names the others. Those stored already count as taken."""
    sql = "SELECT 1 FROM compute_node WHERE id = ? AND uuid = ? AND workflow_id = ?"
    known = batch.run(sql, node_id, late.uuid, workflow_id).one_or_none() is not None
    told = {(r.job_id, r.attempt_id): r for r in late.results}
    rows = batch.run(
        "SELECT told.value ->> 0, told.value ->> 1, told.value ->> 2, job.status, workflow.run_id, job.attempt_id,"
        " job.node_id, job.lost_node_id, EXISTS (SELECT 1 FROM result WHERE job_id = job.id"
        "  AND run_id = told.value ->> 2 AND attempt_id = told.value ->> 1 AND compute_node_id = ?)"
        " FROM json_each(?) AS told JOIN job ON job.id = told.value ->> 0 AND job.workflow_id = ?"
        " JOIN workflow ON workflow.id = job.workflow_id",
        node_id,
        batch.json([[r.job_id, r.attempt_id, r.run_id] for r in told.values()]),
        workflow_id,
    ).all()
    held: list[Accepted] = []
    given_back: list[Accepted] = []
    for job, attempt, run, status, run_now, current, holder, lost_by, stored in rows if known else ():
        result, old = told[job, attempt], JobStatus(status)
        new = new_status(old, result) if run == run_now else None
        is_back = run == run_now and old in INITIALIZED and lost_by == node_id and current == attempt + 1
        if is_back and not result.retry_up_to:  # one that is to be tried again is as well tried by its next attempt
            given_back.append(_accepted(result, workflow_id, old, new_status(JobStatus.RUNNING, result), node_id))
        elif new is not None and holder == node_id and current == attempt:
            held.append(_accepted(result, workflow_id, old, new, node_id))
        elif not stored:
            continue
        del told[job, attempt]
    store(batch, held)
    store(batch, given_back, forced=True)
    batch.run(
        "UPDATE job SET attempt_id = attempt_id - 1, lost = max(lost - 1, 0), lost_node_id = NULL"
        " WHERE id IN (SELECT value FROM json_each(?))",
        batch.json([each.job for each in given_back]),
    )
    crash_point("server.late.written")
    return LateAnswer([Attempt(job, attempt) for job, attempt in told])


def _accepted(result: AttemptResult, workflow_id: int, old: JobStatus, new: JobStatus | None, node: int) -> Accepted:
    return Accepted(result.job_id, workflow_id, old, new or JobStatus.FAILED, node, result)
