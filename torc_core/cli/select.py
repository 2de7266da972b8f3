"""Which workflow or file an argument means: ids, unambiguous names, or a choice on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.errors import InputError
from torc_core.models.resources import Workflow

FILE_SUFFIXES = (".yaml", ".yml", ".json", ".json5", ".kdl")

MENU_LIMIT = 50


def is_workflow_file(text: str) -> bool:
    """Whether the argument is a workflow file: by its suffix, or because there is such a file (cli.md 1)."""
    return text.lower().endswith(FILE_SUFFIXES) or Path(text).is_file()


def workflow_id(app: App, text: str | None) -> int:
    """The id that an id, a name or a choice from a menu means; an id is not looked up.

    InputError when a name is unknown or means several, or when there is nothing to choose from or no terminal.
    """
    if text is None:
        return _choose(app)
    if text.isdigit():
        return int(text)
    found = app.client.send(endpoints.list_workflows(name=text, user=app.client.user, limit=MENU_LIMIT)).items
    if not found:
        found = app.client.send(endpoints.list_workflows(name=text, limit=MENU_LIMIT)).items
    if not found:
        raise InputError(f"no workflow is called {text!r}; 'torc workflows list' shows yours")
    if len(found) > 1:
        ids = ", ".join(str(workflow.id) for workflow in found)
        raise InputError(f"{len(found)} workflows are called {text!r}: give one of the ids {ids}")
    return int(found[0].id or 0)


def workflow(app: App, text: str | None) -> Workflow:
    """The workflow that an id, a name or a choice means."""
    return app.client.send(endpoints.get_workflow(workflow_id(app, text)))


def _choose(app: App) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("which workflow? Give its id or name; 'torc workflows list' shows yours")
    request = endpoints.list_workflows(user=app.client.user, is_archived=False, limit=MENU_LIMIT, reverse_sort=True)
    found = app.client.send(request).items
    if not found:
        raise InputError(f"user {app.client.user!r} has no workflows; 'torc run FILE' makes one")
    for one in found:
        click.echo(f"{one.id:>6}  {one.name}  {one.description or ''}".rstrip(), err=True)
    ids = click.Choice([str(one.id) for one in found])
    return int(click.prompt("Workflow", type=ids, show_choices=False, default=str(found[0].id), err=True))
