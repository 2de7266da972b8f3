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


class Style(NamedTuple):
    """Attributes and colours as the numbers of an SGR sequence."""

    attributes: tuple[str, ...] = ()
    colour: str = ""
    ground: str = ""


PLAIN = Style()


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


class Picture:
    """See the module."""

    def __init__(self) -> None:
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
        place: tuple[int, int] | None = None
        style = PLAIN
        end = 0
        for token in _TOKEN.finditer(data):
            if token.start() != end:
                raise _UnknownError
            end = token.end()
            if token["text"] is not None:
                if place is None:
                    raise _UnknownError
                place = self._text(out, place, token["text"], style)
            elif token["style"] is not None:
                style = _style(token["style"])
            elif token["place"] is not None:
                line, _, column = token["place"].partition(";")
                place = int(line or 1) - 1, int(column or 1) - 1
            else:
                place = None
        if end != len(data):
            raise _UnknownError
        if place is not None:
            self._go(out, place)
        return "".join(out)

    def _text(self, out: list[str], place: tuple[int, int], text: str, style: Style) -> tuple[int, int]:
        """Write a text of one style; gives the place after it."""
        if not text.isascii() and cell_len(text) != len(text):
            return self._wide(out, place, text, style)
        line, first = place
        end = first + len(text)
        characters, styles = self._cells(line, end)
        blank = _blank(style)
        new_styles = [blank if character == " " else style for character in text]
        if characters[first:end] == list(text) and styles[first:end] == new_styles:
            return line, end
        for column, (character, its) in enumerate(zip(text, new_styles, strict=True), first):
            if characters[column] == character and styles[column] == its:
                continue
            characters[column], styles[column] = character, its
            self._reach(out, line, column)
            self._put(out, character, its)
        return line, end

    def _wide(self, out: list[str], place: tuple[int, int], text: str, style: Style) -> tuple[int, int]:
        """Write a text with characters of two cells or none: as it is, for terminals do not agree about them."""
        line, first = place
        end = first + cell_len(text)
        self._go(out, place)
        self._wear(out, style)
        out.append(text)
        self._cells(line, end)[1][first:end] = [None] * (end - first)
        self._at = None
        return line, end

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
