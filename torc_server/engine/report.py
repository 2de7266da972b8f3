"""What runners report, applied for the whole batch at once: started, released, results (design: sections 3 and 4).

A report counts when its (run, attempt) is the job's current one and the job is with the reporting node. Repeating an
accepted report changes nothing and is accepted again; a report for an attempt that is no longer current is refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from torc_core.crash import crash_point
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.models.status import ACTIVE, TERMINAL, JobStatus
from torc_server.engine.nodes import Call
from torc_server.engine.retry import note_retry
from torc_server.engine.transition import record, set_status
from torc_server.engine.unblock import block_early
from torc_server.store.batch import Batch, pack

STDERR_BYTES = 4_000
"""Longest tail of stderr that is kept."""

_ENDS = {status.label: status for status in TERMINAL}

LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last time that has a form."""


def iso_time(ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, the form of times on torc's wire; what has none becomes the nearest that has."""
    then = datetime.fromtimestamp(_in_range(ms) / 1000, UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_range(ms: int) -> int:
    return min(max(ms, 0), LAST_MS)


class Accepted(NamedTuple):
    """A result that counts: its job, the job's status before and after, and the node that ran it."""

    job: int
    workflow: int
    old: JobStatus
    new: JobStatus
    node: int
    result: AttemptResult


def apply_reports(batch: Batch, calls: Iterable[Call]) -> None:
    """Write everything the calls report; refused results go into the calls' answers.

    A late call gives nothing back: since it was made, the same attempt may have been handed to its node again.
    """
    calls = list(calls)
    _released(batch, [call for call in calls if not call.is_late])
    _started(batch, calls)
    _results(batch, calls)


def _current(batch: Batch, pairs: list[list[int]]) -> list[Any]:
    """Of [job, attempt, node] triples those that are current: rows (job, workflow, status)."""
    return list(
        batch.run(
            "SELECT DISTINCT job.id, job.workflow_id, job.status FROM json_each(?) AS told"
            " JOIN job ON job.id = told.value ->> 0 AND job.attempt_id = told.value ->> 1"
            " AND job.node_id = told.value ->> 2",
            batch.json(pairs),
        ).all()
    )


def _released(batch: Batch, calls: list[Call]) -> None:
    pairs = [[a.job_id, a.attempt_id, call.node_id] for call in calls for a in call.request.released]
    if pairs:
        rows = [(r[0], r[1], r[2]) for r in _current(batch, pairs) if r[2] == JobStatus.PENDING]
        set_status(batch, rows, JobStatus.READY, release=True)
        block_early(batch, [row[0] for row in rows])


def _started(batch: Batch, calls: list[Call]) -> None:
    told = [(s.job_id, s.attempt_id, call.node_id, s.start_ms) for call in calls for s in call.request.started]
    if not told:
        return
    rows = batch.run(
        "UPDATE job SET status = 4, start_ms = told.value ->> 3 FROM json_each(?) AS told"
        " WHERE job.id = told.value ->> 0 AND job.attempt_id = told.value ->> 1 AND job.node_id = told.value ->> 2"
        " AND job.status = 3 RETURNING job.id, workflow_id",
        batch.json(told),
    ).all()
    record(batch, [(r[0], r[1], JobStatus.PENDING) for r in rows], JobStatus.RUNNING)


def _results(batch: Batch, calls: list[Call]) -> None:
    reported: dict[tuple[int, int, int], tuple[Call, AttemptResult]] = {
        (call.node_id, r.job_id, r.attempt_id): (call, r) for call in calls for r in call.request.results
    }
    if not reported:
        return
    rows = batch.run(
        "SELECT told.value ->> 2, told.value ->> 0, told.value ->> 1, job.workflow_id, job.status, workflow.run_id,"
        " job.attempt_id, job.node_id, told.value ->> 3,"
        " (job.result_id IS NOT NULL OR job.retries > 0) AND EXISTS (SELECT 1 FROM result WHERE job_id = job.id"
        "  AND run_id = told.value ->> 3 AND attempt_id = told.value ->> 1)"
        " FROM json_each(?) AS told JOIN job ON job.id = told.value ->> 0"
        " JOIN workflow ON workflow.id = job.workflow_id",
        batch.json([[r.job_id, r.attempt_id, node, r.run_id] for (node, _, _), (_, r) in reported.items()]),
    ).all()
    accepted: list[Accepted] = []
    known = set()
    for node, job, attempt, workflow, status, run, current, holder, told_run, stored in rows:
        key = (node, job, attempt)
        known.add(key)
        call, result = reported[key]
        if holder == node and current == attempt and run == told_run:
            old = JobStatus(status)
            new = new_status(old, result)
            if new is not None:
                accepted.append(Accepted(job, workflow, old, new, node, result))
                continue
        if not stored:
            call.answer.refused.append(Attempt(job, attempt))
    for key in reported.keys() - known:
        reported[key][0].answer.refused.append(Attempt(key[1], key[2]))
    store(batch, accepted)


def new_status(old: JobStatus, result: AttemptResult) -> JobStatus | None:
    """The job's status after this result; None when the job is no longer with its runner.

    A report of no known kind of end counts as a failure: one runner's nonsense must not refuse everybody's batch.
    """
    if old == JobStatus.CANCELED:
        return JobStatus.CANCELED  # canceled while it ran: the result says how its process ended
    if old not in ACTIVE:
        return None
    return _ENDS.get(result.status, JobStatus.FAILED)


def _row(each: Accepted) -> tuple[Any, ...]:
    """The columns of a stored result, in the order of `store`."""
    r = each.result
    start_ms, end_ms = _in_range(r.start_ms), _in_range(r.end_ms)
    return (
        each.workflow, each.job, r.run_id, r.attempt_id, each.node, r.return_code, max(end_ms - start_ms, 0) / 60_000,
        iso_time(end_ms), int(each.new), r.peak_memory_bytes, r.avg_memory_bytes, r.peak_cpu_percent,
        r.avg_cpu_percent, start_ms, end_ms, r.cause, r.stderr_tail and r.stderr_tail[-STDERR_BYTES:],
    )  # fmt: skip


def store(batch: Batch, accepted: list[Accepted], *, forced: bool = False) -> None:
    """Write results, and the jobs that they end. `forced`: these jobs were not with the node that ran them."""
    if not accepted:
        return
    again = _tried_again(batch, accepted)
    ends = [each for each in accepted if each.job not in again] if again else accepted
    results = _write(batch, accepted)
    batch.run(
        "UPDATE job SET result_id = told.value ->> 1, status = told.value ->> 2, start_ms = told.value ->> 3,"
        " node_id = NULL FROM json_each(?) AS told WHERE job.id = told.value ->> 0",
        batch.json([row for row in results if row[0] not in again]),
    )
    outputs = [(o.file_id, o.mtime, o.size) for each in ends for o in each.result.outputs]
    if outputs:
        batch.run(
            "UPDATE file SET st_mtime = told.value ->> 1, size = told.value ->> 2 FROM json_each(?) AS told"
            " WHERE file.id = told.value ->> 0",
            batch.json(outputs),
        )
    by_status: defaultdict[JobStatus, list[tuple[int, int, JobStatus]]] = defaultdict(list)
    for each in ends:
        by_status[each.new].append((each.job, each.workflow, each.old))
    for new, moves in by_status.items():
        record(batch, moves, new, forced=forced)
    _tell_of_canceled(batch, ends)
    if again:
        _try_again(batch, [each for each in accepted if each.job in again], again)
    crash_point("server.result.written")


def _tell_of_canceled(batch: Batch, ends: list[Accepted]) -> None:
    """Of jobs that were canceled while they ran: their status stays, and says nothing of the end of their process."""
    stopped: defaultdict[int, list[int]] = defaultdict(list)
    for each in ends:
        if each.old == each.new:
            stopped[each.workflow].append(each.job)
    for workflow, jobs in stopped.items():
        batch.log(workflow, "result", jobs=pack(jobs))


def _write(batch: Batch, accepted: list[Accepted]) -> list[list[Any]]:
    """Insert the results; returns [job, result, status, start] of each."""
    values = [_row(each) for each in accepted]
    columns = ", ".join(f"value ->> {i}" for i in range(len(values[0])))
    rows = batch.run(
        "INSERT OR REPLACE INTO result (workflow_id, job_id, run_id, attempt_id, compute_node_id, return_code,"
        " exec_time_minutes, completion_time, status, peak_memory_bytes, avg_memory_bytes, peak_cpu_percent,"
        f" avg_cpu_percent, start_ms, end_ms, cause, stderr_tail) SELECT {columns} FROM json_each(?)"
        " RETURNING job_id, id, status, start_ms",
        batch.json(values),
    )
    return [list(row) for row in rows.all()]


def _tried_again(batch: Batch, accepted: list[Accepted]) -> dict[int, str]:
    """Jobs (id -> name) whose failure is no end: the rule that fits grants another attempt."""
    granted = [
        (each.job, each.result.retry_up_to)
        for each in accepted
        if each.result.retry_up_to and each.new == JobStatus.FAILED
    ]
    if not granted:
        return {}
    rows = batch.run(
        "SELECT job.id, job.name FROM json_each(?) AS told JOIN job ON job.id = told.value ->> 0"
        " WHERE job.retries + 1 < told.value ->> 1",
        batch.json(granted),
    )
    return {row[0]: row[1] for row in rows}


def _try_again(batch: Batch, failed: list[Accepted], names: dict[int, str]) -> None:
    """These jobs are ready for their next attempt; nothing below hears of the failure."""
    ids = [each.job for each in failed]
    batch.run(
        "UPDATE job SET status = 2, ready_ms = ?, node_id = NULL, attempt_id = attempt_id + 1, retries = retries + 1,"
        " lost = 0, start_ms = NULL, result_id = NULL WHERE id IN (SELECT value FROM json_each(?))",
        batch.now_ms,
        batch.json(ids),
    )
    record(batch, [(each.job, each.workflow, each.old) for each in failed], JobStatus.READY)
    for each in failed:
        note_retry(batch, each.workflow, each.job, names[each.job], each.result.attempt_id, each.result.run_id)
    block_early(batch, ids)
