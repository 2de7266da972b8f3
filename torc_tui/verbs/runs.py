"""Runs on this machine: looking at them, stopping, repeating and forgetting them, and choosing how a run is set up."""

from __future__ import annotations

import asyncio

from torc_core.errors import TorcError
from torc_core.run_records import LocalRun, RunOptions
from torc_tui import local_runs
from torc_tui.actions import Action, Effect, Group, Place, Reason
from torc_tui.context import Context, Thing
from torc_tui.plans import Plan, typed_count
from torc_tui.rendering.numbers import many
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.screens.run import RunScreen
from torc_tui.screens.run_form import RunForm
from torc_tui.screens.runs import RunsScreen
from torc_tui.screens.server import ServerScreen
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.starting import planned_run
from torc_tui.verbs import workflow

LIST = frozenset({Place.RUNS})
ONE = frozenset({Place.RUN})
HERE = LIST | ONE
TEXT = ONE | {Place.SERVER}
WORKFLOWS = frozenset({Place.WORKFLOWS, Place.WORKFLOW})


def _on_screen(kind: type[ConsoleScreen], what: str) -> Reason:
    """Going there where one is already does nothing."""
    return lambda context: f"{what} on screen" if isinstance(context.screen, kind) else None


def _runs(context: Context) -> None:
    context.app.open(RunsScreen(context.store))


def _statuses(context: Context) -> list[str]:
    return [thing.row["status"] if thing.row else "running" for thing in context.things("run")]


def _going_on(context: Context) -> str | None:
    found = _statuses(context)
    return ("no local run is meant" if not found else None) or (None if "running" in found else "it has ended already")


def _ended(context: Context) -> str | None:
    found = _statuses(context)
    return ("no local run is meant" if not found else None) or (
        "it goes on; 'x' stops it" if all(status == "running" for status in found) else None
    )


def _one_ended(context: Context) -> str | None:
    things = context.things("run")
    return _ended(context) or (None if len(things) == 1 else "only one at a time; 'u' takes the marks")


def _called(things: list[Thing]) -> str:
    return f"local run {things[0].id} of {things[0].name}" if len(things) == 1 else many(len(things), "local run")


def _meant(context: Context, *, active: bool) -> list[Thing]:
    return [t for t in context.things("run") if t.row is None or (t.row["status"] == "running") is active]


async def _stop(context: Context) -> None:
    things = _meant(context, active=True)
    lines = ["Its running jobs get SIGTERM, SIGKILL after 10 s, and become terminated."]
    lines.append("Jobs that wait stay as they are; results stay. 'r' runs again what is not completed.")

    async def apply() -> str:
        for thing in things:
            await asyncio.to_thread(local_runs.stop, thing.id)
        return f"{_called(things)} is told to stop" if len(things) == 1 else f"{_called(things)} are told to stop"

    verb = "Stop it" if len(things) == 1 else "Stop them"
    await context.app.carry_out(
        Plan(f"Stop {_called(things)}?", lines, verb, apply, type_this=typed_count(len(things)),
             details=[f"local run {thing.id}  {thing.name}" for thing in things] if len(things) > 1 else [])
    )  # fmt: skip


async def _repeat(context: Context) -> None:
    """What is left of the workflow, set up as this run was."""
    run = await _meant_run(context)
    meant = Thing("workflow", run.workflow_id, run.name)
    await workflow.run(context, meant, run.options, run.environment)


async def _repeat_with(context: Context) -> None:
    """Likewise, but for what it may use, which is chosen."""
    run = await _meant_run(context)
    await _choose_and_run(context, run.workflow_id, run.options, run.environment)


async def _meant_run(context: Context) -> LocalRun:
    (thing,) = context.things("run")
    run = (await asyncio.to_thread(local_runs.find, thing.id)).run
    address = context.store.address
    if address is None or address.url != run.url:
        raise TorcError(f"local run {run.id} was for the server at {run.url}, which this console does not show")
    return run


async def _forget(context: Context) -> None:
    things = _meant(context, active=False)

    async def apply() -> str:
        for thing in things:
            await asyncio.to_thread(local_runs.forget, thing.id)
        if context.table:
            context.table.clear_marks()
            context.table.touch()
        return f"{_called(things)} forgotten"

    lines = ["It is taken from this list. The workflow, its results and its output stay."]
    await context.app.carry_out(
        Plan(f"Forget {_called(things)}?", lines, "Forget", apply, danger=False, type_this=typed_count(len(things)))
    )


def _some_workflow(context: Context) -> str | None:
    return None if context.things("workflow") else "no local run is meant"


def _workflow(context: Context) -> None:
    (thing, *_) = context.things("workflow")
    context.app.open(WorkflowScreen(context.store, thing.id, thing.name))


async def _run_with(context: Context) -> None:
    (thing,) = context.things("workflow")
    await _choose_and_run(context, thing.id)


async def _choose_and_run(
    context: Context, workflow_id: int, options: RunOptions | None = None, environment: dict[str, str] | None = None
) -> None:
    """The form is the question: it says what will run, and how is chosen in it; from `options`, else the last ones."""
    planned = await planned_run(context.store, workflow_id)
    options = options or await workflow.last_options(context, workflow_id)
    form = RunForm(planned.title, planned.lines, options, planned.folder, verb="run", folder_fixed=True)
    answer = await context.app.fill(form)
    if answer is not None:
        await context.app.carry_out(planned.plan(answer[0], environment, confirm=False))


def _server(context: Context) -> None:
    context.app.open(ServerScreen(context.store))


def _scroll(rows: int, pages: int = 0) -> Effect:
    def effect(context: Context) -> None:
        screen = context.screen
        if isinstance(screen, RunScreen | ServerScreen):
            if pages:
                screen.scroll_page(pages)
            else:
                screen.scroll(rows)

    return effect


FAR = 1 << 40
ANYWHERE = frozenset({Place.ANYWHERE})

ACTIONS = (
    Action("go.runs", "runs", "Local runs, on this machine: their output, stopping them", "b",
           frozenset({Place.WORKFLOWS}), _runs, Group.LOOK, reason=_on_screen(RunsScreen, "they are"), footer=60,
           also=ANYWHERE),
    Action("go.server", "server", "The server: how it is, its log, start and stop", "", frozenset({Place.WORKFLOWS}),
           _server, Group.LOOK, reason=_on_screen(ServerScreen, "it is"), also=ANYWHERE),
    Action("workflow.run_with", "run with", "Run, and choose how: jobs at once, cpus, memory, output folder", "o",
           WORKFLOWS, _run_with, Group.ACT, True, workflow.run_reason),
    Action("run.stop", "stop", "Stop: running jobs are stopped, the runner ends", "x", HERE, _stop, Group.ACT, True,
           _going_on, 20),
    Action("run.repeat", "run again", "Run what is not completed, set up as this run was", "r", HERE, _repeat,
           Group.ACT, True, _one_ended, 10),
    Action("run.repeat_with", "run again with", "Run what is not completed, and choose what it may use", "o", HERE,
           _repeat_with, Group.ACT, True, _one_ended),
    Action("run.forget", "forget", "Take from the list what has ended", "D,delete", HERE, _forget, Group.ACT,
           False, _ended, 40),
    Action("run.workflow", "workflow", "Go to the workflow that it runs", "d", LIST, _workflow, Group.LOOK,
           reason=_some_workflow, footer=30),
    Action("run.open_workflow", "workflow", "Go to the workflow that it runs", "enter,d", ONE, _workflow, Group.LOOK,
           reason=_some_workflow, footer=0),
    Action("output.down", "down", "A line down", "down,j", TEXT, _scroll(1), Group.MOVE),
    Action("output.up", "up", "A line up", "up,k", TEXT, _scroll(-1), Group.MOVE),
    Action("output.page_down", "page down", "A screen down", "pagedown,space", TEXT, _scroll(0, 1), Group.MOVE),
    Action("output.page_up", "page up", "A screen up", "pageup", TEXT, _scroll(0, -1), Group.MOVE),
    Action("output.first", "first", "To the beginning", "home,g", TEXT, _scroll(-FAR), Group.MOVE),
    Action("output.last", "last", "To the end, and follow what comes", "end,G,f", TEXT, _scroll(FAR), Group.MOVE),
)  # fmt: skip
