"""Where the output of a job's attempts is: which runner had them, and the folder that it said it uses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from torc_core.models.failures import AttemptOutput, JobOutput
from torc_core.models.status import JobStatus
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.routes import get
from torc_server.errors import NotFound

MOST_ATTEMPTS = 50


def job_output(conn: Connection, job_id: int) -> JobOutput:
    """NotFound for an unknown job."""
    row = conn.exec_driver_sql(
        "SELECT job.name, job.status, workflow.id, workflow.name, origin, run_id, attempt_id, node.hostname,"
        f" {_FOLDER} FROM job JOIN workflow ON workflow.id = job.workflow_id"
        " LEFT JOIN compute_node AS node ON node.id = job.node_id WHERE job.id = ?",
        (job_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Job not found with ID: {job_id}")
    name, status, workflow_id, workflow, origin, run, attempt, host, folder = row
    ended = conn.exec_driver_sql(
        f"SELECT run_id, attempt_id, status, hostname, {_FOLDER}, return_code, stderr_tail FROM result"
        " LEFT JOIN compute_node AS node ON node.id = compute_node_id"
        " WHERE job_id = ? ORDER BY run_id DESC, attempt_id DESC LIMIT ?",
        (job_id, MOST_ATTEMPTS),
    )
    attempts = [_attempt(each) for each in ended]
    if status in (JobStatus.PENDING, JobStatus.RUNNING):
        now = AttemptOutput(run=run, attempt=attempt, status=JobStatus(status).label, host=host, output_dir=folder)
        attempts.insert(0, now)
    return JobOutput(
        job_id=job_id, name=name, status=JobStatus(status).label, workflow_id=workflow_id, workflow=workflow,
        origin=origin, attempts=attempts,
    )  # fmt: skip


_FOLDER = "CASE WHEN json_valid(node.scheduler) THEN json_extract(node.scheduler, '$.output_dir') END AS output_dir"


def _attempt(row: Any) -> AttemptOutput:
    run, attempt, status, host, folder, code, stderr = row
    return AttemptOutput(
        run=run, attempt=attempt, status=JobStatus(status).label, host=host, output_dir=folder, exit=code,
        stderr=stderr,
    )  # fmt: skip


@get("/console/jobs/{id:str}/output", answer=JobOutput)
async def get_output(request: Call) -> Answer:
    """Where the output of a job's attempts is."""
    return json_answer(await request.db.read(job_output, request.number()))


HANDLERS = [get_output]
