"""Which workflow, job or file an argument means: ids, unambiguous names, or a choice on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from torc_core.cli.app import App
from torc_core.cli.nearest import nearest_hint
from torc_core.cli.output import shown_time
from torc_core.client import endpoints
from torc_core.errors import InputError, TorcError
from torc_core.models.resources import Workflow
from torc_core.wording import count_of

FILE_SUFFIXES = (".yaml", ".yml", ".json", ".json5", ".kdl")

MENU_LIMIT = 50

OFFERED = 5
"""So many workflows are named where one cannot be chosen."""

NAMES_LIMIT = 2_000
"""Among so many workflows the nearest name is looked for."""

LARGEST_ID = 2**63 - 1


def is_workflow_file(text: str) -> bool:
    """Whether the argument is a workflow file: by its suffix, or because there is such a file (cli.md 1), or `-`."""
    if not text:
        raise InputError("give a workflow file, or the id or name of a workflow")
    if Path(text).is_dir():
        raise InputError(f"{text} is a directory; give a workflow file or the id or name of a workflow")
    return text == "-" or text.lower().endswith(FILE_SUFFIXES) or Path(text).is_file()


def workflow_id(app: App, text: str | None, *, destroys: bool = False) -> int:
    """The id that an id, a name or a choice from a menu means.

    The newest of several workflows of a name is meant, unless the command `destroys` something: then it must be clear.
    InputError when a name is unknown or not clear, or when there is nothing to choose from or no terminal.
    """
    if text is None:
        return _choose(app)
    found = _called(app, text)
    if text.isdigit():
        return _number_or_name(app, text, found)
    if not found:
        raise _no_such_workflow(app, text)
    if len(found) > 1 and destroys:
        which = ", ".join(f"{one.id} (of {shown_time(one.timestamp)})" for one in found)
        raise InputError(f"{count_of(len(found), 'workflows')} are called {text!r}: give one of the ids {which}")
    if len(found) > 1:
        others = ", ".join(str(one.id) for one in found[1:])
        app.note(
            f"{count_of(len(found), 'workflows')} are called {text!r}: this is the newest, {found[0].id}, not {others}"
        )
    return int(found[0].id or 0)


def _called(app: App, name: str) -> list[Workflow]:
    """The workflows of a name, the newest first: the user's own, or else those of others."""
    for user in (app.client.user, None):
        request = endpoints.list_workflows(name=name, user=user, reverse_sort=True, limit=MENU_LIMIT)
        if found := app.client.send(request).items:
            return found
    return []


def _number_or_name(app: App, text: str, called: list[Workflow]) -> int:
    """An id; a name that is a number counts where there is no such id."""
    number = int(text)
    if not called or any(one.id == number for one in called):
        return _possible(number, "workflow")
    try:
        app.client.send(endpoints.get_workflow(_possible(number, "workflow")))
    except TorcError:
        return int(called[0].id or 0)
    app.note(f"{text} is taken as an id; workflow {called[0].id} is called {text!r}")
    return number


def _possible(number: int, thing: str) -> int:
    if number > LARGEST_ID:
        raise InputError(f"there is no {thing} {number}: no id is that large")
    return number


def _no_such_workflow(app: App, text: str) -> InputError:
    request = endpoints.list_workflows(user=app.client.user, reverse_sort=True, limit=NAMES_LIMIT)
    names = {one.name for one in app.client.send(request).items}
    files = [path.name for path in Path().iterdir() if path.suffix in FILE_SUFFIXES]
    way_out = nearest_hint(text, [*names, *files]) or "; 'torc workflows list' shows yours"
    return InputError(f"no workflow is called {text!r}{way_out}")


def workflow(app: App, text: str | None, *, destroys: bool = False) -> Workflow:
    """The workflow that an id, a name or a choice means, as `workflow_id` finds it."""
    return app.client.send(endpoints.get_workflow(workflow_id(app, text, destroys=destroys)))


def job_id(app: App, text: str, of: str | None, *, destroys: bool = False) -> int:
    """The id that an id means, or the name of a job of workflow `of` (None: the user's newest).

    A number is a name where `of` has a job of that name. InputError when the name is unknown there.
    """
    if of is None:
        if text.isdigit():
            return _possible(int(text), "job")
        workflow = _newest(app)
        if destroys:
            app.note(
                f"{text!r} is looked for in workflow {workflow.id} '{workflow.name}', your newest (-w names another)"
            )
        number = int(workflow.id or 0)
    else:
        number = workflow_id(app, of, destroys=destroys)
    return job_of(app, number, text, newest=of is None)


def job_of(app: App, workflow: int, text: str, *, newest: bool = False) -> int:
    """The id of a job of a workflow by its name, or its id. InputError when there is no such name."""
    found = app.client.send(endpoints.list_jobs(workflow, name=text, limit=2)).items
    if found:
        return int(found[0].id or 0)
    if text.isdigit():
        job = app.client.send(endpoints.get_job(_possible(int(text), "job")))
        if job.workflow_id != workflow:
            raise InputError(f"job {text} '{job.name}' is of workflow {job.workflow_id}, not {workflow}")
        return int(text)
    names = [job.name for job in app.client.send(endpoints.list_jobs(workflow)).items]
    which = f"workflow {workflow}, your newest," if newest else f"workflow {workflow}"
    way_out = "give its id, or another workflow with -w" if newest else f"'torc jobs list {workflow}' shows its jobs"
    raise InputError(f"{which} has no job {text!r}{nearest_hint(text, names) or f'; {way_out}'}")


def node_of(app: App, workflow: int, text: str) -> int:
    """The id of a runner of a workflow by its id or its host. InputError when there is none, or several on the host."""
    nodes = app.client.send(endpoints.list_compute_nodes(workflow)).items
    found = [node for node in nodes if text in (str(node.id), node.hostname)]
    there = ", ".join(f"{node.id} ({node.hostname})" for node in found or nodes)
    if not found:
        raise InputError(f"workflow {workflow} has no runner {text!r}; it had {there or 'none'}")
    if len(found) > 1:
        raise InputError(f"workflow {workflow} had {len(found)} runners on {text}: give one of the ids {there}")
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


def _newest(app: App) -> Workflow:
    request = endpoints.list_workflows(user=app.client.user, is_archived=False, limit=1, reverse_sort=True)
    found = app.client.send(request).items
    if not found:
        raise _no_workflows(app)
    return found[0]


def _no_workflows(app: App) -> InputError:
    return InputError(f"user {app.client.user!r} has no workflows; 'torc run FILE' makes one")


def _choose(app: App) -> int:
    request = endpoints.list_workflows(user=app.client.user, is_archived=False, limit=MENU_LIMIT, reverse_sort=True)
    found = app.client.send(request).items
    if not found:
        raise _no_workflows(app)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        newest = ", ".join(f"{one.id} '{one.name}'" for one in found[:OFFERED])
        raise InputError(f"which workflow? Give its id or name: {newest}{', …' if len(found) > OFFERED else ''}")
    for one in found:
        click.echo(f"{one.id:>6}  {one.name}  {one.description or ''}".rstrip(), err=True)
    ids = click.Choice([str(one.id) for one in found])
    return int(click.prompt("Workflow", type=ids, show_choices=False, default=str(found[0].id), err=True))
