"""The base of widgets that are one line high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.strip import Strip
from textual.widget import Widget

from torc_tui.rendering.cells import Line
from torc_tui.rendering.strips import strip

if TYPE_CHECKING:
    from torc_tui.app import ConsoleApp


class LineWidget(Widget):
    """Draws what `line` gives."""

    DEFAULT_CSS = "LineWidget { height: 1; }"

    app: ConsoleApp

    def line(self, width: int) -> Line:
        """The line, of at most `width` columns."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:  # noqa: ARG002
        characters = self.app.characters
        width = self.size.width
        line = [(characters.text(text), role) for text, role in self.line(width)]
        return strip(line, self.app.palette.styles, width)
