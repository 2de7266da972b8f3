"""`torc workflows initialize` and `reset-status`: jobs become ready, or go back to their start."""

from __future__ import annotations

from typing import Any

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.inputs import WorkflowFiles
from torc_core.cli.output import counts_text, print_json
from torc_core.cli.progress import ordered_counts
from torc_core.cli.select import workflow_id
from torc_core.client import endpoints
from torc_core.errors import TorcError
from torc_core.models.progress import Summary


@command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@click.option("--force", is_flag=True, help="Even if input files are missing.")
@click.option("--no-prompts", is_flag=True, help="The same as --yes.")
@click.option("--dry-run", is_flag=True, help="Only say which input files are missing.")
@pass_app
def initialize(app: App, id_or_name: str | None, force: bool, no_prompts: bool, dry_run: bool) -> int:
    """Start a workflow (id or name) over from its beginning.

    All its jobs become ready, or wait for others; 'torc run' runs them. Asks before results are set aside.
    """
    number = workflow_id(app, id_or_name, destroys=True)
    summary = app.client.send(endpoints.summary(number))
    files = WorkflowFiles(app, number)
    missing = files.missing
    if dry_run:
        return _tell_dry_run(app, number, missing)
    if missing and not force:
        return _refuse(app, number, f"input files are missing: {', '.join(missing)} (--force starts it nevertheless)")
    lost = {label: n for label, n in summary.counts.items() if label not in ("uninitialized", "blocked", "ready")}
    if any(lost.values()):
        if not no_prompts:
            app.confirm(f"Workflow {number} '{summary.name}' has {counts_text(lost)} jobs: discard this progress?")
        app.client.send(endpoints.reset_workflow_status(number))
    if summary.counts.get("uninitialized", 0) < summary.total:
        app.client.send(endpoints.reset_job_status(number))
    files.record()
    app.client.send(endpoints.restart(number, dry_run=False))
    _tell_started(app, number)
    return 0


def _tell_started(app: App, number: int) -> None:
    message = f"Successfully started workflow {number}"
    if app.json:
        print_json({"message": message, "status": "success", "workflow_id": number})
        return
    summary = app.client.send(endpoints.summary(number))
    click.echo(f"Workflow {number} '{summary.name}' is initialized as run {summary.run_id}: {ordered_counts(summary)}")


def _refuse(app: App, number: int, why: str) -> int:
    if not app.json:
        raise TorcError(f"workflow {number} is not started: {why}")
    print_json({"message": f"Failed to start workflow: {why}", "status": "error", "workflow_id": number})
    return 1


def _tell_dry_run(app: App, number: int, missing: list[str]) -> int:
    if app.json:
        print_json(
            {
                "existing_output_file_count": 0,
                "existing_output_files": [],
                "missing_input_file_count": len(missing),
                "missing_input_files": missing,
                "safe": not missing,
                "workflow_id": number,
            }
        )
    elif missing:
        click.echo(f"Workflow {number} cannot start: input files are missing")
        for path in missing:
            click.echo(f"  {path}")
    else:
        click.echo(f"Workflow {number} can start: every input file is there")
    return 1 if missing else 0


@command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@click.option("--failed-only", is_flag=True, help="Only jobs that did not succeed, and all below them.")
@click.option("-r", "--reinitialize", is_flag=True, help="Then make what was reset ready or blocked, as a new run.")
@click.option("--force", is_flag=True, help="Even if jobs are running; they are stopped.")
@click.option("--no-prompts", is_flag=True, help="The same as --yes.")
@pass_app
def reset_status(
    app: App, id_or_name: str | None, failed_only: bool, reinitialize: bool, force: bool, no_prompts: bool
) -> int:
    """Take a workflow (id or name) back, as if nothing had run.

    Its jobs become uninitialized: they wait for 'torc run' or 'torc workflows initialize'.
    """
    number = workflow_id(app, id_or_name, destroys=True)
    summary = app.client.send(endpoints.summary(number))
    if not no_prompts:
        what = "the jobs that did not succeed" if failed_only else f"all {summary.total} jobs"
        app.confirm(f"Reset {what} of workflow {number} '{summary.name}' ({ordered_counts(summary)})?")
    messages: list[str] = []
    done: dict[str, Any] = {"job_reset": False, "reinitialize": None, "workflow_reset": False}
    try:
        _reset(app, summary, failed_only, force, done, messages)
        if reinitialize:
            done["reinitialize"] = False
            app.client.send(endpoints.restart(number, dry_run=False))
            done["reinitialize"] = True
            messages.append(f"Successfully started workflow {number}")
    except TorcError as error:
        if not app.json:
            raise
        _print_reset(number, failed_only, messages, done, [str(error)])
        return 1
    if app.json:
        _print_reset(number, failed_only, messages, done, None)
    else:
        for message in messages:
            click.echo(message)
    return 0


def _reset(
    app: App, summary: Summary, failed_only: bool, force: bool, done: dict[str, Any], messages: list[str]
) -> None:
    """Reset the workflow, then its jobs; stops at the first refusal."""
    number = summary.workflow_id
    app.client.send(endpoints.reset_workflow_status(number, force=force))
    done["workflow_reset"] = True
    messages.append(f"Successfully reset workflow status for workflow {number}")
    answer = app.client.send(endpoints.reset_job_status(number, failed_only=failed_only))
    done["job_reset"] = True
    messages.append(f"Successfully reset {answer.updated_count} jobs of workflow {number}")


def _print_reset(
    number: int, failed_only: bool, messages: list[str], done: dict[str, Any], errors: list[str] | None
) -> None:
    shape = {
        "failed_only": failed_only,
        "messages": messages,
        "operations": done,
        "status": "error" if errors else "success",
        "workflow_id": number,
    }
    print_json({**shape, "errors": errors} if errors else shape)
