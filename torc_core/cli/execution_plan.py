"""`torc workflows execution-plan FILE|ID`: which jobs become ready when, and what is asked of schedulers then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from torc_core.cli.app import App, file_command, pass_app
from torc_core.cli.output import print_json
from torc_core.wording import count_of

if TYPE_CHECKING:
    from torc_core.spec.events import ExecutionPlan

WIDTH = 300
"""Characters of a line of names."""
EVENTS_SHOWN = 200


@file_command("execution-plan")
@click.argument("workflow", metavar="FILE|ID")
@pass_app
def execution_plan(app: App, workflow: str) -> None:
    """Show in which order the jobs of a workflow become ready.

    It is that of a FILE (- is standard input), or a stored one (ID).
    """
    from torc_core.cli.select import is_workflow_file
    from torc_core.spec.events import compacted

    stored = not is_workflow_file(workflow)
    plan = _of_stored(app, workflow) if stored else _of_file(app, workflow)
    if app.json:
        print_json(plan.as_json())
        return
    which = f"Workflow {plan.workflow_id} '{plan.name}'" if stored else f"Workflow '{plan.name}'"
    counts = [count_of(plan.jobs, "jobs"), count_of(plan.stages, "stages"), count_of(len(plan.events), "events")]
    click.echo(f"{which}: {', '.join(counts)}")
    for event in plan.events[:EVENTS_SHOWN]:
        click.echo(f"\n{'→' if event.triggers else '▶'} {event.description}")
        for allocation in event.allocations:
            nodes = count_of(allocation["num_allocations"], "allocations")
            click.echo(f"    asks {allocation['scheduler_type']} scheduler '{allocation['scheduler']}' for {nodes}")
        click.echo(f"    ready ({len(event.jobs):,}): {_cut(compacted(event.jobs))}")
    if len(plan.events) > EVENTS_SHOWN:
        click.echo(f"\n... and {count_of(len(plan.events) - EVENTS_SHOWN, 'more events')}; -f json has all")


def _of_file(app: App, file: str) -> ExecutionPlan:
    from torc_core.cli.creation import load
    from torc_core.spec.events import ExecutionPlan

    return ExecutionPlan(load(app, file, strict=False, skip_checks=True))


def _of_stored(app: App, text: str) -> ExecutionPlan:
    from torc_core.cli.select import workflow_id
    from torc_core.client import endpoints
    from torc_core.spec.events import ExecutionPlan
    from torc_core.spec.stored import stored_spec

    number = workflow_id(app, text)
    graph = app.client.send(endpoints.dependency_graph(number))
    actions = app.client.send(endpoints.list_actions(number))
    schedulers = app.client.send(endpoints.list_slurm_schedulers(number)).items if actions else []
    return ExecutionPlan(stored_spec(graph, actions, schedulers), workflow_id=number)


def _cut(names: str) -> str:
    return names if len(names) <= WIDTH else names[: WIDTH - 3] + "..."
