"""The tabs of a screen, numbered by their keys; on a narrow screen only the one that is open."""

from __future__ import annotations

from textual import events
from textual.message import Message

from torc_tui.rendering.cells import Line, fitted
from torc_tui.widgets.line_widget import LineWidget

NARROW = 60


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

    def _parts(self) -> list[Line]:
        parts: list[Line] = []
        for index, title in enumerate(self.titles):
            size = self.sizes.get(title.lower())
            count = f" {size:,}" if size else ""
            if index == self.active:
                parts.append([("▌", "accent"), (f"{title}", "strong"), (count, "accent"), ("  ", "")])
            else:
                parts.append([(" ", ""), (title, "dim"), (count, "dim" if size else ""), ("  ", "")])
        return parts

    def line(self, width: int) -> Line:
        if width < NARROW:
            title = self.titles[self.active]
            return [(" ‹ ", "accent"), (title, "strong"), (" ›", "accent")]  # noqa: RUF001
        return fitted([(" ", ""), *(span for part in self._parts() for span in part)], width)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        start = 1
        for index, part in enumerate(self._parts()):
            end = start + sum(len(text) for text, _ in part)
            if start <= event.x < end:
                self.post_message(self.Chosen(index))
            start = end
