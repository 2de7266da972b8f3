"""One line of text with something at its right end."""

from __future__ import annotations

from torc_tui.rendering.cells import Line, between, fitted
from torc_tui.widgets.line_widget import LineWidget


class TextLine(LineWidget):
    """See the module."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: Line = []
        self._right: Line = []

    def show(self, left: Line, right: Line | None = None) -> None:
        """Repaints only when something is new."""
        right = right or []
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.redraw()

    def line(self, width: int) -> Line:
        if not self._right:
            return fitted(self._left, width - 1)
        return between(self._left, self._right, width - 1)
