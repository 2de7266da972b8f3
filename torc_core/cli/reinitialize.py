"""`torc workflows reinitialize`: what ran with other inputs than there are now runs again, and all below it."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.inputs import WorkflowFiles
from torc_core.cli.output import print_json
from torc_core.cli.select import workflow_id
from torc_core.client import endpoints
from torc_core.client.request import Page, Request
from torc_core.errors import TorcError
from torc_core.models.reinitialize import FilesSeen, ReinitializeAnswer
from torc_core.models.resources import UserData
from torc_core.wording import count_of

LISTED = 10_000
"""Changed jobs that are listed at most."""


@command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@click.option("--force", is_flag=True, help="Even if input files or user data are missing.")
@click.option("--dry-run", is_flag=True, help="Only list the jobs that would run again, and why.")
@pass_app
def reinitialize(app: App, id_or_name: str | None, force: bool, dry_run: bool) -> int:
    """Run again what has changed in a workflow (id or name).

    Those are the jobs whose inputs changed, and all jobs below them.

    Inputs are files (time and size), user data, command, environment and folder. All other jobs stay as they are;
    'torc run' then runs what is ready.
    """
    number = workflow_id(app, id_or_name)
    files = WorkflowFiles(app, number)
    if not files.can_be_seen:
        app.note(f"files are not looked at: the folder of workflow {number}, {files.origin}, is not on this host")
    seen = FilesSeen(files=files.seen)
    missing, data = files.missing, _missing_data(app, number)
    if dry_run:
        plan = app.client.send(endpoints.reinitialize(number, seen, dry_run=True, limit=LISTED))
        return _tell_plan(app, plan, missing, data)
    if (missing or data) and not force:
        return _refuse(app, number, _lacking(missing, data))
    answer = app.client.send(endpoints.reinitialize(number, seen, dry_run=False, limit=0))
    if app.json:
        message = f"Successfully reinitialized workflow {number}"
        print_json({"message": message, "status": "success", "workflow_id": number, **_counts(answer)})
    elif not _running(answer):
        click.echo(f"Workflow {number} '{answer.name}': nothing has changed; {_kept(answer)}")
    else:
        click.echo(f"Workflow {number} '{answer.name}' is reinitialized as run {answer.run_id}: {_summary(answer)}")
        click.echo(f"'torc run {number}' runs them")
    return 0


def _missing_data(app: App, number: int) -> list[str]:
    """Names of user data that jobs read and that has no data."""
    ids = set(app.client.send(endpoints.missing_user_data(number))["user_data"])
    if not ids:
        return []

    def page(offset: int, limit: int) -> Request[Page[UserData]]:
        query = {"workflow_id": number, "offset": offset, "limit": limit}
        return Request("GET", "/user_data", Page[UserData], f"listing the user data of workflow {number}", query=query)

    return [record.name for record in app.client.pages(page) if record.id in ids]


def _lacking(missing: list[str], data: list[str]) -> str:
    parts = []
    if missing:
        parts.append(f"input files are missing: {', '.join(missing)}")
    if data:
        parts.append(f"user data has no data: {', '.join(data)}")
    return "; ".join(parts)


def _refuse(app: App, number: int, why: str) -> int:
    why += " (--force does it nevertheless)"
    if not app.json:
        raise TorcError(f"workflow {number} is not reinitialized: {why}")
    print_json({"message": f"Failed to reinitialize workflow: {why}", "status": "error", "workflow_id": number})
    return 1


def _tell_plan(app: App, plan: ReinitializeAnswer, missing: list[str], data: list[str]) -> int:
    safe = not (missing or data)
    if app.json:
        torcs = {
            "workflow_id": plan.workflow_id,
            "safe": safe,
            "missing_input_files": missing,
            "missing_input_file_count": len(missing),
            "existing_output_files": [],
            "existing_output_file_count": 0,
        }
        print_json({**torcs, "missing_user_data": data, **_counts(plan), "changed": msgspec.to_builtins(plan.changed)})
        return int(not safe)
    title = f"Workflow {plan.workflow_id} '{plan.name}'"
    if _running(plan):
        click.echo(f"{title}: {_summary(plan)}")
    else:
        click.echo(f"{title}: nothing has changed; {_kept(plan)}")
    for job in plan.changed:
        click.echo(f"  {job.name}: {', '.join(job.reasons)}")
    if plan.changed_count > len(plan.changed):
        click.echo(f"  ... and {plan.changed_count - len(plan.changed):,} more")
    if not safe:
        click.echo(f"It would be refused without --force: {_lacking(missing, data)}")
    return int(not safe)


def _counts(answer: ReinitializeAnswer) -> dict[str, Any]:
    names = ("run_id", "changed_count", "below_count", "uninitialized_count", "kept_count")
    return {name: getattr(answer, name) for name in names}


def _running(answer: ReinitializeAnswer) -> int:
    return answer.changed_count + answer.below_count + answer.uninitialized_count


def _kept(answer: ReinitializeAnswer) -> str:
    return f"{count_of(answer.kept_count, 'jobs')} {'stays as it is' if answer.kept_count == 1 else 'stay as they are'}"


def _summary(answer: ReinitializeAnswer) -> str:
    """`1 changed job and 3 below run again, 96 jobs stay as they are`."""
    parts = []
    if answer.changed_count:
        parts.append(count_of(answer.changed_count, "changed jobs"))
    if answer.uninitialized_count:
        parts.append(f"{answer.uninitialized_count} that were reset or never started")
    if answer.below_count:
        parts.append(f"{answer.below_count} below")
    return f"{' and '.join(parts)} run again, {_kept(answer)}"
