"""What the terminal shows, cell by cell: output is reduced to the cells that change and the fewest changes of style.

Textual writes whole spans, with every attribute of every segment: 15 kB for a page of a table whose columns are mostly
the same on the next page, over 1 kB for a move of the cursor. Over a slow line that is what a user waits for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[(?P<style>[0-9;]*)m|\x1b\[(?P<place>[0-9;]*)H|(?P<text>[^\x00-\x1f\x7f]+)|(?P<line>\n)")

_SETTING = re.compile(r"(?:\x1b\[[<>=?][0-9;]*[$a-z]+|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x07)*")
"""What changes or asks for settings of the terminal and draws nothing; the other screen and its return are no such."""

_OTHER_SCREEN = "\x1b[?1049"

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""What ends an attribute."""

_SEEN_ON_BLANKS = frozenset("4579")
"""Attributes that blanks show, too."""

BRIDGE = 4
"""So many unchanged cells are written again rather than jumped over."""

_BLANKS = re.compile(r"( {8,})(?=\x1b\[[0-9;]*[GH])|( {11,})")
"""Blanks that are shorter to erase: before the cursor goes elsewhere anyway, or with a step over them."""


class Style(NamedTuple):
    """Attributes and colours as the numbers of an SGR sequence."""

    attributes: tuple[str, ...] = ()
    colour: str = ""
    ground: str = ""


PLAIN = Style()


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


class _UnknownError(Exception):
    """Output that this module has no picture of."""


@lru_cache(1024)
def _style(numbers: str) -> Style:
    """The style that an SGR sequence makes of a plain one."""
    attributes: list[str] = []
    colour, ground = "", ""
    rest = iter(numbers.split(";"))
    for number in rest:
        if number in ("38", "48"):
            kind = next(rest, "")
            count = {"2": 3, "5": 1}.get(kind)
            if count is None:
                raise _UnknownError
            value = ";".join([number, kind, *(next(rest, "0") for _ in range(count))])
            colour, ground = (value, ground) if number == "38" else (colour, value)
        elif number in ("", "0"):
            attributes, colour, ground = [], "", ""
        elif number in _OFF:
            attributes.append(number)
        elif number[:-1] in ("3", "9"):
            colour = "" if number == "39" else number
        elif number[:-1] in ("4", "10"):
            ground = "" if number == "49" else number
        else:
            raise _UnknownError
    return Style(tuple(sorted(set(attributes))), colour, ground)


@lru_cache(1024)
def _blank(style: Style) -> Style:
    """What is seen of a style on a blank."""
    if _SEEN_ON_BLANKS.intersection(style.attributes):
        return style
    return Style((), "", style.ground)


@lru_cache(4096)
def _change(old: Style, new: Style) -> str:
    """The shortest sequence that leads from one style to another."""
    if new == PLAIN:
        return "\x1b[m"
    off = sorted({_OFF[each] for each in old.attributes if each not in new.attributes})
    on = [each for each in new.attributes if each not in old.attributes or _OFF[each] in off]
    numbers = [*off, *on]
    if old.colour != new.colour:
        numbers.append(new.colour or "39")
    if old.ground != new.ground:
        numbers.append(new.ground or "49")
    anew = ["0", *new.attributes, *(each for each in (new.colour, new.ground) if each)]
    return f"\x1b[{min(';'.join(numbers), ';'.join(anew), key=len)}m"


def _erased(blanks: re.Match[str]) -> str:
    count = len(blanks[0])
    return f"\x1b[{count}X" if blanks[1] else f"\x1b[{count}X\x1b[{count}C"


def is_narrow(text: str) -> bool:
    """Whether every character takes one cell."""
    return text.isascii() or cell_len(text) == len(text)


def _parsed(data: str) -> tuple[list[Write], tuple[int, int] | None]:
    """What an update writes, and where it leaves the cursor. _UnknownError for anything else."""
    writes: list[Write] = []
    place: tuple[int, int] | None = None
    style = PLAIN
    end = 0
    for token in _TOKEN.finditer(data):
        if token.start() != end:
            raise _UnknownError
        end = token.end()
        if (text := token["text"]) is not None:
            if place is None:
                raise _UnknownError
            line, column = place
            writes.append(Write(line, column, text, style))
            place = line, column + (len(text) if text.isascii() else cell_len(text))
        elif token["style"] is not None:
            style = _style(token["style"])
        elif token["place"] is not None:
            line_number, _, column_number = token["place"].partition(";")
            place = int(line_number or 1) - 1, int(column_number or 1) - 1
        else:
            place = None
    if end != len(data):
        raise _UnknownError
    return writes, place


class Picture:
    """See the module."""

    def __init__(self, *, erases: bool = False) -> None:
        """`erases`: the terminal erases in the colour of the ground (terminfo's `bce`)."""
        self._erases = erases
        self._plain_blanks = True
        """Nothing in this update is underlined, reversed or so: a blank is its ground."""
        self._lines: dict[int, tuple[list[str], list[Style | None]]] = {}
        """Line -> characters and styles; a style of None is a cell that nobody knows."""
        self._at: tuple[int, int] | None = None
        """Line and column of the terminal's cursor."""
        self._has = PLAIN
        """The style that the terminal writes in; it is left so, for the next update begins with the same ground."""

    def forget(self) -> None:
        """The terminal may show anything: everything is written from now on."""
        self._lines = {}
        self._at = None

    def reduced(self, data: str) -> str:
        """Output that makes the same picture as `data`; what is no update of Textual's stays as it is."""
        if _SETTING.fullmatch(data):
            return self._passed(data) if _OTHER_SCREEN in data else data
        try:
            return self._reduced(data)
        except _UnknownError:
            return self._passed(data)

    def _passed(self, data: str) -> str:
        """Output as it is, from a plain style; what the terminal shows then is unknown."""
        self.forget()
        plain, self._has = "\x1b[m" if self._has != PLAIN else "", PLAIN
        return plain + data

    def _reduced(self, data: str) -> str:
        out: list[str] = []
        self._plain_blanks = not _SEEN_ON_BLANKS.intersection(self._has.attributes)
        writes, place = _parsed(data)
        self._scroll(out, writes)
        for each in writes:
            self._text(out, each)
        if place is not None:
            self._go(out, place)
        less = "".join(out)
        return _BLANKS.sub(_erased, less) if self._erases and self._plain_blanks else less

    def _scroll(self, out: list[str], writes: list[Write]) -> None:
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
                    self._move_lines(out, top, bottom, by)
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

    def _move_lines(self, out: list[str], top: int, bottom: int, by: int) -> None:
        """Move lines up by so many, or down when it is negative; what comes in is unknown."""
        out.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1};1H\x1b[{abs(by)}{'M' if by > 0 else 'L'}\x1b[r")
        self._at = None
        old = {line: self._lines.pop(line) for line in range(top, bottom + 1)}
        for line in range(top, bottom + 1):
            if top <= line + by <= bottom:
                self._lines[line] = old[line + by]

    def _text(self, out: list[str], write: Write) -> None:
        """Write a text of one style."""
        line, first, text, style = write
        if not is_narrow(text):
            self._wide(out, write)
            return
        end = first + len(text)
        characters, styles = self._cells(line, end)
        blank = _blank(style)
        new_styles = [blank if character == " " else style for character in text]
        if characters[first:end] == list(text) and styles[first:end] == new_styles:
            return
        for column, (character, its) in enumerate(zip(text, new_styles, strict=True), first):
            if characters[column] == character and styles[column] == its:
                continue
            characters[column], styles[column] = character, its
            self._reach(out, line, column)
            self._put(out, character, its)

    def _wide(self, out: list[str], write: Write) -> None:
        """Write a text with characters of two cells or none: as it is, for terminals do not agree about them."""
        line, first, text, style = write
        end = first + cell_len(text)
        self._go(out, (line, first))
        self._wear(out, style)
        out.append(text)
        self._cells(line, end)[1][first:end] = [None] * (end - first)
        self._at = None

    def _cells(self, line: int, end: int) -> tuple[list[str], list[Style | None]]:
        """Characters and styles of a line, up to a column at least."""
        characters, styles = self._lines.setdefault(line, ([], []))
        if (missing := end - len(styles)) > 0:
            characters += [" "] * missing
            styles += [None] * missing
        return characters, styles

    def _reach(self, out: list[str], line: int, column: int) -> None:
        """Bring the cursor to a cell; a short way over cells that look like that is written again."""
        at = self._at
        if at and at[0] == line and 0 < column - at[1] <= BRIDGE:
            characters, styles = self._lines[line]
            between = range(at[1], column)
            if all(self._fits(characters[x], styles[x]) for x in between):
                out.append("".join(characters[x] for x in between))
                self._at = line, column
                return
        self._go(out, (line, column))

    def _go(self, out: list[str], place: tuple[int, int]) -> None:
        line, column = place
        if self._at == place:
            return
        same_line = self._at is not None and self._at[0] == line
        out.append(f"\x1b[{column + 1}G" if same_line else f"\x1b[{line + 1};{column + 1}H")
        self._at = place

    def _fits(self, character: str, style: Style | None) -> bool:
        """Whether a cell looks right when it is written in the style that the terminal has now."""
        return style is not None and (_blank(self._has) if character == " " else self._has) == style

    def _put(self, out: list[str], character: str, style: Style) -> None:
        if not self._fits(character, style):
            if character == " " and not _SEEN_ON_BLANKS.intersection((*style.attributes, *self._has.attributes)):
                style = self._has._replace(ground=style.ground)  # the rest may well be what comes next
            self._wear(out, style)
        out.append(character)
        assert self._at is not None
        self._at = self._at[0], self._at[1] + 1

    def _wear(self, out: list[str], style: Style) -> None:
        if self._has != style:
            out.append(_change(self._has, style))
            self._has = style
            self._plain_blanks &= not _SEEN_ON_BLANKS.intersection(style.attributes)
