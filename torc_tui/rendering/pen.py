"""Styles of cells as a terminal is told them, and a pen: where a terminal writes next, and in which style."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""What ends an attribute."""

_SEEN_ON_BLANKS = frozenset("4579")
"""Attributes that blanks show, too."""

_BLANKS = re.compile(r"( {8,})(?=\x1b\[[0-9;]*[GH])|( {11,})")
"""Blanks that are shorter to erase: before the cursor goes elsewhere anyway, or with a step over them."""


class Style(NamedTuple):
    """Attributes and colours as the numbers of an SGR sequence."""

    attributes: tuple[str, ...] = ()
    colour: str = ""
    ground: str = ""


PLAIN = Style()


class UnknownError(Exception):
    """Output that nobody here has a picture of."""


@lru_cache(1024)
def style_of(numbers: str) -> Style:
    """The style that an SGR sequence makes of a plain one. UnknownError for numbers of another kind."""
    attributes: list[str] = []
    colour, ground = "", ""
    rest = iter(numbers.split(";"))
    for number in rest:
        if number in ("38", "48"):
            kind = next(rest, "")
            count = {"2": 3, "5": 1}.get(kind)
            if count is None:
                raise UnknownError
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
            raise UnknownError
    return Style(tuple(sorted(set(attributes))), colour, ground)


@lru_cache(1024)
def on_blank(style: Style) -> Style:
    """What is seen of a style on a blank."""
    return style if _shows_on_blanks(style) else Style(ground=style.ground)


def _shows_on_blanks(style: Style) -> bool:
    return not _SEEN_ON_BLANKS.isdisjoint(style.attributes)


def fits(pen: Style, character: str, style: Style | None) -> bool:
    """Whether a cell looks right when it is written in the style of a pen; a style of None is not known."""
    return style is not None and (on_blank(pen) if character == " " else pen) == style


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


class Pen:
    """See the module."""

    def __init__(self) -> None:
        self.at: tuple[int, int] | None = None
        """Line and column of the terminal's cursor; None when nobody knows."""
        self.has = PLAIN
        """The style that the terminal writes in; it is left so, for the next update begins with the same ground."""
        self._sent: list[str] = []
        self._plain_blanks = True
        """Nothing that is sent is underlined, reversed or so: a blank is its ground."""

    def copy(self) -> Pen:
        """Another one that is where this one is, and has sent as much."""
        other = Pen()
        other.at, other.has, other._sent, other._plain_blanks = self.at, self.has, [*self._sent], self._plain_blanks
        return other

    @property
    def size(self) -> int:
        """Characters that it has sent."""
        return sum(map(len, self._sent))

    def send(self, control: str, at: tuple[int, int] | None) -> None:
        """Send something of another kind, which leaves the cursor at a place."""
        self._sent.append(control)
        self.at = at

    def go(self, place: tuple[int, int]) -> None:
        """Go to a line and a column."""
        if self.at != place:
            line, column = place
            same_line = self.at is not None and self.at[0] == line
            self.send(f"\x1b[{column + 1}G" if same_line else f"\x1b[{line + 1};{column + 1}H", place)

    def write(self, text: str, style: Style) -> None:
        """Write characters of one cell each; blanks alone may be written in another style of their ground."""
        assert self.at is not None
        if text.isspace() and not _shows_on_blanks(style) and not _shows_on_blanks(self.has):
            style = self.has._replace(ground=style.ground)  # the rest may well be what comes next
        self.wear(style)
        self.send(text, (self.at[0], self.at[1] + len(text)))

    def wear(self, style: Style) -> None:
        """Have the next text written in a style."""
        if self.has != style:
            self._sent.append(_change(self.has, style))
            self.has = style
            self._plain_blanks &= not _shows_on_blanks(style)

    def take(self, *, erases: bool) -> str:
        """What was sent, for the terminal; `erases`: it erases in the colour of the ground."""
        sent, self._sent = "".join(self._sent), []
        less = _BLANKS.sub(_erased, sent) if erases and self._plain_blanks else sent
        self._plain_blanks = not _shows_on_blanks(self.has)
        return less
