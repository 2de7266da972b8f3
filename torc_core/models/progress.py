"""Where a workflow stands, what running it again would do, and why a job is where it is."""

from __future__ import annotations

from msgspec import Struct


class Summary(Struct, kw_only=True):
    """Where a workflow stands; `counts` maps every status to its number of jobs."""

    workflow_id: int
    name: str
    user: str
    run_id: int
    is_canceled: bool
    is_archived: bool
    is_complete: bool
    total: int
    counts: dict[str, int]
    active_nodes: int
    stuck: str | None = None
    """Why what is left cannot run, as the last runners found: no runner is at work."""
    origin: str | None
    timestamp: str


class RestartAnswer(Struct, kw_only=True):
    """What a restart does, or would do: `jobs` run, `kept` stay completed."""

    run_id: int
    jobs: int
    by_status: dict[str, int]
    kept: int


class Explanation(Struct, kw_only=True):
    """Why a job is where it is: one line, and more lines."""

    job_id: int
    name: str
    status: str
    why: str
    details: list[str]
