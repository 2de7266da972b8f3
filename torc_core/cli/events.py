"""`torc events`: the notes kept with a workflow, and with --follow everything that changes."""

from __future__ import annotations

import sys
from typing import Any

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.happenings import Teller, event_kind, event_text
from torc_core.cli.nearest import nearest_hint
from torc_core.cli.output import local_time, print_json_line, print_list, print_table
from torc_core.cli.paging import EVENT_FIELDS, page_options
from torc_core.cli.select import workflow_id
from torc_core.client import endpoints
from torc_core.client.stream import Change
from torc_core.models.resources import Event


@command()
@click.argument("words", metavar="[list|monitor] [WORKFLOW]", nargs=-1)
@click.option("--follow", is_flag=True, help="Show what changes from now on, until Ctrl-C.")
@click.option("--after", type=int, metavar="CHANGE", help="With --follow: from after this change on.")
@click.option(
    "-t", "--type", "--category", "category", metavar="CATEGORY", help="Only those of this category; not with --follow."
)
@page_options(EVENT_FIELDS, short=True)
@pass_app
def events(
    app: App,
    words: tuple[str, ...],
    follow: bool,
    after: int | None,
    category: str | None,
    limit: int,
    offset: int,
    sort_by: str | None,
    reverse_sort: bool,
) -> None:
    """Show cancels, retries, resets and notes of a workflow (id or name).

    With --follow (or 'monitor') show every change as it happens; without WORKFLOW those of all workflows. With -f json
    a change of jobs has their ids: 7 is one job, [141, 170] all from 141 to 170.
    """
    verb, words = (words[0], words[1:]) if words and words[0] in ("list", "monitor") else ("list", words)
    if len(words) > 1:
        raise click.UsageError(f"one workflow at a time, not {' '.join(words)}")
    named = words[0] if words else None
    if follow or verb == "monitor":
        if category:
            raise click.UsageError("--type chooses among the events that are kept; --follow shows changes, all of them")
        _follow(app, workflow_id(app, named) if named else None, after)
        return
    number = workflow_id(app, named)
    found = list(
        app.client.pages(
            lambda start, size: endpoints.list_events(
                number,
                category=category,
                sort_by=sort_by,
                reverse_sort=reverse_sort,
                offset=offset + start,
                limit=size,
            ),
            limit,
        )
    )
    app.note_limit(len(found), limit)
    if not found:
        _note_nothing(app, number, category)
    _show(app, number, found)


def _note_nothing(app: App, number: int, category: str | None) -> None:
    """Why there are no events, and how to see what happens."""
    app.client.send(endpoints.get_workflow(number))
    kinds = {event_kind(event) for event in app.client.send(endpoints.list_events(number)).items}
    if category and kinds:
        app.note(f"there are none of {category!r}, but of {', '.join(sorted(kinds))}{nearest_hint(category, kinds)}")
    else:
        app.note(
            "events are cancels, retries, resets and what users noted; "
            f"'torc events {number} --follow --after 0' shows all that changed"
        )


def _show(app: App, number: int, found: list[Event]) -> None:
    if app.json:
        print_list("events", [_record(event) for event in found])
    elif not found:
        click.echo(f"No events found for workflow ID: {number}")
    else:
        print_table(
            ["Timestamp", "Level", "Event Type", "What"],
            (_row(event) for event in found),
            title=f"Events for workflow ID {number}:",
            things="events",
        )


def _record(event: Event) -> dict[str, Any]:
    formatted = local_time(event.timestamp)
    return {
        "id": event.id,
        "workflow_id": event.workflow_id,
        "timestamp": event.timestamp,
        "timestamp_formatted": formatted,
        "data": event.data,
    }


def _row(event: Event) -> list[str]:
    data = event.data if isinstance(event.data, dict) else {}
    level = data.get("severity", "info")
    return [local_time(event.timestamp), level, event_kind(event), event_text(event)]


def _follow(app: App, number: int | None, after: int | None) -> None:
    if number is not None:
        app.client.send(endpoints.get_workflow(number))
    teller = Teller(app)
    for change in app.client.changes(number, after):
        if change.event == "open":
            continue
        if change.event == "reset":
            app.note("changes that old are no longer kept; following from now on")
            continue
        if app.json:
            print_json_line(_as_json(change))
        elif text := teller.text(change):
            moment, of = local_time(change.data.get("ms", 0)), change.data.get("workflow_id", "-")
            click.echo(f"{moment}  workflow {of}  {text}")
            sys.stdout.flush()


def _as_json(change: Change) -> dict[str, Any]:
    data = dict(change.data)
    moment = data.pop("ms", 0)
    return {
        "id": change.id,
        "workflow_id": data.pop("workflow_id", None),
        "timestamp": moment,
        "timestamp_formatted": local_time(moment),
        "event_type": change.event,
        "data": data,
    }
