"""Lines of text that scroll; when they change, only the part of each line that is different is drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.rendering.cells import Line, fitted
from torc_tui.rendering.strips import changed_span, strip

if TYPE_CHECKING:
    from torc_tui.console import Console


class LinesView(Widget):
    """See the module."""

    app: Console

    def __init__(self, *, id: str | None = None, focusable: bool = False) -> None:
        super().__init__(id=id)
        self.can_focus = focusable
        self.lines: Sequence[Line] = []
        self.top = 0

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the place in them stays."""
        old, self.lines = self.lines, lines
        top = self.top
        self.top = min(top, self._last_top())
        if self.top != top:
            self.refresh()
            return
        visible = slice(self.top, self.top + self.size.height)
        nothing: Line = []
        for y, (was, now) in enumerate(zip_longest(old[visible], lines[visible], fillvalue=nothing)):
            span = changed_span(was, now)
            if span is not None:
                first, last = span
                self.refresh(Region(first, y, max(1, min(last, self.size.width) - first), 1))

    def _last_top(self) -> int:
        return max(0, len(self.lines) - max(1, self.size.height))

    def scroll_rows(self, rows: int) -> None:
        """Move what is shown by so many lines."""
        top = min(max(self.top + rows, 0), self._last_top())
        if top != self.top:
            self.top = top
            self.refresh()
            self.post_message(self.Scrolled())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-3)

    class Scrolled(Message):
        """Other lines are seen."""

    class Resized(Message):
        """There is more or less room than before."""

    def on_resize(self) -> None:
        self.scroll_rows(0)
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        number = self.top + y
        width = self.size.width
        line = self.lines[number] if number < len(self.lines) else []
        characters = self.app.characters
        text = [(characters.text(part), role) for part, role in fitted(line, width)]
        return strip(text, self.app.palette.styles, width)
