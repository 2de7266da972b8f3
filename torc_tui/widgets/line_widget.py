"""The base of widgets that are one line high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.rendering.cells import Line
from torc_tui.rendering.strips import changed_span, strip

if TYPE_CHECKING:
    from torc_tui.console import Console


class LineWidget(Widget):
    """Draws what `line` gives."""

    DEFAULT_CSS = "LineWidget { height: 1; }"

    app: Console

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: tuple[int, Line] = (0, [])

    def redraw(self) -> None:
        """Draw again what is different from what was drawn last."""
        width, old = self._drawn
        if width != self.size.width:
            self.refresh()
            return
        span = changed_span(old, self._line(width))
        if span is not None:
            self.refresh(Region(span[0], 0, max(1, min(span[1], width) - span[0]), 1))

    def line(self, width: int) -> Line:
        """The line, of at most `width` columns."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:  # noqa: ARG002
        width = self.size.width
        line = self._line(width)
        self._drawn = (width, line)
        return strip(line, self.app.palette.styles, width)

    def _line(self, width: int) -> Line:
        characters = self.app.characters
        return [(characters.text(text), role) for text, role in self.line(width)]
