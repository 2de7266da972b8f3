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
    for line in _beyond(answer.why, answer.details):
        click.echo(with_local_times(f"  {line}"))


def _beyond(why: str, details: list[str]) -> list[str]:
    """The details that say more than `why`: without a parent that is the only one of its list, and is named there."""
    said = set()
    for kind in ("waits for ", "ended without success: "):
        listed = [line for line in details if line.startswith(kind)]
        if len(listed) == 1 and why.endswith(listed[0].removeprefix(kind)):
            said.add(listed[0])
    return [line for line in details if line not in said]
