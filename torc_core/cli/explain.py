"""`torc explain JOB`: why a job does not run, or how it ended."""

from __future__ import annotations

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.output import print_json, with_local_times
from torc_core.cli.select import job_argument, job_id
from torc_core.client import endpoints


@command()
@job_argument
@pass_app
def explain(app: App, job: str, of: str | None) -> None:
    """Say why a job does not run, or how it ended.

    JOB is an id, or a name in the workflow of -w. It tells which jobs it waits for, what it needs that no machine
    offers, who runs it, its exit code and last errors.
    """
    answer = app.client.send(endpoints.explain_job(job_id(app, job, of)))
    if app.json:
        print_json(answer)
        return
    click.echo(with_local_times(f"{answer.name} (job {answer.job_id}) {answer.why}"))
    for line in answer.details:
        click.echo(with_local_times(f"  {line}"))
