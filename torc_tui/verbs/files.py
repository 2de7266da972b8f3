"""Files of a workflow: mending one in the user's editor, looking at one in the pager."""

from __future__ import annotations

import asyncio
from pathlib import Path

from torc_core.client import endpoints
from torc_core.errors import InputError
from torc_tui import editor
from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context

HERE = frozenset({Place.FILES})


async def _path(context: Context) -> Path:
    """Where the file under the cursor is: paths are seen from the folder that the workflow was created in."""
    thing = context.at_cursor("file")[0]
    assert thing.row is not None
    path = Path(thing.row["path"])
    if not path.is_absolute():
        [workflow] = context.things("workflow")
        path = Path((await context.store.ask(endpoints.get_workflow(workflow.id))).origin or ".") / path
    if not await asyncio.to_thread(path.is_file):
        raise InputError(f"{path} is not on this machine, or not there yet")
    return path


async def _edit(context: Context) -> None:
    path = await _path(context)
    context.app.say(await editor.edit_and_tell(context.app, path))


async def _view(context: Context) -> None:
    editor.page(context.app, await _path(context))


def _some_file(context: Context) -> str | None:
    return None if context.at_cursor("file") else "no file is meant"


ACTIONS = (
    Action("file.edit", "edit", "Open the file in your editor ($VISUAL, $EDITOR)", "e", HERE, _edit, Group.ACT, False,
           _some_file, 10),
    Action("file.view", "view", "Look at the file in your pager ($PAGER)", "v", HERE, _view, Group.LOOK, False,
           _some_file, 11),
)  # fmt: skip
