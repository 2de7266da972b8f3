"""`torc compute-nodes`: the runners of a workflow, and when they were last heard of."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import duration, print_fields, print_json, print_list, print_table, shown_time
from torc_core.cli.paging import NODE_FIELDS, page_options
from torc_core.cli.select import workflow_id
from torc_core.client import endpoints
from torc_core.models.resources import ComputeNode

COLUMNS = ["ID", "Hostname", "PID", "CPUs", "Memory (GB)", "GPUs", "Active", "Lease Age", "Start Time", "Duration"]


@group("compute-nodes")
def compute_nodes() -> None:
    """The runners of a workflow, present and past."""


@compute_nodes.command("list")
@click.argument("workflow", required=False)
@click.option("--active", is_flag=True, help="Only those that have not left.")
@click.option("--scheduled-compute-node", "scheduled", type=int, metavar="ID", help="Only those of this allocation.")
@page_options(NODE_FIELDS, short=True)
@pass_app
def list_(
    app: App, /, workflow: str | None, active: bool, scheduled: int | None, limit: int, offset: int, **order: Any
) -> None:
    """List the runners of WORKFLOW (id or name).

    Lease Age is the time since a runner was last heard of, and when its lease ends: its jobs run elsewhere then.
    """
    number = workflow_id(app, workflow)
    pages = app.client.pages(
        lambda start, size: endpoints.list_compute_nodes(
            number,
            is_active=active or None,
            scheduled_compute_node_id=scheduled,
            offset=start,
            limit=size,
            **order,
        ),
        limit + offset,
    )
    found = list(islice(pages, offset, None))
    app.note_limit(len(found), limit)
    if not found:
        app.client.send(endpoints.get_workflow(number))  # one that does not exist has an empty list, too
    if app.json:
        print_list("compute_nodes", found)
    elif not found:
        click.echo(f"No compute nodes found for workflow ID: {number}")
    else:
        print_table(COLUMNS, map(_row, found), title=f"Compute nodes for workflow ID {number}:", things="compute nodes")


@compute_nodes.command("get")
@click.argument("node", type=int)
@pass_app
def get(app: App, node: int) -> None:
    """Show the runner NODE (id)."""
    found = app.client.send(endpoints.get_compute_node(node))
    if app.json:
        print_json(found)
        return
    print_fields([
        ("Compute node", found.id),
        ("Workflow", found.workflow_id),
        ("Host", found.hostname),
        ("PID", found.pid),
        ("Kind", found.compute_node_type),
        ("Offers", f"{found.num_cpus} CPUs, {found.memory_gb:.1f} GB memory, {found.num_gpus} GPUs"),
        ("Active", "yes" if found.is_active else "no"),
        ("Lease age", _lease(found)),
        ("Started", shown_time(found.start_time)),
        ("Duration", None if found.duration_seconds is None else duration(found.duration_seconds)),
    ])  # fmt: skip


def _lease(node: ComputeNode) -> str | None:
    if node.lease_age_s is None or node.lease_s is None:
        return None
    return f"{duration(node.lease_age_s)} of {duration(node.lease_s)}"


def _row(node: ComputeNode) -> list[Any]:
    return [
        node.id,
        node.hostname,
        node.pid,
        node.num_cpus,
        f"{node.memory_gb:.1f}",
        node.num_gpus,
        "yes" if node.is_active else "no",
        _lease(node) or "-",
        shown_time(node.start_time),
        "-" if node.duration_seconds is None else duration(node.duration_seconds),
    ]
