"""Plots of what jobs and runners use, and of when jobs ran."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.graphs.graph import Graph
from torc_tui.screens.plot import PlotScreen, plot_of_job, plot_of_node, plot_of_workflow

HERE = frozenset({Place.PLOT})
TIMELINE = frozenset({Place.TIMELINE})
JOBS = frozenset({Place.JOBS, Place.JOB, Place.LOG, Place.FAILURES})
NODES = frozenset({Place.NODES})
FLOWS = frozenset({Place.WORKFLOWS, Place.WORKFLOW, Place.JOB})


def _on_screen(work: Callable[[PlotScreen], object]) -> Effect:
    def effect(context: Context) -> None:
        if isinstance(context.screen, PlotScreen):
            work(context.screen)

    return effect


def _on_graph(work: Callable[[Graph], object]) -> Effect:
    def change(screen: PlotScreen) -> None:
        work(screen.graph)
        screen.draw()
        screen.refresh_lines()

    return _on_screen(change)


def _some(kind: str, noun: str) -> Callable[[Context], str | None]:
    return lambda context: None if context.at_cursor(kind) else f"no {noun} is meant"


def _beside(by: int) -> Callable[[Context], str | None]:
    def reason(context: Context) -> str | None:
        return context.screen.graph.why_no_neighbour(by) if isinstance(context.screen, PlotScreen) else None

    return reason


async def _of_job(context: Context) -> None:
    thing = context.at_cursor("job")[0]
    await context.app.open(plot_of_job(context.store, thing.id, thing.name))


async def _of_node(context: Context) -> None:
    await context.app.open(plot_of_node(context.store, context.at_cursor("node")[0].id))


async def _timeline(context: Context) -> None:
    """Of a job with its bar under the cursor."""
    jobs = context.at_cursor("job") if Place.JOB in context.places else []
    if jobs:
        await context.app.open(plot_of_job(context.store, jobs[0].id, jobs[0].name, "timeline"))
    else:
        await context.app.open(plot_of_workflow(context.store, context.at_cursor("workflow")[0].id))


FAR = 10
"""Columns of a long step."""

ACTIONS = (
    Action("job.plot", "plot", "Its memory and CPU over time, live while it runs", "p", JOBS, _of_job, Group.LOOK,
           False, _some("job", "job"), 13),
    Action("node.plot", "plot", "What the jobs of the runner use together over time: memory and CPU", "p", NODES,
           _of_node, Group.LOOK, False, _some("node", "runner"), 13),
    Action("workflow.timeline", "timeline", "When jobs ran on each runner, as bars over time", "t", FLOWS, _timeline,
           Group.LOOK, False, _some("workflow", "workflow"), 90),
    Action("plot.next", "next plot", "The next plot: memory, CPU, those of the runner, the timeline", "tab", HERE,
           _on_screen(lambda s: s.step_view(1)), Group.LOOK, footer=1),
    Action("plot.previous", "plot before", "The plot before", "shift+tab", HERE,
           _on_screen(lambda s: s.step_view(-1)), Group.LOOK),
    Action("plot.older", "before", "The attempt before; in the timeline the runner before", "[", HERE,
           _on_graph(lambda g: g.step(-1)), Group.LOOK, False, _beside(-1), 4),
    Action("plot.newer", "after", "The attempt after; in the timeline the runner after", "]", HERE,
           _on_graph(lambda g: g.step(1)), Group.LOOK, False, _beside(1), 5),
    Action("plot.right", "later", "Read the value a column later; after the last the newest is followed", "right",
           HERE, _on_graph(lambda g: g.move_cursor(1)), Group.MOVE, footer=3),
    Action("plot.left", "earlier", "Read the value a column earlier", "left", HERE,
           _on_graph(lambda g: g.move_cursor(-1)), Group.MOVE, footer=2),
    Action("plot.far_right", "much later", "Ten columns later", "shift+right", HERE,
           _on_graph(lambda g: g.move_cursor(FAR)), Group.MOVE),
    Action("plot.far_left", "much earlier", "Ten columns earlier", "shift+left", HERE,
           _on_graph(lambda g: g.move_cursor(-FAR)), Group.MOVE),
    Action("plot.first", "first", "Read the first value", "home,g", HERE,
           _on_graph(lambda g: g.read(0)), Group.MOVE),
    Action("plot.last", "newest", "Follow the newest value", "end,G", HERE,
           _on_graph(lambda g: g.read(None)), Group.MOVE),
    Action("timeline.open", "open", "Open the job under the cursor", "enter", TIMELINE,
           _on_graph(lambda g: g.open_row()), Group.LOOK, False, _some("job", "job"), 0),
    Action("timeline.zoom_in", "zoom in", "Half of the time, around the cursor or the job", "+,equals_sign", TIMELINE,
           _on_graph(lambda g: g.zoom(0.5)), Group.LOOK, footer=6),
    Action("timeline.zoom_out", "zoom out", "Twice as much time; esc shows all of it", "-", TIMELINE,
           _on_graph(lambda g: g.zoom(2)), Group.LOOK),
    Action("timeline.down", "down", "The next job", "down,j", TIMELINE, _on_graph(lambda g: g.move_row(1)), Group.MOVE),
    Action("timeline.up", "up", "The job before", "up,k", TIMELINE, _on_graph(lambda g: g.move_row(-1)), Group.MOVE),
    Action("timeline.page_down", "page down", "A screen of jobs down", "pagedown,space", TIMELINE,
           _on_graph(lambda g: g.move_row(0, 1)), Group.MOVE),
    Action("timeline.page_up", "page up", "A screen of jobs up", "pageup", TIMELINE,
           _on_graph(lambda g: g.move_row(0, -1)), Group.MOVE),
)  # fmt: skip
