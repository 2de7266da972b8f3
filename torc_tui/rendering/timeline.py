"""A timeline as lines of text: how many jobs ran on each runner over time, and below them jobs as bars."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

from torc_core.models.console import NodeLoad, Row, Timeline
from torc_tui.rendering import numbers, scales
from torc_tui.rendering.cells import Line, fitted, plain, width_of
from torc_tui.rendering.glyphs import STATUSES, Characters
from torc_tui.rendering.sparkline import LEVELS

TICK_EVERY = 16
"""Columns for a time on the axis."""

BAR = "━"

BESIDE_BAR = 24
"""Columns at most for the runner beside a bar."""

MOST = "TOP AVG"
"""What the most of a runner is called: loads are averages over a part of the time, so a short peak is more."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Lines of the parts: the load of the runner that is looked at, a line for each runner, the bars."""

    load: int
    nodes: int
    bars: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What of it is looked at: a runner (None: all), a part of the time, and rows of bars by their place among all."""

    node: int | None = None
    cursor: int | None = None
    row: int = 0
    top: int = 0


def layout(height: int, nodes: int) -> Layout:
    """How so many lines are shared; a single runner needs no line of its own."""
    load = 1 if height < 12 else 3 if height < 22 else 5
    room = max(height - load - 2, 1)  # the axis, and the line above the bars
    own = min(nodes, room // 3) if nodes > 1 else 0
    return Layout(load, own, room - own)


def gutter(width: int) -> int:
    """Columns left of the time."""
    return max(18, min(30, width // 5))


def load_text(running: float) -> str:
    """Jobs at the same time, on average."""
    if 0 < running < 0.05:
        return "<0.1"
    return f"{running:,.0f}" if running >= 9.95 else f"{running:.1f}".removesuffix(".0")


def looked_at(told: Timeline, node: int | None) -> NodeLoad | None:
    """The load of a runner, or of all."""
    if node is None:
        return told.all
    return next((each for each in told.nodes if each.id == node), None)


def last_part(told: Timeline) -> int:
    """The last part of which something can be known by now."""
    parts = len(told.all.running) if told.all else 1
    return max(0, min(parts - 1, (told.now_ms - told.from_ms) // told.step_ms))


def timeline_lines(told: Timeline, looked: Looked, width: int, height: int, characters: Characters) -> list[Line]:
    """All of it, in `height` lines of `width` columns at most."""
    left = gutter(width)
    share = layout(height, len(told.nodes))
    columns = _Columns(told, left, looked.cursor)
    load = looked_at(told, looked.node) or NodeLoad(id=0, host="", jobs=0, running=[])
    return [
        _axis(told, columns, width),
        *_load(load, told, columns, share.load, looked.node),
        *_nodes(told, columns, share.nodes, looked.node),
        _above_bars(told, looked, share.bars, width),
        *_bars(told, looked, columns, share.bars, width, characters),
    ]


class _Columns:
    """Where times are on the screen, and what a line of them looks like."""

    def __init__(self, told: Timeline, left: int, cursor: int | None) -> None:
        self.told = told
        self.left = left
        self.parts = len(told.all.running) if told.all else 0
        self.cursor = cursor
        is_now = told.is_running and told.now_ms < told.from_ms + told.step_ms * self.parts
        self.word = "AT" if cursor is not None else "NOW" if is_now else MOST
        """When what is said of each runner was so."""

    def at(self, ms: float) -> int:
        """The part in which a moment is."""
        return min(max(int((ms - self.told.from_ms) // self.told.step_ms), 0), max(self.parts - 1, 0))

    def line(self, text: str, role: str, start: int = 0) -> Line:
        """One character for each part, with the cursor over it; from the part `start` on."""
        roles = [role] * len(text)
        characters = list(text)
        if self.cursor is not None and self.cursor < len(text):
            roles[self.cursor] = "warning"
            if characters[self.cursor] == " ":
                characters[self.cursor] = "┊"
        return [
            ("".join(character for _, character in group), key)
            for key, group in groupby(zip(roles[start:], characters[start:], strict=True), key=lambda pair: pair[0])
        ]

    def value(self, load: NodeLoad) -> float:
        """What is said of a runner beside its line: at the cursor, else now, else the most of any part."""
        if self.word == MOST:
            return max(load.running, default=0.0)
        read = last_part(self.told) if self.cursor is None else self.cursor
        return load.running[read] if read < len(load.running) else 0.0

    def labelled(self, mark: str, name: Line, value: str, role: str = "") -> Line:
        """What is left of the time."""
        return [(mark, "accent"), *fitted(name, self.room(value)), (" ", ""), (value, role), (" ", "")]

    def room(self, value: str) -> int:
        """Columns for the name beside a value."""
        return self.left - 3 - len(value)


def _axis(told: Timeline, columns: _Columns, width: int) -> Line:
    line = columns.labelled(" ", [("RUNNING", "title")], columns.word, "title")
    last_s = (told.from_ms + told.step_ms * columns.parts) / 1000
    text = ""
    for at, label in scales.times(told.from_ms / 1000, last_s, max(2, columns.parts // TICK_EVERY)):
        column = columns.at(at * 1000)
        if column >= len(text) + (1 if text else 0) and columns.left + column + len(label) + 1 <= width:
            text = f"{text:<{column}}│{label}"
    return [*line, (text, "dim")]


def _levels(load: NodeLoad, top: float, lines: int) -> list[int]:
    """Eighths of a line for each part; something is never nothing."""
    full = lines * len(LEVELS)
    return [max(round(value / top * full), 1) if value > 0 and top > 0 else 0 for value in load.running]


def _load(load: NodeLoad, told: Timeline, columns: _Columns, lines: int, node: int | None) -> list[Line]:
    top = max(load.running, default=0.0)
    levels = _levels(load, top, lines)
    single = told.nodes[0] if len(told.nodes) == 1 else None
    name: Line = [(single.host or "elsewhere" if single else "all runners", "strong")]
    value = load_text(columns.value(load))
    if node is not None and not single:
        name = [(_called(load, columns.room(value)), "strong")]
    found: list[Line] = []
    for y in range(lines):
        below = (lines - 1 - y) * len(LEVELS)
        text = "".join(_glyph(level - below) for level in levels)
        if y == lines - 1:
            left = columns.labelled("▌" if node is None or single else " ", name, value)
        elif y == 0:
            left = columns.labelled(" ", [], f"{MOST.lower()} {load_text(top)}", "dim")
        else:
            left = [(" " * columns.left, "")]
        found.append([*left, *columns.line(text, "running")])
    return found


def _glyph(eighths: int) -> str:
    return " " if eighths <= 0 else LEVELS[min(eighths, len(LEVELS)) - 1]


def _called(load: NodeLoad, room: int) -> str:
    """A runner, in so many columns: its host gives way to its id, as others may be on that host."""
    if not load.id:
        return "elsewhere"
    number = f" ({load.id})"
    host = fitted([(load.host, "")], min(cell_len(load.host), room - len(number)))
    return f"{plain(host)}{number}"


def _nodes(told: Timeline, columns: _Columns, lines: int, node: int | None) -> list[Line]:
    """A line for each runner, all to one scale, those around the one that is looked at."""
    here = next((index for index, each in enumerate(told.nodes) if each.id == node), 0)
    first = max(0, min(here - lines // 2, len(told.nodes) - lines))
    top = max((max(each.running, default=0.0) for each in told.nodes), default=0.0)
    found: list[Line] = []
    for load in told.nodes[first : first + lines]:
        mark, role = ("▌", "strong") if load.id == node else (" ", "text")
        value = columns.value(load)
        beside = load_text(value)
        name: Line = [(_called(load, columns.room(beside)), role)]
        left = columns.labelled(mark, name, beside, "" if value else "faint")
        text = "".join(_glyph(level) for level in _levels(load, top, 1))
        found.append([*left, *columns.line(text, "running")])
    return found


def _above_bars(told: Timeline, looked: Looked, lines: int, width: int) -> Line:
    first, last = looked.top + 1, min(looked.top + lines, told.total)
    count = f" JOBS {first:,}–{last:,} of {told.total:,}, by start " if told.total else " NO JOBS "
    hidden = told.nodes_total - len(told.nodes)
    more = f" {hidden:,} more runners are not shown " if hidden > 0 else ""
    return [(count, "title"), ("┄" * max(0, width - len(count) - len(more)), "faint"), (more, "dim")]


def _bars(
    told: Timeline, looked: Looked, columns: _Columns, lines: int, width: int, characters: Characters
) -> list[Line]:
    several = looked.node is None and len(told.nodes) > 1
    runners = {each.id: _called(each, BESIDE_BAR) for each in told.nodes} if several else {}
    shown = told.bars[max(looked.top - told.offset, 0) :][:lines]
    return [
        _bar(row, place == looked.row, runners, columns, width, characters)
        for place, row in enumerate(shown, max(looked.top, told.offset))
    ]


def _bar(
    row: Row, selected: bool, runners: dict[int, str], columns: _Columns, width: int, characters: Characters
) -> Line:
    name: Line = [*characters.glyph(row["status"]), (f" {row['name']}", "strong" if selected else "text")]
    again = f"#{row['attempt']}" if row["attempt"] > 1 else ""
    left = columns.labelled("▌" if selected else " ", name, again, "dim")
    end = row.get("end", columns.told.now_ms)
    first, last = columns.at(row["start"]), columns.at(end)
    said = " ".join(
        part for part in (numbers.duration((end - row["start"]) / 1000), runners.get(row["node"], "")) if part
    )
    text = f"{' ' * first}{BAR * (last - first + 1)}"
    line = [*left, *columns.line(text, STATUSES[row["status"]].role)]
    if width_of(line) + len(said) + 1 <= width:
        return [*line, (f" {said}", "dim")]
    if first > len(said) + 1 and (columns.cursor is None or columns.cursor >= first):
        before: Line = [(f"{said:>{first - 1}} ", "dim")]
        return [*left, *before, *columns.line(text, STATUSES[row["status"]].role, first)]
    return line
