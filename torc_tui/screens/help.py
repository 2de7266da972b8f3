"""Help: every key of the screen behind it, from the registry; what cannot be done now is grey and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult

from torc_tui.actions import Group
from torc_tui.context import Context
from torc_tui.rendering.cells import Line, fitted
from torc_tui.widgets.box import Box, Dialog
from torc_tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from torc_tui.console import Console
    from torc_tui.screens.console_screen import ConsoleScreen

KEYS_WIDTH = 20


def help_lines(app: Console, context: Context) -> list[Line]:
    """The actions of a screen by group, with keys, what they do, and why not now."""
    lines: list[Line] = []
    actions = app.registry.possible(context.places)
    for group in Group:
        members = [action for action in actions if action.group is group and not action.id.startswith("tab.")]
        if not members:
            continue
        lines += [[], [(f" {group.value}", "accent")]] if lines else [[(f" {group.value}", "accent")]]
        for action in members:
            reason = context.why_not(action)
            keys = app.registry.shown_keys(action, context.places, app.characters.ascii)
            role = "key" if keys else "dim"
            keys = keys or f":{action.id.replace('.', ' ')}"
            line: Line = [("  ", ""), *fitted([(keys, "dim" if reason else role)], KEYS_WIDTH), (" ", "")]
            if reason:
                line += [(f"{action.title}: ", "dim"), (reason, "warning")]
            else:
                line.append((action.help, "text"))
            lines.append(line)
    if any(action.id.startswith("tab.") for action in actions):
        lines += [
            [],
            [(" Tabs", "accent")],
            [("  ", ""), *fitted([("1-9 ← →", "key")], KEYS_WIDTH), (" Open a tab", "")],
        ]
    return lines


class HelpDialog(Dialog[None]):
    """See the module."""

    def __init__(self, screen: ConsoleScreen) -> None:
        super().__init__()
        self._place = Context(screen.app, screen)
        self.view = LinesView()

    def compose(self) -> ComposeResult:
        size = self.app.size
        lines = help_lines(self.app, self._place)
        with Box() as box:
            box.border_title = "Keys of this screen"
            box.border_subtitle = "esc closes"
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = min(100, size.width - 2)
            self.view.styles.height = min(len(lines), size.height - 4)
            yield self.view
        self.view.lines = lines

    def on_key(self, event: events.Key) -> None:
        moves = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": 10, "space": 10, "pageup": -10}
        if event.key in moves:
            self.view.scroll_rows(moves[event.key])
        else:
            self.dismiss(None)
        event.stop()
        event.prevent_default()
