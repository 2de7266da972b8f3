"""`torc workflows`: create, look at, start over, cancel and delete."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import counts_text, print_fields, print_json, print_list, print_table, shown_time
from torc_core.cli.paging import WORKFLOW_FIELDS, page_options
from torc_core.cli.progress import ordered_counts
from torc_core.cli.select import workflow, workflow_id
from torc_core.client import endpoints
from torc_core.client.console import Part, workflow_rows
from torc_core.errors import TorcError
from torc_core.models.console import Row
from torc_core.models.progress import Summary
from torc_core.models.resources import Workflow, WorkflowStatus
from torc_core.models.status import ENDED
from torc_core.wording import count_of

STATES_AT_ONCE = 1_000

JSON_TEXTS = ("resource_monitor_config", "slurm_defaults", "metadata")
"""Fields that hold JSON as text, shown as what they mean (cli.md 0.4)."""


@group(
    lazy={
        "create": "torc_core.cli.creation:create_command",
        "execution-plan": "torc_core.cli.execution_plan:execution_plan",
        "run": "torc_core.cli.run:run",
        "initialize": "torc_core.cli.starting_over:initialize",
        "reinitialize": "torc_core.cli.reinitialize:reinitialize",
        "reset-status": "torc_core.cli.starting_over:reset_status",
    },
    sections={
        "Make and run": ["create", "run", "execution-plan"],
        "Look": ["list", "get", "status"],
        "Run again": ["initialize", "reinitialize", "reset-status"],
        "End": ["cancel", "delete"],
    },
)
def workflows() -> None:
    """Create, look at, start over, cancel and delete workflows."""


@workflows.command("list")
@page_options(WORKFLOW_FIELDS)
@click.option("--archived-only", is_flag=True, help="Only those that are archived.")
@click.option("--include-archived", is_flag=True, help="Also those that are archived.")
@click.option("--all-users", is_flag=True, help="Also those of others.")
@pass_app
def list_(
    app: App,
    limit: int,
    offset: int,
    sort_by: str | None,
    reverse_sort: bool,
    archived_only: bool,
    include_archived: bool,
    all_users: bool,
) -> None:
    """List your workflows."""
    user = None if all_users else app.client.user
    archived = None if include_archived else archived_only
    found = list(
        app.client.pages(
            lambda start, size: endpoints.list_workflows(
                user=user,
                is_archived=archived,
                sort_by=sort_by,
                reverse_sort=reverse_sort,
                offset=offset + start,
                limit=size,
            ),
            limit,
        )
    )
    app.note_limit(len(found), limit)
    if app.json:
        print_list("workflows", [expanded(one) for one in found])
    elif not found:
        click.echo("No workflows found" + ("" if all_users else f" for user: {user}"))
    else:
        states = _states(app, {int(one.id or 0) for one in found}, user)
        columns = ["ID", "Name", "Status", "Description", "Project", "Metadata", "Timestamp"]
        if all_users:
            columns.insert(1, "User")
        title = "Workflows of all users:" if all_users else f"Workflows for user {user}:"
        print_table(columns, (_row(one, states, all_users) for one in found), title=title, things="workflows")


def _states(app: App, wanted: set[int], user: str | None) -> dict[int, str]:
    """In one word how these workflows stand, and how many of their jobs have ended where some have not."""
    states: dict[int, str] = {}
    offset, total = 0, 1
    while wanted - states.keys() and offset < total:
        page = app.client.send(workflow_rows(Part(offset=offset, limit=STATES_AT_ONCE, sort="-id"), user))
        states |= {row["id"]: _state(row) for row in page.items}
        offset, total = offset + STATES_AT_ONCE, page.total
    return states


def _state(row: Row) -> str:
    counts = row.get("counts") or {}
    ended = sum(counts.get(status.label, 0) for status in ENDED)
    return f"{row['state']} {ended}/{row['total']}" if ended < row["total"] else str(row["state"])


def _row(one: Workflow, states: dict[int, str], with_user: bool) -> list[Any]:
    state = states.get(int(one.id or 0))
    row = [one.id, one.name, state, one.description, one.project, one.metadata, shown_time(one.timestamp)]
    return [row[0], one.user, *row[1:]] if with_user else row


def expanded(one: Workflow) -> dict[str, Any]:
    """A workflow's JSON with the texts that are JSON read; one that is not stays text."""
    fields: dict[str, Any] = msgspec.to_builtins(one)
    for name in JSON_TEXTS:
        if isinstance(fields.get(name), str):
            try:
                fields[name] = msgspec.json.decode(fields[name])
            except msgspec.DecodeError:
                continue
    return fields


@workflows.command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@pass_app
def get(app: App, id_or_name: str | None) -> None:
    """Show one workflow (id or name)."""
    one = workflow(app, id_or_name)
    if app.json:
        print_json(expanded(one), sort=True)
        return
    print_fields(
        [
            ("ID", one.id),
            ("Name", one.name),
            ("User", one.user),
            ("Description", one.description),
            ("Project", one.project),
            ("Metadata", one.metadata),
            ("Created", shown_time(one.timestamp)),
            ("Created from", one.origin),
            ("Folder of its jobs", one.cwd),
            ("Monitor", one.resource_monitor_config),
            ("Slurm defaults", one.slurm_defaults),
        ]
    )


@workflows.command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@pass_app
def status(app: App, id_or_name: str | None) -> None:
    """Show how many jobs of a workflow (id or name) are where."""
    number = workflow_id(app, id_or_name)
    summary = app.client.send(endpoints.summary(number))
    if app.json:
        print_json(_status(summary, app.client.send(endpoints.workflow_status(number))))
        return
    print_fields(
        [
            ("Workflow", f"{summary.workflow_id} '{summary.name}'"),
            ("Run ID", summary.run_id),
            ("Jobs", f"{summary.total}: {ordered_counts(summary)}" if summary.total else 0),
            ("Runners", summary.active_nodes),
            ("Complete", _yes(summary.is_complete)),
            ("Canceled", _yes(summary.is_canceled)),
            ("Archived", _yes(summary.is_archived)),
        ]
    )


def _status(summary: Summary, flags: WorkflowStatus) -> dict[str, Any]:
    """torc's status record, and what its own reports tell of the jobs and runners."""
    return {
        **msgspec.to_builtins(flags),
        "name": summary.name,
        "is_complete": summary.is_complete,
        "total_jobs": summary.total,
        "jobs_by_status": summary.counts,
        "active_compute_nodes": summary.active_nodes,
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@workflows.command()
@click.argument("id_or_name", metavar="[WORKFLOW]", required=False)
@pass_app
def cancel(app: App, id_or_name: str | None) -> None:
    """Stop a workflow (id or name): its jobs end, none starts.

    'torc run' goes on later with what is not completed.
    """
    number = workflow_id(app, id_or_name, destroys=True)
    summary = app.client.send(endpoints.summary(number))
    if _is_over(summary) and not summary.is_canceled:
        raise TorcError(f"every job of '{summary.name}' has ended; there is nothing to cancel")
    app.client.send(endpoints.cancel_workflow(number))
    if app.json:
        print_json({"canceled_slurm_jobs": [], "errors": None, "status": "success", "workflow_id": number})
    else:
        click.echo(f"Workflow {number} is canceled; 'torc run {number}' runs what is not completed")


def _is_over(summary: Summary) -> bool:
    """Whether it has jobs, all of which have ended, and no runner is still at its last actions."""
    return summary.active_nodes == 0 < summary.total == sum(summary.counts.get(status.label, 0) for status in ENDED)


@workflows.command()
@click.argument("ids_or_names", metavar="WORKFLOW...", nargs=-1)
@click.option("--no-prompts", is_flag=True, help="The same as --yes.")
@pass_app
def delete(app: App, ids_or_names: tuple[str, ...], no_prompts: bool) -> int:
    """Delete workflows (ids or names) with their jobs and results.

    What the jobs wrote into files stays.
    """
    chosen = [workflow(app, text, destroys=True) for text in ids_or_names or (None,)]
    for one in chosen:
        if one.user != app.client.user:
            raise TorcError(f"workflow {one.id} '{one.name}' belongs to {one.user!r}: only its owner deletes it")
    for one in chosen:
        counts = app.client.send(endpoints.summary(int(one.id or 0))).counts
        if at_work := _at_work(counts):
            raise TorcError(
                f"workflow {one.id} '{one.name}' is at work{at_work}; cancel it first: torc workflows cancel {one.id}"
            )
    if not no_prompts:
        for one in chosen:
            summary = app.client.send(endpoints.summary(int(one.id or 0)))
            app.confirm(f"Delete workflow {one.id} '{one.name}' with {count_of(summary.total, 'jobs')}?")
    deleted = [app.client.send(endpoints.delete_workflow(int(one.id or 0))) for one in chosen]
    if app.json:
        print_json([expanded(one) for one in deleted], sort=True)
    else:
        for one in deleted:
            click.echo(f"Workflow {one.id} '{one.name}' is deleted")
    return 0


def _at_work(counts: dict[str, int]) -> str:
    active = {label: counts.get(label, 0) for label in ("running", "pending")}
    return f" ({counts_text(active)})" if any(active.values()) else ""
