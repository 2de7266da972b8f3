"""Creating workflows from files: naming, editing and storing them, and running them at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from torc_core.client import endpoints
from torc_core.errors import InputError
from torc_tui import editor, launch, workflow_files
from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.checking import Checked
from torc_tui.context import Context
from torc_tui.plans import Plan, Started
from torc_tui.rendering.numbers import many
from torc_tui.screens.chooser import Choice
from torc_tui.screens.create import CreateScreen
from torc_tui.screens.run_form import RunForm
from torc_tui.screens.workflow import WorkflowScreen

HERE = frozenset({Place.CREATE})
HOME = frozenset({Place.WORKFLOWS})
NOT_TYPING = "a path is being typed; enter ends that"

MISSING_SHOWN = 6
"""So many missing files are named."""


def _screen(context: Context) -> CreateScreen:
    assert isinstance(context.screen, CreateScreen)
    return context.screen


def _new(context: Context) -> None:
    if isinstance(context.screen, CreateScreen):
        context.screen.type_path()
    else:
        context.app.open(CreateScreen(context.store))


def _creating(run: bool) -> Effect:
    async def effect(context: Context) -> None:
        screen = _screen(context)
        checked = await screen.ready()
        if run:
            await launch.refuse_other_output(context.store, str(checked.folder), screen.options)
        await context.app.carry_out(_plan(context, screen, checked, run))

    return effect


def _plan(context: Context, screen: CreateScreen, checked: Checked, run: bool) -> Plan:
    """Without a question when nothing speaks against it."""
    outline = checked.outline
    assert outline is not None
    name, folder, options = outline.name, str(checked.folder), screen.options

    async def apply() -> str | Started:
        store = context.store
        await store.ask(endpoints.server_info())  # says so when the server is away, instead of a long silence
        assert store.address is not None
        answer = await screen.watched.checker.create(store.address, checked, run)
        await asyncio.to_thread(workflow_files.remember, checked.path)
        said = f"{name} ({answer.workflow_id}) created: {many(answer.jobs, 'job')}"
        started = await launch.launch(store, answer.workflow_id, name, folder, options) if run else None
        context.app.pop_screen()
        await context.app.open(WorkflowScreen(store, answer.workflow_id, name))
        if started is None:
            return f"{said}; r runs it"
        return Started(f"{said}; local run {started.id} does them on this machine{launch.using(options)}", started)

    missing = outline.missing
    lines = [f"Seen from {folder}. Jobs that read them will fail."] if missing else []
    title = f"Create {name} though {many(len(missing), 'input file')} {'is' if len(missing) == 1 else 'are'} missing?"
    verb = "Create and run it" if run else "Create it"
    return Plan(title, lines, verb, apply, keep="Not now", confirm=bool(missing), leads=True, details=missing)


async def _edit(context: Context) -> None:
    screen = _screen(context)
    screen.take_typed()
    file = screen.file
    if file is None:
        raise InputError("name a workflow file first")
    if await asyncio.to_thread(workflow_files.is_example, file):
        file = await asyncio.to_thread(workflow_files.own_copy, file)
        screen.show_file(file)
        context.app.say(f"copied to {file}: the example itself stays as it is")
    editor.edit(context.app, file, screen.error_line)
    screen.recheck()


async def choose_example(context: Context) -> None:
    """Let the user choose an example and show it on the create screen."""
    found = await asyncio.to_thread(workflow_files.examples)
    choices = [Choice(each.path, Path(each.path).name, each.note) for each in found]
    chosen = await context.app.choose("Examples", choices)
    if chosen is None:
        return
    if isinstance(context.screen, CreateScreen):
        context.screen.show_file(Path(chosen))
    else:
        context.app.open(CreateScreen(context.store, chosen))


async def _options(context: Context) -> None:
    screen = _screen(context)
    told = ["For the runner that is started here. What is left empty it finds out."]
    answer = await context.app.fill(RunForm("How it runs", told, screen.options, str(screen.folder), verb="take it"))
    if answer is not None:
        screen.set_run(answer[0], Path(answer[1]))


def _not_typing(context: Context) -> str | None:
    return NOT_TYPING if isinstance(context.screen, CreateScreen) and context.screen.types_path else None


def _move(rows: int, pages: int = 0) -> Effect:
    def effect(context: Context) -> None:
        screen = _screen(context)
        if pages:
            screen.move_page(pages)
        else:
            screen.move(rows)

    return effect


def _pane(by: int) -> Effect:
    return lambda context: _screen(context).next_pane(by)


def _jump(context: Context) -> None:
    _screen(context).open_cursor()


FAR = 1 << 40

ACTIONS = (
    Action("create.run", "create and run", "Make the workflow of the file and run it on this machine", "ctrl+r,r", HERE,
           _creating(True), Group.ACT, True, footer=10),
    Action("create.store", "create", "Make the workflow of the file, without running it", "ctrl+s,c", HERE,
           _creating(False), Group.ACT, True, footer=20),
    Action("create.edit", "edit", "Open the file in your editor ($VISUAL, $EDITOR)", "ctrl+e,e", HERE, _edit, Group.ACT,
           footer=30),
    Action("create.options", "options", "How it runs: jobs at once, cpus, memory, output folder", "o", HERE, _options,
           Group.ACT, reason=_not_typing, footer=40),
    Action("create.examples", "examples", "Start from an example", "ctrl+o", HERE, choose_example, Group.ACT, footer=50,
           also=HOME),
    Action("create.new", "new", "A new workflow from a file", "n", HOME | HERE, _new, Group.ACT, reason=_not_typing,
           footer=5),
    Action("create.down", "down", "The next error, or a line down", "down,j", HERE, _move(1), Group.MOVE),
    Action("create.up", "up", "The error before, or a line up", "up,k", HERE, _move(-1), Group.MOVE),
    Action("create.page_down", "page down", "A screen down", "pagedown,space", HERE, _move(0, 1), Group.MOVE),
    Action("create.page_up", "page up", "A screen up", "pageup", HERE, _move(0, -1), Group.MOVE),
    Action("create.first", "first", "To the beginning", "home,g", HERE, _move(-FAR), Group.MOVE),
    Action("create.last", "last", "To the end", "end,G", HERE, _move(FAR), Group.MOVE),
    Action("create.next", "next pane", "Path, text, what it makes: the next", "tab", HERE, _pane(1), Group.MOVE),
    Action("create.previous", "pane before", "The pane before", "shift+tab", HERE, _pane(-1), Group.MOVE),
    Action("create.jump", "to the line", "From an error to its line, and back", "enter", HERE, _jump, Group.MOVE),
)  # fmt: skip
