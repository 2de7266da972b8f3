"""What the console asks for about failures: by cause, the jobs of a cause, retrying many, and where their output is."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from torc_core.client.console import PATIENCE, Part, TablePage
from torc_core.client.endpoints import LONG_WORK
from torc_core.client.request import Request


class FailureGroup(Struct):
    """The failures of one cause, the last of them as an example (times in milliseconds since 1970)."""

    cause: str
    jobs: int
    workflows: int
    workflow: str
    first: int
    last: int
    job_id: int
    said: str | None = None


class Failures(Struct):
    """The groups that match, the latest first; `jobs` and `causes` count all, whatever the filter."""

    groups: list[FailureGroup]
    matching: int
    jobs: int
    causes: int


class Concerned(Struct):
    """A workflow that has some of the jobs to be retried."""

    id: int
    name: str
    origin: str | None
    active_nodes: int
    jobs: int


class Refused(Struct):
    """A job that cannot be retried, and why."""

    id: int
    name: str
    why: str


class Retry(Struct):
    """What a retry does or did: `jobs` run again, `blocked` below them wait again."""

    jobs: int
    blocked: int
    workflows: list[Concerned]
    names: list[str]
    refused: list[Refused]
    refused_total: int


class Attempt(Struct):
    """A try at a job; `output_dir` is relative to the workflow's origin."""

    run: int
    attempt: int
    status: str
    host: str | None = None
    output_dir: str | None = None
    exit: int | None = None
    stderr: str | None = None


class JobOutput(Struct):
    """A job with its attempts, the newest first."""

    job_id: int
    name: str
    status: str
    workflow_id: int
    workflow: str
    origin: str | None
    attempts: list[Attempt] = field(default_factory=list)


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
