"""`torc results`: how attempts ended."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.nearest import one_of
from torc_core.cli.output import duration, memory, print_list, print_table, shown_time
from torc_core.cli.paging import RESULT_FIELDS, STATUSES, page_options
from torc_core.cli.select import job_of, node_of, workflow_id
from torc_core.client import endpoints
from torc_core.client.request import Page, Request
from torc_core.models.resources import Result
from torc_core.models.status import JobStatus

FAILED_STATUSES = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)

COLUMNS = [
    "ID",
    "Job ID",
    "Job Name",
    "WF ID",
    "Run ID",
    "Attempt",
    "Return Code",
    "Exec Time",
    "Peak Mem",
    "Peak CPU %",
    "Completion Time",
    "Status",
]


@group()
def results() -> None:
    """How jobs ended: exit codes, times, memory and CPU."""


@results.command("list")
@click.argument("workflow", required=False)
@click.option("-j", "--job-id", "job", metavar="JOB", help="Only those of this job (id or name).")
@click.option("-r", "--run-id", type=int, help="Only those of this run.")
@click.option("--return-code", type=int, help="Only those with this exit code.")
@click.option("--failed", is_flag=True, help="Only those that did not succeed.")
@click.option(
    "-s", "--status", metavar="STATUS", callback=one_of(STATUSES), help="Only those of this status, such as failed."
)
@click.option("--compute-node", "node", metavar="NODE", help="Only those of this runner (id or host).")
@click.option("--all-runs", is_flag=True, help="Also those that a later attempt replaced.")
@page_options(RESULT_FIELDS)
@pass_app
def list_(
    app: App,
    /,
    workflow: str | None,
    job: str | None,
    node: str | None,
    failed: bool,
    limit: int,
    offset: int,
    **filters: Any,
) -> None:
    """List the latest result of each job of a workflow (id or name)."""
    number = workflow_id(app, workflow)
    filters["job_id"] = None if job is None else job_of(app, number, job)
    filters["compute_node_id"] = None if node is None else node_of(app, number, node)
    if failed and filters["status"]:
        raise click.UsageError("--failed and --status exclude each other")
    statuses = [status.label for status in FAILED_STATUSES] if failed else [filters["status"]]
    found: list[Result] = []
    for status in statuses:
        chosen = {**filters, "status": status}
        wanted = limit + offset - len(found)
        found += app.client.pages(partial(_request, number, chosen), wanted)
    found = found[offset:]
    app.note_limit(len(found), limit)
    if not found:
        app.client.send(endpoints.get_workflow(number))  # one that does not exist has an empty list, too
    if app.json:
        print_list("results", found)
    elif not found:
        click.echo(f"No results found for workflow ID: {number}")
    else:
        names = job_names(app, number, {result.job_id for result in found})
        rows = (_row(result, names.get(result.job_id, "-")) for result in found)
        print_table(COLUMNS, rows, title=f"Results for workflow ID {number}:", things="results")


def _request(number: int, filters: dict[str, Any], offset: int, size: int) -> Request[Page[Result]]:
    return endpoints.list_results(number, offset=offset, limit=size, **filters)


def job_names(app: App, workflow: int, wanted: set[int]) -> dict[int, str]:
    """Names of these jobs of a workflow, by id."""
    if len(wanted) <= 20:
        return {job: app.client.send(endpoints.get_job(job)).name for job in wanted}
    pages: Iterator[Any] = app.client.pages(lambda start, size: endpoints.list_jobs(workflow, offset=start, limit=size))
    return {int(job.id): job.name for job in pages if job.id in wanted}


def _row(result: Result, name: str) -> list[Any]:
    cpu = result.peak_cpu_percent
    return [
        result.id,
        result.job_id,
        name,
        result.workflow_id,
        result.run_id,
        result.attempt_id,
        result.return_code,
        duration(result.exec_time_minutes * 60),
        memory(result.peak_memory_bytes),
        "-" if cpu is None else f"{cpu:.1f}%",
        shown_time(result.completion_time),
        result.status,
    ]
