"""Plots of what jobs use."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.screens.plot import PlotScreen

HERE = frozenset({Place.PLOT})
JOBS = frozenset({Place.JOBS, Place.JOB, Place.LOG, Place.FAILURES})


def _on_screen(work: Callable[[PlotScreen], object]) -> Effect:
    def effect(context: Context) -> None:
        if isinstance(context.screen, PlotScreen):
            work(context.screen)

    return effect


def _some_job(context: Context) -> str | None:
    return None if context.things("job") else "no job is meant"


def _attempt(by: int) -> Callable[[Context], str | None]:
    def reason(context: Context) -> str | None:
        screen = context.screen
        if isinstance(screen, PlotScreen) and screen.neighbour(by) is not None:
            return None
        return "there is no earlier attempt" if by < 0 else "there is no later attempt"

    return reason


async def _open(context: Context) -> None:
    thing = context.things("job")[0]
    await context.app.open(PlotScreen(context.store, thing.id, thing.name))


FAR = 10
"""Columns of a long step."""

ACTIONS = (
    Action("job.plot", "plot", "Its memory and CPU over time, live while it runs", "p", JOBS, _open, Group.LOOK, False,
           _some_job, 13),
    Action("plot.next", "memory or cpu", "Draw the other one: memory, cpu", "tab,shift+tab", HERE,
           _on_screen(lambda s: s.next_quantity()), Group.LOOK, footer=1),
    Action("plot.older", "older", "The attempt before", "[", HERE, _on_screen(lambda s: s.step_attempt(-1)), Group.LOOK,
           False, _attempt(-1), 4),
    Action("plot.newer", "newer", "The attempt after", "]", HERE, _on_screen(lambda s: s.step_attempt(1)), Group.LOOK,
           False, _attempt(1)),
    Action("plot.right", "later", "Read the value a column later; after the last the newest is followed", "right",
           HERE, _on_screen(lambda s: s.move_cursor(1)), Group.MOVE, footer=3),
    Action("plot.left", "earlier", "Read the value a column earlier", "left", HERE,
           _on_screen(lambda s: s.move_cursor(-1)), Group.MOVE, footer=2),
    Action("plot.far_right", "much later", "Ten columns later", "shift+right", HERE,
           _on_screen(lambda s: s.move_cursor(FAR)), Group.MOVE),
    Action("plot.far_left", "much earlier", "Ten columns earlier", "shift+left", HERE,
           _on_screen(lambda s: s.move_cursor(-FAR)), Group.MOVE),
    Action("plot.first", "first", "Read the first value", "home,g", HERE,
           _on_screen(lambda s: s.move_cursor_to(0)), Group.MOVE),
    Action("plot.last", "newest", "Follow the newest value", "end,G", HERE,
           _on_screen(lambda s: s.move_cursor_to(1)), Group.MOVE),
)  # fmt: skip
