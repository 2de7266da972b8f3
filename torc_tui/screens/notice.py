"""Some lines to read."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from torc_tui.rendering.cells import Line, wrapped
from torc_tui.widgets.box import Box, Dialog, room, widest
from torc_tui.widgets.lines_view import LinesView

WIDEST = 96


class Notice(Dialog[None]):
    """Keys that move move in it, where it is longer than the screen; any other closes it."""

    def __init__(self, title: str, told: list[str]) -> None:
        super().__init__()
        self.heading = title
        self.told = told
        self._box = Box()
        self._view = LinesView()

    def lines(self, width: int) -> list[Line]:
        """What is told, in lines of at most so many columns."""
        return [[(part, "text")] for line in self.told for part in wrapped(line, width)]

    def compose(self) -> ComposeResult:
        most = room(self.app.size)
        self._view.lines = lines = self.lines(min(WIDEST, most.width))
        self._view.styles.height = min(len(lines), most.height)
        with self._box as box:
            box.border_title = self.heading
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = max(widest(lines), len(self.heading) + 4, min(28, most.width)) + 4
            yield self._view

    def on_lines_view_resized(self) -> None:
        self.on_lines_view_scrolled()

    def on_lines_view_scrolled(self) -> None:
        """Say which of the lines are seen, when not all are."""
        top, height, count = self._view.top, self._view.size.height, len(self._view.lines)
        place = f"↑↓ {top + 1}-{min(top + height, count)} of {count} · " if height < count else ""
        self._box.border_subtitle = self.app.characters.text(f"{place}esc closes")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        page, whole = max(1, self._view.size.height - 1), len(self._view.lines)
        moves = {
            "down": 1, "j": 1, "up": -1, "k": -1, "pagedown": page, "space": page, "pageup": -page,
            "home": -whole, "end": whole,
        }  # fmt: skip
        if event.key in moves and self._view.size.height < whole:
            self._view.scroll_rows(moves[event.key])
        else:
            self.dismiss(None)
