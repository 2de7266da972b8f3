"""Going from screen to screen, and what belongs to the console itself."""

from __future__ import annotations

from torc_tui.actions import Action, Group, Place
from torc_tui.context import Context

ANYWHERE = frozenset({Place.ANYWHERE})


def _open(context: Context) -> None:
    context.screen.open_cursor()


def _back(context: Context) -> None:
    if not context.screen.leave_state():
        context.app.go_back()


def _quit(context: Context) -> None:
    context.app.exit()


def _refresh(context: Context) -> None:
    context.screen.refresh_now()


def _help(context: Context) -> None:
    context.app.show_help(context.screen)


ACTIONS = (
    Action("go.open", "open", "Open what is under the cursor", "enter", frozenset({Place.TABLE}), _open, Group.MOVE,
           footer=0),
    Action("go.back", "back", "Leave: the filter, the marks, then the screen", "escape", ANYWHERE, _back, Group.MOVE),
    Action("console.help", "help", "All keys of this screen", "?", ANYWHERE, _help, Group.CONSOLE),
    Action("console.refresh", "refresh", "Ask the server again (it is not needed: changes come by themselves)",
           "ctrl+r,f5", ANYWHERE, _refresh, Group.CONSOLE),
    Action("console.quit", "quit", "Leave the console; what runs goes on", "q,ctrl+c", ANYWHERE, _quit, Group.CONSOLE),
)  # fmt: skip
