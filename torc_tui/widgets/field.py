"""A line to type into."""

from __future__ import annotations

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

IN_TURN = {
    "enter": "submit",
    "backspace": "delete_left",
    "delete": "delete_right",
    "ctrl+w": "delete_left_word",
    "ctrl+u": "delete_left_all",
    "ctrl+k": "delete_right_all",
}
"""Key -> what a line does with it."""


class Field(Input):
    """One line, no border, a cursor that does not blink.

    Enter and what deletes take their turn among what is typed: Textual would have them bubble up to the application
    first, be overtaken, and mean the field that has the focus by then. Nor does the focus select what stands there: it
    may come after what was typed, which the next key would replace.
    """

    DEFAULT_CSS = """
    Field { width: 1fr; height: 1; border: none; padding: 0; background: $background; }
    Field:focus { border: none; }
    """

    def __init__(self, *, placeholder: str = "", suggester: Suggester | None = None) -> None:
        super().__init__(placeholder=placeholder, suggester=suggester, compact=True, select_on_focus=False)
        self.cursor_blink = False

    async def on_key(self, event: events.Key) -> None:
        action = IN_TURN.get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)
