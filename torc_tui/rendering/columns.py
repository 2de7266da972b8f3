"""Columns of tables: what a cell shows, how wide it is, and which columns give way when the screen is narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from torc_core.models.console import Row
from torc_tui.rendering.cells import Line, Span, fitted
from torc_tui.rendering.glyphs import Characters

GAP = 2
"""Blanks between columns."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a cell depends on beside its row."""

    characters: Characters
    now: datetime


Cell = Callable[[Row, Look], Line]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` is the server's name of it (for sorting), `weight` how long it stays on a narrow screen."""

    name: str
    title: str
    width: int
    cell: Cell
    weight: int = 50
    right: bool = False
    grows: bool = False
    """It takes what the others leave."""
    sortable: bool = True
    limit: int = 200
    """It does not grow beyond this."""
    instead: tuple[str, str, Cell] | None = None
    """A column, and the title and the cell of this one where there is no room for that."""
    narrow: Column | None = None
    """What stands for it where it has to give way."""


Placed = tuple[Column, int]
"""A column with the width it got."""


def fit(columns: Sequence[Column], width: int) -> list[Placed]:
    """The columns that fit into `width`, those of the least weight left out first; growing ones share the rest."""
    chosen = list(columns)
    while len(chosen) > 1 and sum(column.width + GAP for column in chosen) - GAP > width:
        least = min(reversed(chosen), key=lambda column: column.weight)
        place = chosen.index(least)
        chosen[place : place + 1] = [least.narrow] if least.narrow else []
    spare = max(0, width - sum(column.width + GAP for column in chosen) + GAP)
    growing = sum(column.grows for column in chosen)
    names = {column.name for column in chosen}
    placed: list[Placed] = []
    for column in chosen:
        if column.instead and column.instead[0] not in names:
            column = replace(column, title=column.instead[1], cell=column.instead[2])
        extra = min(spare // growing, column.limit - column.width) if column.grows else 0
        if column.grows:
            spare, growing = spare - extra, growing - 1
        placed.append((column, column.width + extra))
    return placed


def cells(placed: Sequence[Placed], row: Row, look: Look) -> Line:
    """A row as a line."""
    line: Line = []
    for index, (column, width) in enumerate(placed):
        if index:
            line.append((" " * GAP, ""))
        content = column.cell(row, look)
        line += fitted(content, width, right=column.right, ellipsis="~" if look.characters.ascii else "…")
    return line


def header(placed: Sequence[Placed], sort: str, characters: Characters) -> Line:
    """The titles; the column that is sorted by has an arrow."""
    line: Line = []
    for index, (column, width) in enumerate(placed):
        if index:
            line.append((" " * GAP, ""))
        span: Span = (column.title, "title")
        if sort.removeprefix("-") == column.name:
            arrow = "↓" if sort.startswith("-") else "↑"
            text = (
                f"{column.title} {arrow}" if len(column.title) + 2 <= width else f"{column.title[: width - 1]}{arrow}"
            )
            span = (characters.text(text), "accent")
        line += fitted([span], width, right=column.right)
    return line
