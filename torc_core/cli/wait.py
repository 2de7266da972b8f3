"""`torc wait ID`: until a workflow has ended, with an exit code that says how."""

from __future__ import annotations

import time

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.news import News
from torc_core.cli.output import print_json
from torc_core.cli.progress import all_done, make_progress, ordered_counts
from torc_core.cli.select import workflow_id
from torc_core.client import endpoints
from torc_core.errors import CannotFinishError, TorcError
from torc_core.models.progress import Summary
from torc_core.models.status import ACTIVE

GATHER_S = 0.1
"""Changes that come within so long are looked at together."""


@command()
@click.argument("workflow", required=False)
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="Give up after so long (exit code 1).")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@pass_app
def wait(app: App, workflow: str | None, timeout: float | None, quiet: bool) -> int:
    """Wait until a workflow (id or name) has ended.

    Exit code 0 when all its jobs are completed, 1 when some are not, 3 when no runner fits what is left.
    """
    number = workflow_id(app, workflow)
    summary = _wait(app, number, timeout, quiet)
    if summary.stuck:
        app.note(f"workflow {number} cannot go on: {summary.stuck}")
    if app.json:
        print_json(summary)
    else:
        how = "cannot go on" if summary.stuck else "was canceled" if summary.is_canceled else "ended"
        click.echo(f"Workflow {number} '{summary.name}' {how}: {ordered_counts(summary)}")
    if summary.stuck:
        return CannotFinishError.exit_code
    return 0 if all_done(summary) else 1


def _wait(app: App, number: int, timeout: float | None, quiet: bool) -> Summary:
    """The summary of a workflow that ended or cannot go on; TorcError when that takes too long."""
    deadline = None if timeout is None else time.monotonic() + timeout
    progress = make_progress(quiet or app.json)
    news = News(app, number)
    told = quiet
    try:
        while True:
            summary = app.client.send(endpoints.summary(number))
            if summary.is_complete and not any(summary.counts.get(status.label) for status in ACTIVE):
                return summary
            if summary.stuck:
                return summary
            if not summary.active_nodes and not told:
                progress.say(f"torc: no runner is at work on workflow {number}; 'torc run {number}' runs it")
                told = True
            progress.show(summary)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TorcError(f"workflow {number} has not ended after {timeout:g} s: {ordered_counts(summary)}")
            news.wait(left)
            time.sleep(GATHER_S)
    finally:
        progress.close()
