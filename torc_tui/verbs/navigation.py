"""Going from screen to screen, and what belongs to the console itself."""

from __future__ import annotations

import asyncio

from torc_core.errors import TorcError
from torc_tui import local_runs
from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.address import EXAMPLES
from torc_tui.clipboard import copy_in_tmux, copy_sequence
from torc_tui.context import Context
from torc_tui.rendering.numbers import date_and_time
from torc_tui.screens.chooser import Choice
from torc_tui.screens.help import HelpDialog
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.widgets.lines_view import LinesView

ANYWHERE = frozenset({Place.ANYWHERE})

MOMENTS = frozenset({"activity", "at", "end", "first", "last", "start"})
"""What rows have of times, in ms since 1970."""


async def _open(context: Context) -> None:
    context.screen.open_cursor()
    await context.app.caught_up()


def _tab(index: int) -> Effect:
    async def effect(context: Context) -> None:
        if isinstance(context.screen, WorkflowScreen):
            await context.screen.open_tab(index)

    return effect


def _step(by: int) -> Effect:
    async def effect(context: Context) -> None:
        if isinstance(context.screen, WorkflowScreen):
            await context.screen.step_tab(by)

    return effect


def _scroll(lines: int, pages: int = 0) -> Effect:
    def effect(context: Context) -> None:
        for view in context.screen.query(LinesView):
            view.scroll_rows(lines + pages * max(1, view.size.height - 2))

    return effect


def _back(context: Context) -> None:
    if not context.screen.leave_state() and not context.app.go_back():
        context.app.say("there is nothing to leave; q quits", error=True)


async def _quit(context: Context) -> None:
    context.app.exit(message=await asyncio.to_thread(local_runs.parting))


def _suspend(context: Context) -> None:
    context.app.action_suspend_process()


def _refresh(context: Context) -> None:
    context.app.draw_anew()
    context.screen.refresh_now()


def _nothing_to_open(context: Context) -> str | None:
    table = context.table
    return "there is no row" if table is not None and table.cursor_row is None else None


async def _palette(context: Context) -> None:
    app = context.app
    places = context.places
    actions = [action for action in app.registry.possible(places) if action.group is not Group.MOVE]
    choices = [
        Choice(
            action.id,
            f"{_subject(action)}{action.title}",
            app.registry.shown_keys(action, places),
            context.why_not(action),
        )
        for action in sorted(actions, key=lambda action: context.why_not(action) is not None)
    ]
    chosen = await app.choose("Actions", choices, narrow_by="what do you want to do?")
    if chosen is not None:
        app.perform(app.registry.actions[chosen], context.screen)


def _subject(action: Action) -> str:
    family = action.id.partition(".")[0]
    return f"{family}: " if family in ("workflow", "job", "table", "requirement", "file", "run") else ""


def _go_to(context: Context) -> None:
    context.screen.ask_address()


async def _copy(context: Context) -> None:
    things = [*context.at_cursor("job"), *context.at_cursor("workflow")]
    row = context.table.cursor_row if context.table else None
    values: dict[str, str] = {}
    for key, value in (row or {}).items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            values[key] = date_and_time(value) if key in MOMENTS and isinstance(value, int) else str(value)
    for thing in things:
        named = {"name": thing.name, "id": str(thing.id)}
        if not named.items() <= values.items():  # else the row is the thing itself
            values |= {f"{thing.kind} {key}": text for key, text in named.items() if text}
    values.update(context.screen.copyable())
    if not values:
        raise TorcError("there is nothing to copy here")
    choices = [Choice(key, key, _shortened(value)) for key, value in values.items()]
    chosen = await context.app.choose("Copy", choices, current="name")
    if chosen is not None:
        context.app.say(await _put_on_clipboard(context, chosen, values[chosen]))


async def _put_on_clipboard(context: Context, what: str, text: str) -> str:
    if await asyncio.to_thread(copy_in_tmux, text):
        return f"copied {what} to tmux and its terminal: {_shortened(text)}"
    sequence = copy_sequence(text)
    if sequence is None:
        raise TorcError(f"{what} is too long for the terminal's clipboard")
    context.app.send(sequence)
    return f"copied {what}: {_shortened(text)}"


def _shortened(text: str) -> str:
    return text if len(text) < 60 else f"{text[:57]}..."


async def _help(context: Context) -> None:
    await context.app.fill(HelpDialog(context.screen))


WORKFLOW = frozenset({Place.WORKFLOW})
TEXT = frozenset({Place.JOB, Place.DATA, Place.SETTINGS})

ACTIONS = (
    Action("text.down", "down", "A line down", "down,j", TEXT, _scroll(1), Group.MOVE),
    Action("text.up", "up", "A line up", "up,k", TEXT, _scroll(-1), Group.MOVE),
    Action("text.page_down", "page down", "A screen down", "pagedown,space", TEXT, _scroll(0, 1), Group.MOVE),
    Action("text.page_up", "page up", "A screen up", "pageup", TEXT, _scroll(0, -1), Group.MOVE),
    Action("tab.next", "next tab", "The next tab", "tab,right", WORKFLOW, _step(1), Group.MOVE),
    Action("tab.previous", "tab before", "The tab before", "shift+tab,left", WORKFLOW, _step(-1), Group.MOVE),
    *(
        Action(f"tab.{number}", f"tab {number}", f"Tab number {number}", str(number), WORKFLOW, _tab(number - 1),
               Group.MOVE)
        for number in range(1, 10)
    ),
    Action("go.open", "open", "Open what is under the cursor", "enter", frozenset({Place.TABLE}), _open, Group.MOVE,
           reason=_nothing_to_open, footer=0),
    Action("go.back", "back", "Leave: the filter, the marks, then the screen", "escape", ANYWHERE, _back, Group.MOVE),
    Action("go.to", "go to", f"Go anywhere, do anything: {EXAMPLES}; up brings back what was entered before", ":",
           ANYWHERE, _go_to, Group.MOVE),
    Action("console.actions", "actions", "Everything that can be done here, by name", "ctrl+p", ANYWHERE, _palette,
           Group.CONSOLE),
    Action("console.copy", "copy", "Copy an id, a name or a path to the clipboard", "y", ANYWHERE, _copy,
           Group.CONSOLE),
    Action("console.help", "help", "All keys of this screen", "?", ANYWHERE, _help, Group.CONSOLE),
    Action("console.refresh", "refresh", "Ask the server again (it is not needed: changes come by themselves)",
           "f5,ctrl+l", ANYWHERE, _refresh, Group.CONSOLE),
    Action("console.suspend", "suspend", "Back to the shell; 'fg' comes back", "ctrl+z", ANYWHERE, _suspend,
           Group.CONSOLE),
    Action("console.quit", "quit", "Leave the console; what runs goes on", "q,ctrl+c", ANYWHERE, _quit, Group.CONSOLE),
)  # fmt: skip
