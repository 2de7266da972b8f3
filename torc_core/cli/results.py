"""`torc results`: how attempts ended."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import duration, memory, print_list, print_table
from torc_core.cli.select import workflow_id
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
@click.option("-j", "--job-id", type=int, help="Only those of this job.")
@click.option("-r", "--run-id", type=int, help="Only those of this run.")
@click.option("--return-code", type=int, help="Only those with this exit code.")
@click.option("--failed", is_flag=True, help="Only those that did not succeed.")
@click.option("-s", "--status", type=click.Choice([status.label for status in JobStatus]), help="Only these.")
@click.option("--compute-node", "compute_node_id", type=int, metavar="ID", help="Only those of this runner.")
@click.option("--all-runs", is_flag=True, help="Also those that a later attempt replaced.")
@click.option("-l", "--limit", type=click.IntRange(0), default=10_000, show_default=True, help="So many at most.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Pass over so many.")
@click.option("--sort-by", metavar="FIELD", help="Order of the list.  [default: id]")
@click.option("--reverse-sort", is_flag=True, help="Turn the order round.")
@pass_app
def list_(app: App, /, workflow: str | None, failed: bool, limit: int, offset: int, **filters: Any) -> None:
    """List the results of WORKFLOW (id or name): the latest of each job."""
    number = workflow_id(app, workflow)
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
    if app.json:
        print_list("results", found)
    elif not found:
        app.client.send(endpoints.get_workflow(number))
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
        result.completion_time,
        result.status,
    ]
