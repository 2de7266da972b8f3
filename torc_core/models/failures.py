"""What the server tells about failures: by cause, what a retry does, and where the output of a job is.

Times are milliseconds since 1970.
"""

from __future__ import annotations

from msgspec import Struct


class FailureGroup(Struct, kw_only=True):
    """The failures of one cause: when the first and the last of them ended, and the last one as an example."""

    cause: str
    jobs: int
    workflows: int
    workflow: str
    """Name of the example's workflow."""
    first: int
    last: int
    job_id: int
    """The example."""
    said: str | None = None
    """The end of the example's stderr."""


class Failures(Struct, kw_only=True):
    """The groups, the latest failures first; `jobs` and `causes` count all, whatever the filter."""

    groups: list[FailureGroup]
    matching: int
    """Groups that match the filter; more than there are in `groups` when they are very many."""
    jobs: int
    causes: int


class Concerned(Struct, kw_only=True):
    """A workflow that has some of the jobs."""

    id: int
    name: str
    origin: str | None
    active_nodes: int
    jobs: int


class Refused(Struct, kw_only=True):
    """A job that cannot be retried, and why."""

    id: int
    name: str
    why: str


class Retry(Struct, kw_only=True):
    """What a retry does or did: `jobs` run again, `blocked` below them wait again."""

    jobs: int
    blocked: int
    workflows: list[Concerned]
    names: list[str]
    """Of the first jobs."""
    refused: list[Refused]
    """The first of them."""
    refused_total: int


class AttemptOutput(Struct, kw_only=True, omit_defaults=True):
    """A try at a job; `output_dir` is what its runner said, relative to the workflow's origin."""

    run: int
    attempt: int
    status: str
    host: str | None = None
    output_dir: str | None = None
    exit: int | None = None
    stderr: str | None = None
    """The end of it, as the runner reported it."""


class JobOutput(Struct, kw_only=True):
    """A job with its attempts, the newest first; one that runs now is the first."""

    job_id: int
    name: str
    status: str
    workflow_id: int
    workflow: str
    origin: str | None
    attempts: list[AttemptOutput]
