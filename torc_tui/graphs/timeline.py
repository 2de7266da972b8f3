"""When the jobs of a workflow ran on each runner: loads over time, and jobs as bars; of the whole run or a part."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from msgspec import structs

from torc_core.client import console
from torc_core.client.stream import Change
from torc_core.models.console import Row, Timeline, TimelineQuery
from torc_tui.context import Thing
from torc_tui.graphs.graph import Canvas, Drawing, Finder, Graph, said
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, fitted, width_of
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.timeline import Looked, gutter, last_part, layout, load_text, looked_at, timeline_lines
from torc_tui.store import Store, Watch

MANY_ATTEMPTS = 2_000
"""The timeline of a run with more is shown some seconds late: they are all looked at for it."""

BLOCK = 100
"""Bars are asked for from a multiple of so many on, twice as many at once."""

SHORTEST_MS = 1000
"""No shorter time is shown."""

NAME = 32
"""So many columns of a name are shown beside the times of its bar."""


class TimelineGraph(Graph):
    """See the module."""

    views = ("timeline",)
    has_rows = True

    def __init__(self, store: Store, find: Finder, *, node: int | None = None, job: int | None = None) -> None:
        """`find` gives the workflow; `node` is the runner, and `job` the bar that is looked at first."""
        super().__init__(store)
        self._find = find
        self._looked = Looked(node)
        self._sought = job
        """The job whose bar is still to be found."""
        self._window: tuple[int, int] | None = None
        """The part of the time that is shown (ms since 1970); None: all."""
        self._whole: tuple[int, int] | None = None
        self._canvas = Canvas(80, 20, Characters())
        self._asked: TimelineQuery | None = None
        self._told: Timeline | None = None
        self._stale = False
        """Something has changed since it was asked for."""

    @property
    def node_id(self) -> int | None:
        """The runner that is looked at, else the first one."""
        told = self._told
        if self._looked.node is not None:
            return self._looked.node
        return told.nodes[0].id if told and told.nodes else None

    @property
    def _parts(self) -> int:
        return max(self._canvas.width - gutter(self._canvas.width), 10)

    @property
    def _bars(self) -> int:
        """How many are in sight."""
        return layout(self._canvas.height, len(self._told.nodes) if self._told else 1).bars

    @property
    def is_live(self) -> bool:
        return self._told is not None and (self._told.is_running or self._stale)

    def ask(self) -> None:
        workflow_id = self._find()
        if workflow_id is None:
            return
        begin, end = self._window or (None, None)
        wanted = TimelineQuery(parts=self._parts, from_ms=begin, to_ms=end, node=self._looked.node, limit=2 * BLOCK)
        if self._sought is not None:
            wanted = structs.replace(wanted, anchor=self._sought, before=BLOCK)
        elif not self._covers(wanted):
            wanted = structs.replace(wanted, offset=self._looked.top // BLOCK * BLOCK)
        else:
            wanted = self._asked or wanted
        if wanted != self._asked or not self.watches:
            self.close()
            self._asked = wanted
            self._stale = False
            self.watches = [Watch(self.store, console.timeline(workflow_id, wanted), self._concerns, self.told)]

    def _covers(self, wanted: TimelineQuery) -> bool:
        """Whether what was asked for is of the same time and runner, and its bars are those in sight."""
        asked, told = self._asked, self._told
        if asked is None or _scope(asked) != _scope(wanted):
            return False
        if told is None:
            return True
        last = told.offset + len(told.bars)
        return told.offset <= self._looked.top and (self._looked.top + self._bars <= last or last >= told.total)

    def _concerns(self, change: Change) -> bool:
        if change.event not in ("jobs", "job", "workflow") or change.data.get("workflow_id") != self._find():
            return False
        many = self._told is not None and self._told.attempts > MANY_ATTEMPTS
        self._stale = self._stale or many
        return not many

    def ticked(self) -> None:
        super().ticked()
        self._stale = False

    def told(self, watch: Watch[Any]) -> None:
        self._told = watch.value or self._told
        super().told(watch)

    def arrived(self) -> None:
        told = self._told
        if told is None:
            return
        if self._window is None and told.all:
            self._whole = told.from_ms, told.from_ms + told.step_ms * len(told.all.running)
        if self._sought is not None:
            self._sought = None
            if told.anchor is not None:
                self._looked = replace(self._looked, row=told.anchor, top=max(told.anchor - self._bars // 2, 0))

    def draw(self, canvas: Canvas) -> Drawing | None:
        self._canvas = canvas
        self.move_row(0)
        self.ask()
        told = self._told
        if told is None:
            return None
        if not told.attempts:
            return said(
                [
                    f"Nothing has run yet in run {told.run} of this workflow.",
                    "Bars appear here by themselves as jobs start; on the workflow's screen 'r' runs it.",
                ],
                canvas,
            )
        looked = replace(self._looked, cursor=self._cursor)
        lines = timeline_lines(told, looked, canvas.width, canvas.height, canvas.characters)
        return Drawing(self._facts(told, canvas.characters), self._reading(told), lines)

    @property
    def _cursor(self) -> int | None:
        return None if self.cursor is None or self._told is None else min(self.cursor, last_part(self._told))

    def _facts(self, told: Timeline, characters: Characters) -> Line:
        """The bar under the cursor."""
        row = self._row
        if row is None:
            return []
        now = datetime.now()
        end = numbers.clock(row["end"], now) if "end" in row else "now"
        took = (row.get("end", told.now_ms) - row["start"]) / 1000
        begin = numbers.clock(row["start"], now)
        span = f"{begin if begin == end else f'{begin} to {end}'}, {numbers.duration(took)}"
        name = fitted([(row["name"], "strong")], min(width_of([(row["name"], "")]), NAME))
        return [*name, (" ", ""), *characters.status(row["status"]), (f"  {span}", "")]

    def _reading(self, told: Timeline) -> Line:
        """How much ran at the cursor, or the time that is shown."""
        now = datetime.now()
        at = self._cursor
        load = looked_at(told, self._looked.node)
        if at is not None and load:
            when = numbers.clock(told.from_ms + at * told.step_ms, now)
            return [("at ", "dim"), (when, "warning"), (f"  {load_text(load.running[at])} running", "strong")]
        if self._window is None:
            return []
        begin, end = (numbers.clock(ms, now) for ms in self._window)
        return [("only ", "dim"), (f"{begin} to {end}", "warning")]

    @property
    def _row(self) -> Row | None:
        told = self._told
        place = self._looked.row - told.offset if told else -1
        return told.bars[place] if told and 0 <= place < len(told.bars) else None

    def leave_state(self) -> bool:
        if super().leave_state():
            return True
        if self._window is None:
            return False
        self._show_time(None)
        return True

    def move_cursor(self, columns: int) -> None:
        told = self._told
        if told is None or told.all is None:
            return
        last = last_part(told)
        at = (last if self._cursor is None else self._cursor) + columns
        if self._window and (at < 0 or at > last):
            self._pan(told, -1 if at < 0 else 1)
        else:
            self.cursor = max(at, 0) if at < last or self._window else None

    def _pan(self, told: Timeline, direction: int) -> None:
        """Show the half before or after; the cursor stays at its time, or is where the time ends."""
        assert self._window
        assert self._whole
        length = self._window[1] - self._window[0]
        begin = min(max(self._window[0] + direction * (length // 2), self._whole[0]), self._whole[1] - length)
        moved = (begin - self._window[0]) // told.step_ms
        if moved:
            last = self._parts - 1
            self.cursor = min(max((0 if direction < 0 else last) - moved + direction, 0), last)
            self._show_time((begin, begin + length))

    def zoom(self, factor: float) -> None:
        told = self._told
        if told is None or self._whole is None:
            return
        begin, end = self._window or self._whole
        length = max(int((end - begin) * factor), SHORTEST_MS)
        if length >= self._whole[1] - self._whole[0]:
            self.cursor = None
            self._show_time(None)
            return
        row, middle = self._row, (begin + end) // 2
        if self._cursor is not None:
            middle = told.from_ms + self._cursor * told.step_ms
        elif row:
            middle = (row["start"] + row.get("end", told.now_ms)) // 2
        begin = min(max(middle - length // 2, self._whole[0]), self._whole[1] - length)
        if self._cursor is not None:
            self.cursor = (middle - begin) * self._parts // length
        self._show_time((begin, begin + length))

    def _show_time(self, window: tuple[int, int] | None) -> None:
        """Show this part of the time; the bar under the cursor stays so if it is in it."""
        if window != self._window:
            row = self._row
            self._window, self._sought = window, row["id"] if row else None
            self._looked = replace(self._looked, row=0, top=0)

    def _neighbour(self, by: int) -> tuple[int | None] | None:
        """The runner before or after, all of them being the first, in a tuple; None when there is none."""
        told = self._told
        if told is None or len(told.nodes) < 2:
            return None
        order = [None, *(each.id for each in told.nodes)]
        place = (order.index(self._looked.node) if self._looked.node in order else 0) + by
        return (order[place],) if 0 <= place < len(order) else None

    def why_no_neighbour(self, by: int) -> str | None:
        if self._neighbour(by):
            return None
        if self._told and len(self._told.nodes) < 2:
            return "all of it ran on one runner"
        return "there is no runner before" if by < 0 else "there is no runner after"

    def step(self, by: int) -> None:
        if beside := self._neighbour(by):
            self._looked = replace(self._looked, node=beside[0], row=0, top=0)

    def move_row(self, rows: int, pages: int = 0) -> None:
        total, bars = (self._told.total if self._told else 0), self._bars
        row = min(max(self._looked.row + rows + pages * max(bars - 1, 1), 0), max(total - 1, 0))
        top = min(max(self._looked.top, row - bars + 1), row)
        self._looked = replace(self._looked, row=row, top=max(min(top, total - bars), 0))

    def open_row(self) -> None:
        if (row := self._row) and self.screen:
            self.screen.open_job(row["id"], row["name"])

    def things(self, kind: str) -> list[Thing]:
        told, row = self._told, self._row
        if kind == "job" and row:
            return [Thing("job", row["id"], row["name"], row)]
        return [Thing("workflow", told.workflow_id, told.name)] if kind == "workflow" and told else []

    def place(self, characters: Characters) -> Line:  # noqa: ARG002
        told = self._told
        if told is None:
            return [(f"workflow {self._find() or ''}", "strong")]
        return [(told.name, "strong"), (f" ({told.workflow_id}) › plot", "dim")]

    def which(self) -> Line:
        told = self._told
        return [(f"run {told.run}  {numbers.many(told.attempts, 'attempt')}", "dim")] if told else []

    def address(self) -> str:
        return f"timeline {self._find() or ''}".rstrip()


def _scope(ask: TimelineQuery) -> tuple[int, int | None, int | None, int | None]:
    return ask.parts, ask.from_ms, ask.to_ms, ask.node
