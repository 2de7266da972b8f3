"""Places of the console itself, which `:` opens by their words; each opener gets what follows the word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from torc_core.client import endpoints
from torc_core.errors import InputError
from torc_tui import local_runs
from torc_tui.address import find_job, find_workflow, known
from torc_tui.screens.create import CreateScreen
from torc_tui.screens.failures import FailuresScreen
from torc_tui.screens.log import LogScreen
from torc_tui.screens.plot import NODE_VIEWS, VIEWS, plot_of_job, plot_of_node, plot_of_workflow
from torc_tui.screens.run import RunScreen
from torc_tui.screens.runs import RunsScreen
from torc_tui.screens.server import ServerScreen
from torc_tui.screens.settings import SettingsScreen
from torc_tui.widgets.table_source import View

if TYPE_CHECKING:
    from torc_tui.console import Console


async def _new(app: Console, path: str) -> None:
    await app.open(CreateScreen(app.store, path))


async def _examples(app: Console, _: str) -> None:
    from torc_tui.context import Context
    from torc_tui.verbs.create import choose_example

    if screen := app.top_screen:
        await choose_example(Context(app, screen))


async def _runs(app: Console, words: str) -> None:
    await app.open(RunsScreen(app.store, words))


async def _run(app: Console, number: str) -> None:
    if not number.isdigit():
        raise InputError(f":run which one? {number!r} is no number; :runs lists them" if number else ":run which one?")
    await app.open(RunScreen(app.store, local_runs.find(int(number)).run))


async def _server(app: Console, _: str) -> None:
    await app.open(ServerScreen(app.store))


async def _failures(app: Console, narrowed: str) -> None:
    await app.open(FailuresScreen(app.store, narrowed))


async def _log(app: Console, words: str) -> None:
    number, _, stream = words.partition(" ")
    streams = {"": None, "out": "o", "stdout": "o", "err": "e", "stderr": "e", "both": "b"}
    if not number.isdigit() or stream.strip() not in streams:
        raise InputError(f":log {words}: give the id of a job, and out, err or both: ':log 4711 err'")
    await app.open(LogScreen(app.store, await find_job(app.store, number, None), stream=streams[stream.strip()]))


async def _plot(app: Console, words: str) -> None:
    of_node = words.partition(" ")[0] == "node"
    number, _, view = words.removeprefix("node").strip().partition(" ")
    views = NODE_VIEWS if of_node else VIEWS
    view = view.strip() or views[0]
    if of_node and view in ("memory", "cpu"):
        view = f"node {view}"
    if not number.isdigit() or view not in views:
        raise InputError(
            f":plot {words}: give the id of a job, or node and the id of a runner, and {', '.join(VIEWS[:-1])} or"
            f" {VIEWS[-1]}: ':plot 4711 cpu', ':plot node 3'"
        )
    if of_node:
        await known(app.store, endpoints.get_compute_node(int(number)), f"runner {int(number)}")
        await app.open(plot_of_node(app.store, int(number), view))
    else:
        await app.open(plot_of_job(app.store, await find_job(app.store, number, None), view=view))


async def _timeline(app: Console, words: str) -> None:
    here = app.top_screen.things("workflow") if app.top_screen and not words else []
    if not words and not here:
        raise InputError(":timeline of which workflow? Give an id or a name")
    workflow_id = here[0].id if here else (await find_workflow(app.store, words))[0]
    await app.open(plot_of_workflow(app.store, workflow_id))


async def _sort(app: Console, column: str) -> None:
    """No place, but typed like one: the order of the table that is on screen."""
    table = app.top_screen.table if app.top_screen else None
    if table is None:
        raise InputError(":sort: there is no table on this screen")
    names = [each.name for each in table.source.columns if each.sortable]
    if column.removeprefix("-") not in names:
        raise InputError(f":sort {column}: sort by {', '.join(names)}; with - before it the other way round")
    if column.startswith("-"):
        table.show(View(column, table.view.filter))
    else:
        table.sort_by(column)


async def _settings(app: Console, _: str) -> None:
    await app.open(SettingsScreen())


PLACES: dict[str, Callable[[Console, str], Awaitable[None]]] = {
    "new": _new,
    "examples": _examples,
    "runs": _runs,
    "run": _run,
    "server": _server,
    "failures": _failures,
    "log": _log,
    "plot": _plot,
    "timeline": _timeline,
    "sort": _sort,
    "settings": _settings,
    "theme": _settings,
}
