"""A log file as lines of a screen, long rows cut or folded.

A place is where a row begins in the file and which piece of that row (a folded one has several). What is not read yet
raises `NotLoaded`.
"""

from __future__ import annotations

from torc_tui.logs.file import LogFile
from torc_tui.logs.search import Pattern
from torc_tui.logs.text import cleaned, folded, marked, shifted
from torc_tui.rendering.cells import Line

Place = tuple[int, int]

CUT = 1 << 14
"""So many bytes of a row are enough where it is not folded."""

MARGIN = 1
"""Columns left of the text: the mark of the hit."""

KEPT = 512
"""Lines of so many rows are kept."""


class LogRows:
    """See the module."""

    def __init__(self, log: LogFile) -> None:
        self.log = log
        self._width = 0
        self._height = 0
        self._left = 0
        self._folds = False
        self._pattern: Pattern | None = None
        self._pieces: dict[int, tuple[int, list[Line]]] = {}

    def arrange(self, size: tuple[int, int], left: int, folds: bool, pattern: Pattern | None) -> None:
        """Lines and columns of the screen, the first column, whether rows are folded, and what is marked in them."""
        self._width, self._height = size
        self._left, self._folds, self._pattern = left, folds, pattern
        self._pieces.clear()

    def _row_lines(self, start: int) -> list[Line]:
        """A row as lines of the screen."""
        after = self.log.next_start(start)
        end = self.log.size if after is None else after
        known = self._pieces.get(start)
        if known is not None and known[0] == end:
            return known[1]
        row = self.log.row(start) if self._folds else self.log.row(start, CUT + 4 * self._left)
        line = cleaned(row.data)
        if self._pattern:
            line = marked(line, self._pattern)
        width = max(2, self._width - MARGIN)
        lines = folded(line, width) if self._folds else [shifted(line, self._left)]
        if len(self._pieces) > KEPT:
            self._pieces.clear()
        self._pieces[start] = (end, lines)
        return lines

    def lines_from(self, place: Place, hit: int | None) -> list[Line]:
        """The lines of the screen from a place on; the row with the hit is marked."""
        lines: list[Line] = []
        start: int | None = place[0]
        first = place[1]
        if not self.log.size:
            return [[(" it is empty", "dim")]]
        while start is not None and len(lines) < self._height:
            after = self.log.next_start(start)
            is_hit = hit is not None and start <= hit and (after is None or hit < after)
            mark = ("▌" if is_hit else " ", "accent")
            lines += [[mark, *line] for line in self._row_lines(start)[first:]]
            start, first = after, 0
        return lines[: self._height]

    def down(self, place: Place, lines: int) -> Place:
        """So many lines further down, or the last line."""
        start, piece = place
        while True:
            count = len(self._row_lines(start))
            if piece + lines < count:
                return start, piece + lines
            after = self.log.next_start(start)
            if after is None:
                return start, count - 1
            lines -= count - piece
            start, piece = after, 0

    def up(self, place: Place, lines: int) -> Place:
        """So many lines further up, or the first line."""
        start, piece = place
        while lines > piece:
            lines -= piece
            before = self.log.previous_start(start)
            if before is None:
                return 0, 0
            start, piece = before, len(self._row_lines(before))
        return start, piece - lines

    def end(self) -> Place:
        """The place from which the end of the file is at the bottom."""
        last = self.log.previous_start(self.log.size)
        if last is None:
            return 0, 0
        return self.up((last, len(self._row_lines(last)) - 1), self._height - 1)

    def bottom(self, place: Place) -> Place:
        """The last line on the screen that begins at a place."""
        return self.down(place, self._height - 1)

    def around(self, place: Place, start: int) -> Place:
        """A place with this row in sight; what is shown stays when it is in sight already."""
        if place <= (start, 0) <= self.bottom(place):
            return place
        return min(self.up((start, 0), self._height // 3), self.end())
