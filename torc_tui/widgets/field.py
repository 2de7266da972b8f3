"""A line to type into."""

from __future__ import annotations

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input


class Field(Input):
    """One line, no border, a cursor that does not blink. Enter takes its turn after what was typed before it."""

    DEFAULT_CSS = """
    Field { width: 1fr; height: 1; border: none; padding: 0; background: $background; }
    Field:focus { border: none; }
    """

    def __init__(self, *, placeholder: str = "", suggester: Suggester | None = None) -> None:
        super().__init__(placeholder=placeholder, suggester=suggester, compact=True)
        self.cursor_blink = False

    async def on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self.action_submit()
