"""Help: every key of the screen behind it, from the registry; what cannot be done now is grey and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torc_tui.actions import Group
from torc_tui.context import Context
from torc_tui.rendering.cells import Line, fitted, wrapped
from torc_tui.screens.notice import Notice

if TYPE_CHECKING:
    from torc_tui.console import Console
    from torc_tui.screens.console_screen import ConsoleScreen


def help_lines(app: Console, context: Context, width: int) -> list[Line]:
    """The actions of a screen by group, with keys, what they do, and why not now; nothing is cut off."""
    actions = [action for action in app.registry.possible(context.places) if not action.id.startswith("tab.")]
    keys = {action.id: app.registry.shown_keys(action, context.places, app.characters.ascii) for action in actions}
    shown = {action.id: keys[action.id] or f":{action.id.replace('.', ' ')}" for action in actions}
    column = max(map(len, shown.values()), default=0)
    room = width - column - 4
    lines: list[Line] = []
    for group in Group:
        members = [action for action in actions if action.group is group]
        if members:
            lines += [*([[]] if lines else []), [(f" {group.value}", "accent")]]
        for action in members:
            reason = context.why_not(action)
            role = "dim" if reason or not keys[action.id] else "key"
            parts = wrapped(f"{action.title}: {reason}" if reason else action.help, room)
            for part in parts:
                name = shown[action.id] if part is parts[0] else ""
                lines.append(
                    [("  ", ""), *fitted([(name, role)], column), ("  ", ""), (part, "dim" if reason else "text")]
                )
    if len(actions) < len(app.registry.possible(context.places)):
        lines += [[], [(" Tabs", "accent")], [("  ", ""), *fitted([("1-9 ← →", "key")], column), ("  Open a tab", "")]]
    return lines


class HelpDialog(Notice):
    """See the module."""

    def __init__(self, screen: ConsoleScreen) -> None:
        super().__init__("Keys of this screen", [])
        self._place = Context(screen.app, screen)

    def lines(self, width: int) -> list[Line]:
        return help_lines(self.app, self._place, width)
