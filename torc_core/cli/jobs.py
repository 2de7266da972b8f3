"""`torc jobs`: list, look at, retry, cancel, and read what they wrote."""

from __future__ import annotations

from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.nearest import one_of
from torc_core.cli.output import duration, print_fields, print_json, print_list, print_table, with_local_times
from torc_core.cli.paging import JOB_FIELDS, STATUSES, page_options
from torc_core.cli.select import job_argument, job_id, job_of, jobs_argument, workflow_id
from torc_core.client import endpoints
from torc_core.client.console import job_detail
from torc_core.errors import TorcError
from torc_core.models.console import Row
from torc_core.models.resources import Job
from torc_core.units import format_memory
from torc_core.wording import count_of

NEIGHBOURS_SHOWN = 10
"""So many jobs before and after a job are named."""

NOT_RETRIABLE = ("uninitialized", "blocked", "ready", "pending", "completed", "canceled", "disabled")

ANY_ATTEMPT = 2**31 - 1
"""`max_retries` of a retry that the user asks for: no limit."""


@group(lazy={"logs": "torc_core.cli.job_logs:logs"})
def jobs() -> None:
    """List, look at, retry and cancel jobs, and read their output."""


@jobs.command("list")
@click.argument("workflow", required=False)
@click.option(
    "-s", "--status", metavar="STATUS", callback=one_of(STATUSES), help="Only those of this status, such as failed."
)
@click.option(
    "--upstream-job-id", "upstream", metavar="JOB", help="Only those that depend directly on JOB (id or name)."
)
@page_options(JOB_FIELDS)
@click.option("--include-relationships", is_flag=True, help="With dependencies and files (JSON).")
@pass_app
def list_(app: App, /, workflow: str | None, upstream: str | None, limit: int, offset: int, **filters: Any) -> None:
    """List the jobs of a workflow (id or name)."""
    number = workflow_id(app, workflow)
    filters["upstream_job_id"] = None if upstream is None else job_of(app, number, upstream)
    found = list(
        app.client.pages(
            lambda start, size: endpoints.list_jobs(number, offset=offset + start, limit=size, **filters), limit
        )
    )
    app.note_limit(len(found), limit)
    if not found:
        app.client.send(endpoints.get_workflow(number))  # one that does not exist has an empty list, too
    if app.json:
        print_list("jobs", found)
    elif not found:
        click.echo(f"No jobs found for workflow ID: {number}")
    else:
        rows = ((job.id, job.name, job.status, job.command) for job in found)
        print_table(["ID", "Name", "Status", "Command"], rows, title=f"Jobs for workflow ID {number}:", things="jobs")


@jobs.command()
@job_argument
@pass_app
def get(app: App, job: str, of: str | None) -> None:
    """Show a job with the jobs and files around it.

    JOB is an id, or a name in the workflow of -w.
    """
    number = job_id(app, job, of)
    found = app.client.send(endpoints.get_job(number))
    if app.json:
        print_json(found)
        return
    around = app.client.send(job_detail(number))
    print_fields(
        [
            ("ID", found.id),
            ("Name", found.name),
            ("Command", found.command),
            ("Workflow", f"{found.workflow_id} '{around.workflow_name}'"),
            ("Status", with_local_times(around.why)),
            ("Attempt", found.attempt_id),
            ("Depends on", _jobs(around.needs, around.needs_total)),
            ("Needed by", _jobs(around.unlocks, around.unlocks_total)),
            ("Input files", _paths(around.inputs)),
            ("Output files", _paths(around.outputs)),
            ("Requirements", _requirements(around.requirements)),
            ("Folder", found.cwd),
        ]
    )


def _jobs(neighbours: list[tuple[int, str, str]], total: int) -> str | None:
    """`first (job 1, completed), …`."""
    shown = [f"{name} (job {number}, {status})" for number, name, status in neighbours[:NEIGHBOURS_SHOWN]]
    more = [f"and {total - len(shown)} more"] if total > len(shown) else []
    return ", ".join(shown + more) or None


def _paths(files: list[Row]) -> str | None:
    return ", ".join(f"{file['name']} ({file['path']})" for file in files) or None


def _requirements(row: Row) -> str:
    if row["built_in"]:
        return f"{row['name']} ({count_of(row['cpus'], 'CPUs')}, no limits)"
    parts = [count_of(row["cpus"], "CPUs"), f"{format_memory(row['memory'])} memory"]
    parts += [count_of(row["gpus"], "GPUs")] if row.get("gpus") else []
    parts += [f"{row['nodes']} nodes"] if row.get("nodes", 1) > 1 else []
    parts.append(f"{duration(row['runtime'])} at most")
    return f"{row['name']} ({', '.join(parts)})"


@jobs.command()
@jobs_argument
@pass_app
def retry(app: App, job: tuple[str, ...], of: str | None) -> None:
    """Make failed jobs ready again.

    Jobs that were canceled because of them wait again. JOBs are ids, or names in the workflow of -w.
    """
    chosen = [app.client.send(endpoints.get_job(job_id(app, text, of, destroys=True))) for text in job]
    for one in chosen:
        _require_retriable(app, one)
    retried: list[Job] = []
    for one in chosen:
        run = app.client.send(endpoints.workflow_status(one.workflow_id)).run_id
        retried.append(app.client.send(endpoints.retry_job(int(one.id or 0), run, max_retries=ANY_ATTEMPT)))
    _tell(app, retried, "is ready again")
    for workflow in sorted({one.workflow_id for one in retried}):
        if not app.client.send(endpoints.summary(workflow)).active_nodes:
            app.note(f"no runner is at work on workflow {workflow}: 'torc run {workflow}' runs what is left")


def _require_retriable(app: App, job: Job) -> None:
    """TorcError with the way out for a job that has not failed."""
    if job.status not in NOT_RETRIABLE:
        return
    why = app.client.send(endpoints.explain_job(int(job.id or 0))).why
    ways = {
        "canceled": f"retry the job whose failure canceled it, or run all that is left: torc run {job.workflow_id}",
        "completed": f"to run it once more, reset its workflow: torc workflows reset-status {job.workflow_id}",
        "disabled": "only jobs that failed are retried",
    }
    way = ways.get(str(job.status), f"it has not run yet: torc run {job.workflow_id}")
    raise TorcError(f"job {job.id} '{job.name}' cannot be retried: {with_local_times(why)}; {way}")


@jobs.command()
@jobs_argument
@pass_app
def cancel(app: App, job: tuple[str, ...], of: str | None) -> None:
    """Cancel jobs: what runs is stopped.

    Jobs that depend on them are canceled too, unless the file says otherwise (cancel_on_blocking_job_failure). JOBs are
    ids, or names in the workflow of -w.
    """
    numbers = [job_id(app, text, of, destroys=True) for text in job]
    _tell(app, [app.client.send(endpoints.cancel_job(number)) for number in numbers], "is canceled")


def _tell(app: App, changed: list[Job], what: str) -> None:
    if app.json:
        print_list("jobs", changed)
    else:
        for job in changed:
            click.echo(f"Job {job.id} '{job.name}' {what}")
