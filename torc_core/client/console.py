"""The endpoints made for the console (`/console/…`): tables in sorted, filtered pages, a job with all around it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from torc_core.client.endpoints import LONG_WORK
from torc_core.client.request import Request
from torc_core.models.console import (
    JobDetail,
    JobSamples,
    LiveNodes,
    NodeSamples,
    TablePage,
    Timeline,
    TimelineQuery,
    WorkflowDetail,
    WorkflowPage,
)

Row = dict[str, Any]
"""A row of a table: column -> value; columns that are null are missing. Every row has an `id`."""


class Part(Struct, frozen=True, kw_only=True):
    """Which part of a table is asked for: `sort` is a column, `-` before it reverses.

    With `anchor`, the id of a row, the part begins `before` rows above it, wherever it now is; `offset` counts when
    that row is not there any more.
    """

    offset: int = 0
    limit: int = 100
    sort: str = "id"
    filter: str = ""
    anchor: int | None = None
    before: int = 0

    def query(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "limit": self.limit,
            "sort": self.sort,
            "filter": self.filter or None,
            "anchor": self.anchor,
            "before": self.before or None,
        }


PATIENCE = 10.0
"""Seconds that the console waits for an answer."""


def workflow_rows(part: Part, user: str | None = None) -> Request[WorkflowPage]:
    query = {**part.query(), "user": user}
    return Request("GET", "/console/workflows", WorkflowPage, "listing workflows", query=query, patience=PATIENCE)


def workflow_detail(workflow_id: int) -> Request[WorkflowDetail]:
    thing, path = f"workflow {workflow_id}", f"/console/workflows/{workflow_id}"
    return Request("GET", path, WorkflowDetail, f"getting {thing}", thing, patience=PATIENCE)


def table_rows(workflow_id: int, table: str, part: Part) -> Request[TablePage]:
    """A page of `jobs`, `files`, `data`, `results`, `events`, `nodes`, `requirements` or the `plan` of a workflow."""
    thing, path = f"workflow {workflow_id}", f"/console/workflows/{workflow_id}/{table}"
    return Request("GET", path, TablePage, f"listing the {table} of {thing}", thing, part.query(), patience=PATIENCE)


def job_detail(job_id: int) -> Request[JobDetail]:
    thing = f"job {job_id}"
    return Request("GET", f"/console/jobs/{job_id}", JobDetail, f"getting {thing}", thing, patience=PATIENCE)


def job_samples(job_id: int, attempt_id: int | None = None) -> Request[JobSamples]:
    """What an attempt of a job used over time; the last one, if none is named."""
    thing, path, query = f"job {job_id}", f"/jobs/{job_id}/samples", {"attempt_id": attempt_id}
    return Request("GET", path, JobSamples, f"getting what {thing} used", thing, query, patience=PATIENCE)


def node_samples(node_id: int) -> Request[NodeSamples]:
    """What the jobs of a runner used together over time."""
    thing, path = f"runner {node_id}", f"/compute_nodes/{node_id}/samples"
    return Request("GET", path, NodeSamples, f"getting what {thing} used", thing, patience=PATIENCE)


def timeline(workflow_id: int, ask: TimelineQuery) -> Request[Timeline]:
    """When the attempts of a workflow's run ran, and where."""
    thing, path, query = f"workflow {workflow_id}", f"/workflows/{workflow_id}/timeline", structs.asdict(ask)
    return Request("GET", path, Timeline, f"getting the timeline of {thing}", thing, query, patience=PATIENCE)


def live_nodes(limit: int) -> Request[LiveNodes]:
    """The runners that are alive, of all workflows."""
    query = {"limit": limit}
    return Request("GET", "/console/nodes", LiveNodes, "listing runners", query=query, patience=PATIENCE)


def user_data(data_id: int) -> Request[dict[str, Any]]:
    """A user data document with its value."""
    thing = f"user data {data_id}"
    return Request("GET", f"/user_data/{data_id}", dict[str, Any], f"getting {thing}", thing, patience=PATIENCE)


def initialize_jobs(workflow_id: int) -> Request[Any]:
    """Make jobs ready or blocked, as their dependencies say."""
    thing, path = f"workflow {workflow_id}", f"/workflows/{workflow_id}/initialize_jobs"
    return Request("POST", path, Any, f"initializing {thing}", thing, patience=LONG_WORK)
