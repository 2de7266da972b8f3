"""A thin line between parts of the screen."""

from __future__ import annotations

from torc_tui.rendering.cells import Line
from torc_tui.widgets.line_widget import LineWidget


class Rule(LineWidget):
    """See the module."""

    def __init__(self, character: str = "─", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._character = character

    def line(self, width: int) -> Line:
        return [(" ", ""), (self._character * (width - 2), "faint")]
