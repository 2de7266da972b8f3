"""What the console asks for about failures: by cause, the jobs of a cause, retrying many, and where their output is."""

from __future__ import annotations

from collections.abc import Sequence

from torc_core.client.console import PATIENCE, Part
from torc_core.client.endpoints import LONG_WORK
from torc_core.client.request import Request
from torc_core.models.console import TablePage
from torc_core.models.failures import Failures, JobOutput, Retry


def failure_groups(narrowed: str = "") -> Request[Failures]:
    query = {"filter": narrowed or None}
    return Request("GET", "/console/failures", Failures, "listing failures", query=query, patience=PATIENCE)


def failed_jobs(cause: str, part: Part) -> Request[TablePage]:
    """A page of the jobs that failed for a cause."""
    query = {**part.query(), "cause": cause}
    return Request("GET", "/console/failures/jobs", TablePage, "listing failed jobs", query=query, patience=PATIENCE)


def retry_jobs(ids: Sequence[int], *, dry_run: bool = False) -> Request[Retry]:
    """Run failed jobs again; `dry_run` only says what that does."""
    return _retry({"ids": list(ids)}, dry_run)


def retry_cause(cause: str, narrowed: str = "", *, dry_run: bool = False) -> Request[Retry]:
    """Run all failed jobs of a cause again that a filter leaves in."""
    return _retry({"cause": cause, "filter": narrowed}, dry_run)


def retry_failures(narrowed: str, *, dry_run: bool = False) -> Request[Retry]:
    """Run all failed jobs again that a filter leaves in: `workflow_id=12`."""
    return _retry({"filter": narrowed}, dry_run)


def _retry(body: dict[str, object], dry_run: bool) -> Request[Retry]:
    told = {**body, "dry_run": dry_run}
    return Request("POST", "/console/retry", Retry, "retrying jobs", body=told, patience=LONG_WORK)


def job_output(job_id: int) -> Request[JobOutput]:
    thing, path = f"job {job_id}", f"/console/jobs/{job_id}/output"
    return Request("GET", path, JobOutput, f"finding the output of {thing}", thing, patience=PATIENCE)
