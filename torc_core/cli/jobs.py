"""`torc jobs`: list, look at, retry, cancel, and read what they wrote."""

from __future__ import annotations

from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import print_fields, print_json, print_list, print_table
from torc_core.cli.select import job_argument, job_id, jobs_argument, workflow_id
from torc_core.client import endpoints
from torc_core.models.resources import Job
from torc_core.models.status import JobStatus

ANY_ATTEMPT = 2**31 - 1
"""`max_retries` of a retry that the user asks for: no limit."""


@group(lazy={"logs": "torc_core.cli.job_logs:logs"})
def jobs() -> None:
    """The jobs of workflows."""


@jobs.command("list")
@click.argument("workflow", required=False)
@click.option("-s", "--status", type=click.Choice([status.label for status in JobStatus]), help="Only these.")
@click.option("--upstream-job-id", type=int, metavar="JOB", help="Only those that depend directly on JOB.")
@click.option("-l", "--limit", type=click.IntRange(0), default=10_000, show_default=True, help="So many at most.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Pass over so many.")
@click.option("--sort-by", metavar="FIELD", help="Order of the list.  [default: id]")
@click.option("--reverse-sort", is_flag=True, help="Turn the order round.")
@click.option("--include-relationships", is_flag=True, help="With dependencies and files (JSON).")
@pass_app
def list_(app: App, /, workflow: str | None, limit: int, offset: int, **filters: Any) -> None:
    """List the jobs of WORKFLOW (id or name)."""
    number = workflow_id(app, workflow)
    found = list(
        app.client.pages(
            lambda start, size: endpoints.list_jobs(number, offset=offset + start, limit=size, **filters), limit
        )
    )
    app.note_limit(len(found), limit)
    if app.json:
        print_list("jobs", found)
    elif not found:
        app.client.send(endpoints.get_workflow(number))
        click.echo(f"No jobs found for workflow ID: {number}")
    else:
        rows = ((job.id, job.name, job.status, job.command) for job in found)
        print_table(["ID", "Name", "Status", "Command"], rows, title=f"Jobs for workflow ID {number}:", things="jobs")


@jobs.command()
@job_argument
@pass_app
def get(app: App, job: str, of: str | None) -> None:
    """Show JOB (id, or name with -w)."""
    found = app.client.send(endpoints.get_job(job_id(app, job, of)))
    if app.json:
        print_json(found)
        return
    print_fields(
        [
            ("ID", found.id),
            ("Name", found.name),
            ("Command", found.command),
            ("Workflow ID", found.workflow_id),
            ("Status", found.status),
            ("Attempt", found.attempt_id),
            ("Depends on jobs", _ids(found.depends_on_job_ids)),
            ("Input files", _ids(found.input_file_ids)),
            ("Output files", _ids(found.output_file_ids)),
            ("Requirements", found.resource_requirements_id),
            ("Folder", found.cwd),
        ]
    )


@jobs.command()
@jobs_argument
@pass_app
def retry(app: App, job: tuple[str, ...], of: str | None) -> None:
    """Make failed JOBs (ids, or names with -w) ready again, and what was canceled below them wait again."""
    retried: list[Job] = []
    for number in [job_id(app, text, of) for text in job]:
        status = app.client.send(endpoints.workflow_status(app.client.send(endpoints.get_job(number)).workflow_id))
        retried.append(app.client.send(endpoints.retry_job(number, status.run_id, max_retries=ANY_ATTEMPT)))
    _tell(app, retried, "is ready again")
    for workflow in sorted({one.workflow_id for one in retried}):
        if not app.client.send(endpoints.summary(workflow)).active_nodes:
            app.note(f"no runner is at work on workflow {workflow}: 'torc run {workflow}' runs what is left")


@jobs.command()
@jobs_argument
@pass_app
def cancel(app: App, job: tuple[str, ...], of: str | None) -> None:
    """Cancel JOBs (ids, or names with -w): what runs is stopped, what depends on it follows its own cancel flag."""
    numbers = [job_id(app, text, of) for text in job]
    _tell(app, [app.client.send(endpoints.cancel_job(number)) for number in numbers], "is canceled")


def _tell(app: App, changed: list[Job], what: str) -> None:
    if app.json:
        print_list("jobs", changed)
    else:
        for job in changed:
            click.echo(f"Job {job.id} '{job.name}' {what}")


def _ids(ids: list[int] | None) -> str | None:
    return ", ".join(map(str, ids)) if ids else None
