"""`torc workflows execution-plan FILE`: which jobs become ready when, and what is asked of schedulers then."""

from __future__ import annotations

import click

from torc_core.cli.app import App, file_command, pass_app
from torc_core.cli.output import print_json
from torc_core.wording import count_of

WIDTH = 300
"""Characters of a line of names."""
EVENTS_SHOWN = 200


@file_command("execution-plan")
@click.argument("file")
@pass_app
def execution_plan(app: App, file: str) -> None:
    """Show in which order the jobs of FILE (- is standard input) become ready."""
    from torc_core.cli.creation import require_file, require_valid
    from torc_core.spec import load_workflow
    from torc_core.spec.events import as_json, compacted, execution_events

    require_file(file)
    loaded = load_workflow(file, format=app.options.get("input_format"), skip_checks=True)
    spec = require_valid(app, file, loaded)
    events = execution_events(spec)
    if app.json:
        print_json(as_json(spec, events))
        return
    jobs, number = count_of(len(spec.jobs), "jobs"), count_of(len(events), "events")
    click.echo(f"Workflow '{spec.name}': {jobs}, {number}")
    for event in events[:EVENTS_SHOWN]:
        click.echo(f"\n{'→' if event.triggers else '▶'} {event.description}")
        for allocation in event.allocations:
            nodes = count_of(allocation["num_allocations"], "allocations")
            click.echo(f"    asks {allocation['scheduler_type']} scheduler '{allocation['scheduler']}' for {nodes}")
        click.echo(f"    ready ({len(event.jobs):,}): {_cut(compacted(event.jobs))}")
    if len(events) > EVENTS_SHOWN:
        click.echo(f"\n... and {count_of(len(events) - EVENTS_SHOWN, 'more events')}; -f json has all")


def _cut(names: str) -> str:
    return names if len(names) <= WIDTH else names[: WIDTH - 3] + "..."
