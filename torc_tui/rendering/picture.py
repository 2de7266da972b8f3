"""What the terminal shows, cell by cell: output is reduced to the cells that change and the fewest changes of style.

Textual writes whole spans, with every attribute of every segment: 15 kB for a page of a table whose columns are mostly
the same on the next page, over 1 kB for a move of the cursor. Over a slow line that is what a user waits for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len

from torc_tui.rendering.pen import PLAIN, Pen, Style, UnknownError, fits, on_blank, style_of

_TOKEN = re.compile(r"\x1b\[(?P<style>[0-9;]*)m|\x1b\[(?P<place>[0-9;]*)H|(?P<text>[^\x00-\x1f\x7f]+)|(?P<line>\n)")

_SETTING = re.compile(r"(?:\x1b\[[<>=?][0-9;]*[$a-z]+|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x07)*")
"""What changes or asks for settings of the terminal and draws nothing; the other screen and its return are no such."""

_OTHER_SCREEN = "\x1b[?1049"

BRIDGE = 4
"""So many unchanged cells are written again rather than jumped over."""


class Write(NamedTuple):
    """A text of one style, written from a place on."""

    line: int
    column: int
    text: str
    style: Style


SHIFTS = (1, -1, 2, -2, 3, -3)
"""Lines that a table or a log is moved by at once."""

FEWEST = 6
"""So many lines more have to be found further up or down than where they were, before the terminal is told to move."""

EDGES = slice(2, -2)
"""Of a line, what is compared: the cursor's mark and the scroll bar are at its ends."""


def is_narrow(text: str) -> bool:
    """Whether every character takes one cell."""
    return text.isascii() or cell_len(text) == len(text)


def _parsed(data: str) -> tuple[list[Write], tuple[int, int] | None]:
    """What an update writes, and where it leaves the cursor. UnknownError for anything else."""
    writes: list[Write] = []
    place: tuple[int, int] | None = None
    style = PLAIN
    end = 0
    for token in _TOKEN.finditer(data):
        if token.start() != end:
            raise UnknownError
        end = token.end()
        if (text := token["text"]) is not None:
            if place is None:
                raise UnknownError
            line, column = place
            writes.append(Write(line, column, text, style))
            place = line, column + (len(text) if text.isascii() else cell_len(text))
        elif token["style"] is not None:
            style = style_of(token["style"])
        elif token["place"] is not None:
            line_number, _, column_number = token["place"].partition(";")
            place = int(line_number or 1) - 1, int(column_number or 1) - 1
        else:
            place = None
    if end != len(data):
        raise UnknownError
    return writes, place


class Picture:
    """See the module."""

    def __init__(self, *, erases: bool = False) -> None:
        """`erases`: the terminal erases in the colour of the ground (terminfo's `bce`)."""
        self._erases = erases
        self._lines: dict[int, tuple[list[str], list[Style | None]]] = {}
        """Line -> characters and styles; a style of None is a cell that nobody knows."""
        self._pen = Pen()

    def forget(self) -> None:
        """The terminal may show anything: everything is written from now on."""
        self._lines = {}
        self._pen.at = None

    def reduced(self, data: str) -> str:
        """Output that makes the same picture as `data`; what is no update of Textual's stays as it is."""
        if _SETTING.fullmatch(data):
            return self._passed(data) if _OTHER_SCREEN in data else data
        try:
            writes, place = _parsed(data)
        except UnknownError:
            return self._passed(data)
        self._scroll(writes)
        self._write(writes)
        if place is not None:
            self._pen.go(place)
        return self._pen.take(erases=self._erases)

    def _passed(self, data: str) -> str:
        """Output as it is, from a plain style; what the terminal shows then is unknown."""
        self.forget()
        self._pen.wear(PLAIN)
        return self._pen.take(erases=False) + data

    def _scroll(self, writes: list[Write]) -> None:
        """Where most lines of an update are those of before, some lines further, let the terminal move them."""
        wanted = self._whole_lines(writes)
        if len(wanted) < FEWEST:
            return
        shown = {line: "".join(self._lines[line][0])[EDGES] for line in wanted}
        still = sum(shown[line] == text for line, text in wanted.items())
        for by in SHIFTS:
            moved = [y for y, text in wanted.items() if text.strip() and shown.get(y + by) == text]
            if len(moved) - still >= FEWEST and len(moved) * 4 >= (moved[-1] - moved[0] + 1) * 3:
                top, bottom = min(moved[0], moved[0] + by), max(moved[-1], moved[-1] + by)
                if all(line in wanted for line in range(top, bottom + 1)):
                    self._move_lines(top, bottom, by)
                return

    def _whole_lines(self, writes: list[Write]) -> dict[int, str]:
        """The lines that an update writes from their first to their last known cell: the middle of their text."""
        found: dict[int, tuple[int, str]] = {}
        broken = set()
        for line, column, text, _ in writes:
            until, before = found.get(line, (0, ""))
            if column != until or not is_narrow(text):
                broken.add(line)
            found[line] = column + len(text), before + text
        return {
            line: text[EDGES]
            for line, (until, text) in sorted(found.items())
            if line not in broken and line in self._lines and until == len(self._lines[line][0])
        }

    def _move_lines(self, top: int, bottom: int, by: int) -> None:
        """Move lines up by so many, or down when it is negative; what comes in is unknown."""
        move = f"\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1};1H\x1b[{abs(by)}{'M' if by > 0 else 'L'}\x1b[r"
        self._pen.send(move, None)
        old = {line: self._lines.pop(line) for line in range(top, bottom + 1)}
        for line in range(top, bottom + 1):
            if top <= line + by <= bottom:
                self._lines[line] = old[line + by]

    def _write(self, writes: list[Write]) -> None:
        """Have the cells drawn that these texts change."""
        changed: dict[int, set[int]] = {}
        for each in writes:
            if is_narrow(each.text):
                columns = self._note(each)
                if columns:
                    changed.setdefault(each.line, set()).update(columns)
            else:
                self._draw(changed)
                changed = {}
                self._write_wide(each)
        self._draw(changed)

    def _note(self, write: Write) -> list[int]:
        """Put a text into the picture; gives the columns that look different now."""
        line, first, text, style = write
        end = first + len(text)
        characters, styles = self._cells(line, end)
        blank = on_blank(style)
        new_styles = [blank if character == " " else style for character in text]
        if characters[first:end] == list(text) and styles[first:end] == new_styles:
            return []
        columns = [
            column
            for column, cell in enumerate(zip(text, new_styles, strict=True), first)
            if (characters[column], styles[column]) != cell
        ]
        characters[first:end], styles[first:end] = text, new_styles
        return columns

    def _write_wide(self, write: Write) -> None:
        """Write a text with characters of two cells or none: as it is, for terminals do not agree about them."""
        line, first, text, style = write
        end = first + cell_len(text)
        self._pen.go((line, first))
        self._pen.wear(style)
        self._pen.send(text, None)
        self._cells(line, end)[1][first:end] = [None] * (end - first)

    def _cells(self, line: int, end: int) -> tuple[list[str], list[Style | None]]:
        """Characters and styles of a line, up to a column at least."""
        characters, styles = self._lines.setdefault(line, ([], []))
        if (missing := end - len(styles)) > 0:
            characters += [" "] * missing
            styles += [None] * missing
        return characters, styles

    def _draw(self, changed: dict[int, set[int]]) -> None:
        """Send cells as the picture has them: in their order or style by style, whichever is shorter."""
        runs = [run for line, columns in changed.items() for run in self._runs(line, sorted(columns))]
        if runs:
            self._pen = min(self._drawn(runs), self._drawn(self._by_style(runs)), key=lambda pen: pen.size)

    def _runs(self, line: int, columns: list[int]) -> Iterator[Write]:
        """The cells of these columns as texts that are written in one style each."""
        characters, styles = self._lines[line]
        first = end = columns[0]
        style = styles[first] or PLAIN
        for column in columns:
            its = styles[column] or PLAIN
            if column - end <= BRIDGE and self._fit(line, range(end, column + 1), style):
                end = column + 1
            elif column == end and on_blank(its) == style and not "".join(characters[first:end]).strip():
                end, style = column + 1, its  # what comes before it is blank
            else:
                yield Write(line, first, "".join(characters[first:end]), style)
                first, end, style = column, column + 1, its
        yield Write(line, first, "".join(characters[first:end]), style)

    def _fit(self, line: int, columns: range, style: Style) -> bool:
        """Whether these cells look right in a style."""
        characters, styles = self._lines[line]
        return all(fits(style, characters[column], styles[column]) for column in columns)

    def _by_style(self, runs: list[Write]) -> list[Write]:
        """All of one ground together, and in it all of one style, those first that the pen has."""
        grounds, styles = {self._pen.has.ground: 0}, {self._pen.has: 0}
        for run in runs:
            grounds.setdefault(run.style.ground, len(grounds))
            styles.setdefault(run.style, len(styles))
        return sorted(runs, key=lambda run: (grounds[run.style.ground], styles[run.style]))

    def _drawn(self, runs: list[Write]) -> Pen:
        """The pen after it has written these."""
        pen = self._pen.copy()
        for line, column, text, style in runs:
            at = pen.at
            if at and at[0] == line and 0 < column - at[1] <= BRIDGE:
                between = range(at[1], column)
                if self._fit(line, between, pen.has):
                    pen.write("".join(self._lines[line][0][at[1] : column]), pen.has)
            pen.go((line, column))
            pen.write(text, style)
        return pen
