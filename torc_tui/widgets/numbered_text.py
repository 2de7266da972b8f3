"""The text of a workflow file as lines with numbers, made when they are drawn: a file may have a million."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import overload

from torc_tui.rendering.cells import Line

_KEY = re.compile(r"""^(\s*(?:- )?\s*)("?[\w.-]+"?)(\s*:(?:\s|$))(.*)$""")
_COMMENT = re.compile(r"^\s*(#|//)")


class NumberedText(Sequence[Line]):
    """Lines of `text`; those in `problems` (counted from 1) have a mark of their role."""

    def __init__(self, text: Sequence[str], problems: dict[int, str], here: int | None = None) -> None:
        self._text = text
        self._problems = problems
        self._here = here
        self._width = max(3, len(str(len(text))))

    def __len__(self) -> int:
        return len(self._text)

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self._line(number) for number in range(*index.indices(len(self._text)))]
        return self._line(index)

    def _line(self, index: int) -> Line:
        number = index + 1
        role = self._problems.get(number)
        here = number == self._here
        mark = "▌" if here else "✖" if role == "error" else "!" if role else " "
        head: Line = [(mark, role or "accent"), (f"{number:>{self._width}}", role or ("accent" if here else "dim"))]
        return [
            *head,
            ("  ", ""),
            *coloured("".join(c if c.isprintable() else " " for c in self._text[index].expandtabs(4))),
        ]


def coloured(text: str) -> Line:
    """Comments dim, keys apart from values."""
    if _COMMENT.match(text):
        return [(text, "dim")]
    found = _KEY.match(text)
    if not found:
        return [(text, "text")]
    indent, key, colon, rest = found.groups()
    return [(indent, "text"), (key, "accent"), (colon, "dim"), (rest, "text")]
