"""What is seen of a paged table: one line a row, drawn anew only where it has changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from torc_core.models.console import Row
from torc_tui.rendering.cells import Line, fitted
from torc_tui.rendering.columns import Look, Placed, cells, fit, header
from torc_tui.rendering.strips import strip
from torc_tui.widgets.marks import Marks
from torc_tui.widgets.page_cache import PageCache
from torc_tui.widgets.table_source import Source, View

if TYPE_CHECKING:
    from torc_tui.console import Console

MARGIN = 2
"""Columns left of the first: the cursor's mark and the mark of the row."""

EDGE = 2
"""Columns right of the last: a gap and the scroll bar."""

PATIENCE_S = 0.12
"""Rows that have to be fetched may take so long before dots stand in their place."""


class TableCanvas(Widget, can_focus=True):
    """Rows, cursor and marks as they are drawn; `PagedTable` moves and fills them."""

    app: Console

    def __init__(self, source: Source, view: View, id: str | None = None) -> None:
        super().__init__(id=id)
        self.source = source
        self.view = view
        self.rows = PageCache()
        self.cursor = 0
        self.top = 0
        self._marks = Marks(source)
        self._placed: tuple[int, list[Placed]] = (-1, [])
        self._drawn_top = 0
        """The first row of the screen as it was drawn last."""

    @property
    def page_height(self) -> int:
        """Rows that fit on the screen."""
        return max(1, self.size.height - 1)

    def _visible_rows(self) -> list[Row | None]:
        return [self.rows.row(self.top + line) for line in range(self.page_height)]

    def _row_at_cursor(self) -> Row | None:
        return self.rows.row(self.cursor)

    def _repaint_changed(self, before: list[Row | None]) -> None:
        for line, (old, new) in enumerate(zip(before, self._visible_rows(), strict=False)):
            if old != new:
                self._repaint(self.top + line)

    def _draw(self) -> None:
        """Draw everything."""
        self._drawn_top = self.top
        self.refresh()

    def _draw_when_there(self) -> None:
        """Draw what came into sight; when its rows have to be fetched first, what is shown may stay a moment."""
        if self.rows.missing(self.top, self.top + self.page_height) is None:
            self._draw()
        else:
            self.set_timer(PATIENCE_S, self._draw_if_moved)

    def _draw_if_moved(self) -> None:
        if self.top != self._drawn_top:
            self._draw()

    def _repaint(self, position: int) -> None:
        if self.top <= position < self.top + self.page_height:
            self.refresh(Region(0, position - self.top + 1, self.size.width, 1))

    def _repaint_bar(self) -> None:
        if self._has_bar():
            self.refresh(Region(self.size.width - 1, 1, 1, self.page_height))

    def _has_bar(self) -> bool:
        return self.rows.total > self.page_height

    @property
    def placed(self) -> list[Placed]:
        """The columns that fit, with their widths."""
        width = self.size.width
        if self._placed[0] != width:
            self._placed = (width, fit(self.source.columns, width - MARGIN - EDGE))
        return self._placed[1]

    @property
    def shows_running(self) -> bool:
        """Whether something is in sight that becomes another with time alone."""
        return any(
            row and (row.get("status") == "running" or row.get("silent") is not None or row.get("pace"))
            for row in self._visible_rows()
        )

    def repaint_running(self) -> None:
        """Draw anew what shows how long it has been running by now."""
        for line, row in enumerate(self._visible_rows()):
            if row and row.get("status") == "running":
                self._repaint(self.top + line)

    def render_line(self, y: int) -> Strip:
        palette, characters = self.app.palette, self.app.characters
        width = self.size.width
        if y == 0:
            head = header(self.placed, self.view.sort, characters)
            return strip([(" " * MARGIN, ""), *head], palette.styles, width)
        position = self.top + y - 1
        row = self.rows.row(position)
        at_cursor = position == self.cursor and position < self.rows.total
        styles = palette.styles
        if at_cursor:
            styles = palette.cursor_styles if self.has_focus else palette.quiet_styles
        line: Line = [(characters.text("▌") if at_cursor else " ", "accent")]
        if row is not None:
            line.append((characters.text("│") if self._marks.has(row, self.view.filter) else " ", "accent"))
            line += cells(self.placed, row, Look(characters, datetime.now()))
        elif position < self.rows.total:
            line.append((characters.text(" …"), "faint"))
        bar = bar_at(y - 1, self.page_height, self.top, self.rows.total)
        if characters.ascii:
            line = [(characters.text(text), role) for text, role in line]
        return strip([*fitted(line, width - 1), (characters.text(bar), "faint")], styles, width)


def bar_at(line: int, height: int, top: int, total: int) -> str:
    """The scroll bar's part on a line of the screen."""
    if total <= height:
        return " "
    size = max(1, height * height // total)
    start = (height - size) * top // max(1, total - height)
    return "▐" if start <= line < start + size else " "
