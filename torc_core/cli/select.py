"""Which workflow, job or file an argument means: ids, unambiguous names, or a choice on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.errors import InputError
from torc_core.models.resources import Workflow

FILE_SUFFIXES = (".yaml", ".yml", ".json", ".json5", ".kdl")

MENU_LIMIT = 50


def is_workflow_file(text: str) -> bool:
    """Whether the argument is a workflow file: by its suffix, or because there is such a file (cli.md 1), or `-`."""
    if Path(text).is_dir():
        raise InputError(f"{text} is a directory; give a workflow file or the id or name of a workflow")
    return text == "-" or text.lower().endswith(FILE_SUFFIXES) or Path(text).is_file()


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


def job_id(app: App, text: str, of: str | None) -> int:
    """The id that an id means, or the name of a job of workflow `of` (None: the user's newest).

    InputError when the name is unknown there, or means several.
    """
    if text.isdigit():
        return int(text)
    workflow = _newest(app) if of is None else workflow_id(app, of)
    found = app.client.send(endpoints.list_jobs(workflow, name=text, limit=MENU_LIMIT)).items
    if len(found) > 1:
        ids = ", ".join(str(job.id) for job in found)
        raise InputError(f"{len(found)} jobs of workflow {workflow} are called {text!r}: give one of the ids {ids}")
    if not found:
        which = f"workflow {workflow}" if of else f"workflow {workflow}, your newest,"
        raise InputError(f"{which} has no job {text!r}; give its id, or another workflow with -w")
    return int(found[0].id or 0)


_of_option = click.option(
    "-w", "--workflow", "of", metavar="WORKFLOW", help="Where a name is looked for.  [default: your newest]"
)


def job_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument JOB and the option -w, as `job_id` takes them."""
    return click.argument("job")(_of_option(command))


def jobs_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for several jobs."""
    return click.argument("job", nargs=-1, required=True)(_of_option(command))


def _newest(app: App) -> int:
    request = endpoints.list_workflows(user=app.client.user, is_archived=False, limit=1, reverse_sort=True)
    found = app.client.send(request).items
    if not found:
        raise _no_workflows(app)
    return int(found[0].id or 0)


def _no_workflows(app: App) -> InputError:
    return InputError(f"user {app.client.user!r} has no workflows; 'torc run FILE' makes one")


def _choose(app: App) -> int:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("which workflow? Give its id or name; 'torc workflows list' shows yours")
    request = endpoints.list_workflows(user=app.client.user, is_archived=False, limit=MENU_LIMIT, reverse_sort=True)
    found = app.client.send(request).items
    if not found:
        raise _no_workflows(app)
    for one in found:
        click.echo(f"{one.id:>6}  {one.name}  {one.description or ''}".rstrip(), err=True)
    ids = click.Choice([str(one.id) for one in found])
    return int(click.prompt("Workflow", type=ids, show_choices=False, default=str(found[0].id), err=True))
