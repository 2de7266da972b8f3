"""Reading logs: which stream and attempt, moving, searching, following."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.editor import page
from torc_tui.screens.log import LogScreen
from torc_tui.widgets.log_view import LogView

HERE = frozenset({Place.LOG})
JOBS = frozenset({Place.JOBS, Place.JOB, Place.RESULTS, Place.FAILURES, Place.PLOT})


def _on_screen(work: Callable[[LogScreen], object]) -> Effect:
    def effect(context: Context) -> None:
        if isinstance(context.screen, LogScreen):
            work(context.screen)

    return effect


def _on_view(work: Callable[[LogView], object]) -> Effect:
    return _on_screen(lambda screen: work(screen.view))


def _scroll(lines: int, pages: int = 0) -> Effect:
    return _on_view(lambda view: view.scroll_rows(lines + pages * max(1, view.size.height - 2)))


def _some_job(context: Context) -> str | None:
    return None if context.at_cursor("job") else "no job is meant"


def _no_file(context: Context) -> str | None:
    screen = context.screen
    return None if isinstance(screen, LogScreen) and screen.view.file else "there is no file to read"


def _attempt(by: int) -> Callable[[Context], str | None]:
    def reason(context: Context) -> str | None:
        screen = context.screen
        if isinstance(screen, LogScreen) and screen.neighbour(by):
            return None
        return "there is no earlier attempt" if by < 0 else "there is no later attempt"

    return reason


async def _open(context: Context) -> None:
    thing = context.at_cursor("job")[0]
    result = thing.row if Place.RESULTS in context.places else None
    attempt = (result["run"], result["attempt"]) if result else None
    await context.app.open(LogScreen(context.store, thing.id, thing.name, attempt=attempt))


def _step_hit(forwards: bool) -> Effect:
    def effect(context: Context) -> None:
        if isinstance(context.screen, LogScreen):
            said = context.screen.view.step_hit(forwards)
            if said:
                context.app.say(said, error=not said.startswith("on from"))

    return effect


def _page(context: Context) -> None:
    assert isinstance(context.screen, LogScreen)
    view = context.screen.view
    line, exact, _, _ = view.line_numbers
    if view.path is not None:
        page(context.app, view.path, line if exact else None)


WIDE = 20
"""Columns that one key shifts what is shown."""

ACTIONS = (
    Action("job.log", "log", "What the job wrote: stderr first when it failed", "l", JOBS, _open, Group.LOOK, False,
           _some_job, 12),
    Action("log.stdout", "stdout", "What it wrote to stdout", "o", HERE, _on_screen(lambda s: s.show_stream("o")),
           Group.LOOK, footer=1),
    Action("log.stderr", "stderr", "What it wrote to stderr", "e", HERE, _on_screen(lambda s: s.show_stream("e")),
           Group.LOOK, footer=2),
    Action("log.both", "both", "Both, one above the other; tab goes between them", "b", HERE,
           _on_screen(lambda s: s.show_stream("b")), Group.LOOK, footer=3),
    Action("log.search", "search", "Search the whole file; a regular expression after one more /", "/", HERE,
           _on_screen(lambda s: s.ask_search()), Group.LOOK, False, _no_file, 4),
    Action("log.next", "next", "The next hit", "n", HERE, _step_hit(True), Group.LOOK),
    Action("log.previous", "hit before", "The hit before", "N", HERE, _step_hit(False), Group.LOOK),
    Action("log.follow", "follow", "Show what is written as it is written; going up ends it", "f", HERE,
           _on_view(lambda v: v.follow(not v.follows)), Group.LOOK, footer=5),
    Action("log.older", "older", "The attempt before", "[", HERE, _on_screen(lambda s: s.step_attempt(-1)), Group.LOOK,
           False, _attempt(-1), 6),
    Action("log.newer", "newer", "The attempt after", "]", HERE, _on_screen(lambda s: s.step_attempt(1)), Group.LOOK,
           False, _attempt(1)),
    Action("log.wrap", "wrap", "Fold long lines, or cut them", "w", HERE, _on_view(lambda v: v.fold(not v.folds)),
           Group.LOOK, footer=7),
    Action("log.pager", "pager", "Open the file in your pager ($PAGER)", "v", HERE, _page, Group.LOOK, False, _no_file,
           8),
    Action("log.line", "line", "Go to a line by its number", "L", HERE, _on_screen(lambda s: s.ask_line()), Group.MOVE,
           False, _no_file),
    Action("log.down", "down", "A line down", "down,j", HERE, _scroll(1), Group.MOVE),
    Action("log.up", "up", "A line up", "up,k", HERE, _scroll(-1), Group.MOVE),
    Action("log.page_down", "page down", "A screen down", "pagedown,space,ctrl+f", HERE, _scroll(0, 1), Group.MOVE),
    Action("log.page_up", "page up", "A screen up", "pageup,ctrl+u", HERE, _scroll(0, -1), Group.MOVE),
    Action("log.first", "beginning", "To the beginning", "home,g", HERE, _on_view(lambda v: v.to_start()), Group.MOVE),
    Action("log.last", "end", "To the end", "end,G", HERE, _on_view(lambda v: v.to_end()), Group.MOVE),
    Action("log.right", "right", "Further right in lines that are cut", "right", HERE,
           _on_view(lambda v: v.shift(WIDE)), Group.MOVE),
    Action("log.left", "left", "Further left", "left", HERE, _on_view(lambda v: v.shift(-WIDE)), Group.MOVE),
    Action("log.other", "other pane", "With both on screen: the other one", "tab", HERE,
           _on_screen(lambda s: s.other_pane()), Group.MOVE),
)  # fmt: skip
