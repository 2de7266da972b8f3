"""The table of endpoints: each function makes the Request for one of them (server.md 1; `/server`, `/changes`,
`from_plan`, `summary`, `restart`, `explain` and `jobs/{id}/cancel` are this server's own).

A client sends what these functions return, so that sync and async callers share one table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from torc_core.client.request import Page, Request
from torc_core.models.dependency_graph import DependencyGraph
from torc_core.models.late import LateAnswer, LateResults
from torc_core.models.plan import PlanAnswer
from torc_core.models.progress import Explanation, RestartAnswer, Summary
from torc_core.models.reinitialize import FilesSeen, ReinitializeAnswer, WatchedFiles
from torc_core.models.resources import (
    ComputeNode,
    Event,
    File,
    Job,
    Result,
    SlurmScheduler,
    Workflow,
    WorkflowAction,
    WorkflowStatus,
)

LONG_WORK = 900.0
"""Seconds to wait for what touches every job of a workflow."""


class Ping(Struct):
    status: str


class ServerInfo(Struct):
    """Who answers: the process, its version and its database."""

    pid: int
    version: str
    database: str | None = None
    database_uuid: str | None = None
    active_nodes: int = 0
    """Runners that are at work, over all workflows."""


class JobReset(Struct):
    """Answer of reset_job_status."""

    workflow_id: int
    updated_count: int
    status: str


def ping() -> Request[Ping]:
    return Request("GET", "/ping", Ping, "asking whether it answers")


def server_info() -> Request[ServerInfo]:
    return Request("GET", "/server", ServerInfo, "asking who it is", patience=10.0)


def create_from_plan(lines: Callable[[], Iterator[bytes]], name: str) -> Request[PlanAnswer]:
    """Send a plan (models/plan.py); `lines` makes the JSON lines, anew when the call is repeated."""
    doing = f"creating workflow {name!r}"
    return Request("POST", "/workflows/from_plan", PlanAnswer, doing, stream=lines, patience=LONG_WORK, repeatable=True)


def list_workflows(
    *,
    user: str | None = None,
    name: str | None = None,
    is_archived: bool | None = None,
    sort_by: str | None = None,
    reverse_sort: bool = False,
    offset: int = 0,
    limit: int = 10_000,
) -> Request[Page[Workflow]]:
    query = {
        "user": user,
        "name": name,
        "is_archived": is_archived,
        **_page(offset, limit, sort_by, reverse_sort),
    }
    return Request("GET", "/workflows", Page[Workflow], "listing workflows", query=query)


def get_workflow(workflow_id: int) -> Request[Workflow]:
    return _on_workflow("GET", workflow_id, "", Workflow, "getting")


def delete_workflow(workflow_id: int) -> Request[Workflow]:
    return _on_workflow("DELETE", workflow_id, "", Workflow, "deleting")


def workflow_status(workflow_id: int) -> Request[WorkflowStatus]:
    return _on_workflow("GET", workflow_id, "/status", WorkflowStatus, "getting the status of")


def summary(workflow_id: int) -> Request[Summary]:
    return _on_workflow("GET", workflow_id, "/summary", Summary, "getting the summary of")


def restart(workflow_id: int, *, dry_run: bool) -> Request[RestartAnswer]:
    """Start a new run of what is not completed and all below it; with `dry_run` only say what that would be."""
    query = {"dry_run": dry_run}
    return _on_workflow("POST", workflow_id, "/restart", RestartAnswer, "restarting", query=query)


def dependency_graph(workflow_id: int) -> Request[DependencyGraph]:
    """All jobs and which of them wait for which."""
    return _on_workflow("GET", workflow_id, "/dependency_graph", DependencyGraph, "getting the dependencies of")


def list_actions(workflow_id: int) -> Request[list[WorkflowAction]]:
    return _on_workflow("GET", workflow_id, "/actions", list[WorkflowAction], "listing the actions of")


def list_slurm_schedulers(workflow_id: int) -> Request[Page[SlurmScheduler]]:
    return _list("/slurm_schedulers", workflow_id, Page[SlurmScheduler], "Slurm schedulers", {})


def watched_files(workflow_id: int) -> Request[WatchedFiles]:
    """The files that jobs read or write, as they were when they were last looked at."""
    return _on_workflow("GET", workflow_id, "/watched_files", WatchedFiles, "getting the files of")


def record_files(workflow_id: int, seen: FilesSeen) -> Request[dict[str, int]]:
    """From now on files are known as they were seen."""
    return _on_workflow("PUT", workflow_id, "/watched_files", dict[str, int], "recording the files of", body=seen)


def reinitialize(
    workflow_id: int, seen: FilesSeen, *, dry_run: bool, limit: int = 10_000
) -> Request[ReinitializeAnswer]:
    """Start a new run of what ran with other inputs and all below it; with `dry_run` only say what that would be."""
    query = {"dry_run": dry_run, "limit": limit}
    return _on_workflow(
        "POST", workflow_id, "/reinitialize", ReinitializeAnswer, "reinitializing", query=query, body=seen
    )


def missing_user_data(workflow_id: int) -> Request[dict[str, list[int]]]:
    return _on_workflow("GET", workflow_id, "/missing_user_data", dict[str, list[int]], "getting the missing data of")


def late_results(workflow_id: int, node_id: int, late: LateResults) -> Request[LateAnswer]:
    """Deliver what a runner that is gone left in its journal."""
    path = f"/workflows/{workflow_id}/compute_nodes/{node_id}/late_results"
    doing = f"delivering results of an earlier runner of workflow {workflow_id}"
    return Request("POST", path, LateAnswer, doing, f"workflow {workflow_id}", body=late, repeatable=True)


def cancel_workflow(workflow_id: int) -> Request[WorkflowStatus]:
    return _on_workflow("PUT", workflow_id, "/cancel", WorkflowStatus, "cancelling")


def reset_workflow_status(workflow_id: int, *, force: bool = False) -> Request[WorkflowStatus]:
    query = {"force": force}
    return _on_workflow("POST", workflow_id, "/reset_status", WorkflowStatus, "resetting", query=query)


def reset_job_status(workflow_id: int, *, failed_only: bool = False) -> Request[JobReset]:
    query = {"failed_only": failed_only}
    return _on_workflow("POST", workflow_id, "/reset_job_status", JobReset, "resetting the jobs of", query=query)


def required_existing_files(workflow_id: int) -> Request[dict[str, list[int]]]:
    return _on_workflow("GET", workflow_id, "/required_existing_files", dict[str, list[int]], "getting the inputs of")


def list_jobs(
    workflow_id: int,
    *,
    status: str | None = None,
    upstream_job_id: int | None = None,
    name: str | None = None,
    needs_file_id: int | None = None,
    active_compute_node_id: int | None = None,
    include_relationships: bool = False,
    sort_by: str | None = None,
    reverse_sort: bool = False,
    offset: int = 0,
    limit: int = 10_000,
) -> Request[Page[Job]]:
    query = {
        "status": status,
        "upstream_job_id": upstream_job_id,
        "name": name,
        "needs_file_id": needs_file_id,
        "active_compute_node_id": active_compute_node_id,
        "include_relationships": include_relationships or None,
        **_page(offset, limit, sort_by, reverse_sort),
    }
    return _list("/jobs", workflow_id, Page[Job], "jobs", query)


def get_job(job_id: int) -> Request[Job]:
    return _on_job("GET", job_id, "", Job, "getting")


def retry_job(job_id: int, run_id: int, *, max_retries: int) -> Request[Job]:
    return _on_job("POST", job_id, f"/retry/{run_id}", Job, "retrying", {"max_retries": max_retries})


def cancel_job(job_id: int) -> Request[Job]:
    return _on_job("POST", job_id, "/cancel", Job, "cancelling")


def explain_job(job_id: int) -> Request[Explanation]:
    return _on_job("GET", job_id, "/explain", Explanation, "explaining")


def list_results(
    workflow_id: int,
    *,
    job_id: int | None = None,
    run_id: int | None = None,
    return_code: int | None = None,
    status: str | None = None,
    compute_node_id: int | None = None,
    all_runs: bool = False,
    sort_by: str | None = None,
    reverse_sort: bool = False,
    offset: int = 0,
    limit: int = 10_000,
) -> Request[Page[Result]]:
    query = {
        "job_id": job_id,
        "run_id": run_id,
        "return_code": return_code,
        "status": status,
        "compute_node_id": compute_node_id,
        "all_runs": all_runs,
        **_page(offset, limit, sort_by, reverse_sort),
    }
    return _list("/results", workflow_id, Page[Result], "results", query)


def list_files(
    workflow_id: int, *, is_output: bool | None = None, offset: int = 0, limit: int = 10_000
) -> Request[Page[File]]:
    query = {"is_output": is_output, **_page(offset, limit)}
    return _list("/files", workflow_id, Page[File], "files", query)


def list_compute_nodes(
    workflow_id: int,
    *,
    is_active: bool | None = None,
    scheduled_compute_node_id: int | None = None,
    sort_by: str | None = None,
    reverse_sort: bool = False,
    offset: int = 0,
    limit: int = 10_000,
) -> Request[Page[ComputeNode]]:
    query = {
        "is_active": is_active,
        "scheduled_compute_node_id": scheduled_compute_node_id,
        **_page(offset, limit, sort_by, reverse_sort),
    }
    return _list("/compute_nodes", workflow_id, Page[ComputeNode], "compute nodes", query)


def get_compute_node(node_id: int) -> Request[ComputeNode]:
    thing = f"compute node {node_id}"
    return Request("GET", f"/compute_nodes/{node_id}", ComputeNode, f"getting {thing}", thing)


def list_events(
    workflow_id: int,
    *,
    category: str | None = None,
    after_timestamp: int | None = None,
    sort_by: str | None = None,
    reverse_sort: bool = False,
    offset: int = 0,
    limit: int = 10_000,
) -> Request[Page[Event]]:
    query = {
        "category": category,
        "after_timestamp": after_timestamp,
        **_page(offset, limit, sort_by, reverse_sort),
    }
    return _list("/events", workflow_id, Page[Event], "events", query)


def _page(offset: int, limit: int, sort_by: str | None = None, reverse_sort: bool = False) -> dict[str, Any]:
    return {"offset": offset, "limit": limit, "sort_by": sort_by, "reverse_sort": reverse_sort or None}


def _list(path: str, workflow_id: int, answer: type[Any], things: str, query: dict[str, Any]) -> Request[Any]:
    doing = f"listing the {things} of workflow {workflow_id}"
    query = {"workflow_id": workflow_id, **query}
    return Request("GET", path, answer, doing, f"workflow {workflow_id}", query=query)


def _on_workflow(
    method: str,
    workflow_id: int,
    path: str,
    answer: type[Any],
    doing: str,
    *,
    query: dict[str, Any] | None = None,
    body: Any = None,
) -> Request[Any]:
    thing = f"workflow {workflow_id}"
    path = f"/workflows/{workflow_id}{path}"
    patience = 60.0 if method == "GET" else LONG_WORK
    return Request(method, path, answer, f"{doing} {thing}", thing, query=query or {}, body=body, patience=patience)


def _on_job(
    method: str, job_id: int, path: str, answer: type[Any], doing: str, query: dict[str, Any] | None = None
) -> Request[Any]:
    thing = f"job {job_id}"
    return Request(method, f"/jobs/{job_id}{path}", answer, f"{doing} {thing}", thing, query=query or {})
