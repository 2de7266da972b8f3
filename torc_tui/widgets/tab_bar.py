"""The tabs of a screen, with how many rows each has; where there is no room for all, only the one that is open."""

from __future__ import annotations

from textual import events
from textual.message import Message

from torc_tui.rendering.cells import Line, fitted, width_of
from torc_tui.widgets.line_widget import LineWidget


class TabBar(LineWidget):
    """See the module."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, titles: list[str]) -> None:
        super().__init__()
        self.titles = titles
        self.active = 0
        self.sizes: dict[str, int] = {}

    def show(self, active: int, sizes: dict[str, int] | None = None) -> None:
        """The open tab, and how many rows each of them has."""
        sizes = self.sizes if sizes is None else sizes
        if (active, sizes) != (self.active, self.sizes):
            self.active, self.sizes = active, sizes
            self.redraw()

    def _parts(self, counts: bool = True) -> list[Line]:
        parts: list[Line] = []
        for index, title in enumerate(self.titles):
            size = self.sizes.get(title.lower())
            count = f" {size:,}" if size and counts else ""
            if index == self.active:
                parts.append([("▌", "accent"), (f"{title}", "strong"), (count, "accent"), ("  ", "")])
            else:
                parts.append([(" ", ""), (title, "dim"), (count, "dim" if size else ""), ("  ", "")])
        return parts

    def line(self, width: int) -> Line:
        for counts in (True, False):
            line: Line = [(" ", ""), *(span for part in self._parts(counts) for span in part)]
            if width_of(line) <= width + 2:
                return fitted(line, width)
        return [(" ‹ ", "accent"), (self.titles[self.active], "strong"), (" ›", "accent")]

    def on_click(self, event: events.Click) -> None:
        event.stop()
        start = 1
        for index, part in enumerate(self._parts()):
            end = start + sum(len(text) for text, _ in part)
            if start <= event.x < end:
                self.post_message(self.Chosen(index))
            start = end
