"""Runs on this machine, of consoles and of `torc run`: what they are, how they stand, and the end of their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

from textual.widget import Widget

from torc_core import run_records
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.errors import InputError, TorcError
from torc_core.models.console import Row, TablePage
from torc_core.run_records import LocalRun
from torc_tui import local_runs
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.local_runs import Seen
from torc_tui.rendering.cells import Line
from torc_tui.rendering.columns import Column, Look
from torc_tui.rendering.run_view import RUNS, facts, output_lines, run_row, tail
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.screens.run import RunScreen
from torc_tui.store import Store
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.lookout import Lookout
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.table_pane import TablePane
from torc_tui.widgets.table_source import Source, View

EMPTY = [
    "Nothing was run on this machine yet.",
    "'r' on a workflow runs it here; 'n' makes a new one from a file. They go on when you leave.",
]

PREVIEW_FROM = 20
"""Lines of the terminal from which on the log of the run under the cursor is shown below."""


class RunsSource(Source):
    """The runs that are kept here."""

    columns: Sequence[Column] = RUNS
    sort = "-id"
    noun = "local run"
    takes_filter = False

    def __init__(self) -> None:
        self.runs: dict[int, LocalRun] = {}
        """What was there when the table was last read."""

    async def page(self, part: Part) -> TablePage:
        seen = await asyncio.to_thread(local_runs.runs)
        self.runs = {each.run.id: each.run for each in seen}
        rows = [run_row(each) for each in seen]
        found = [row for row in rows if _matches(row, part.filter)]
        column = part.sort.removeprefix("-")
        found.sort(key=lambda row: (column in row, row.get(column, 0), row["id"]), reverse=part.sort.startswith("-"))
        ids = [row["id"] for row in found]
        anchor = ids.index(part.anchor) if part.anchor in ids else None
        offset = max(0, anchor - part.before) if anchor is not None else part.offset
        return TablePage(
            items=found[offset : offset + part.limit],
            offset=offset,
            total=len(found),
            everything=len(rows),
            anchor=anchor,
        )

    def concerns(self, change: Change) -> bool:
        return change.event in ("open", "reset", "node")

    def title(self, row: Row) -> str:
        return f"local run {row['id']} of {row['name']}"


def _matches(row: Row, words: str) -> bool:
    """Every word is somewhere in the row; `COLUMN=VALUE` looks only there. InputError for a column that is not."""
    for word in words.split():
        name, equals, value = word.partition("=")
        if equals and name not in row and name not in ("end", "time"):
            raise InputError(f"local runs have no {name!r}; they have {', '.join(column.name for column in RUNS)}")
        wanted = value if equals else word
        values = [row.get(name, ""), row["word"] if name == "status" else ""] if equals else row.values()
        if not any(wanted.lower() in str(each).lower() for each in values):
            return False
    return True


class RunsScreen(ConsoleScreen):
    """See the module."""

    DEFAULT_CSS = "RunsScreen #tail { height: 1fr; } RunsScreen TablePane { height: 1fr; }"

    def __init__(self, store: Store, words: str = "") -> None:
        super().__init__()
        self.store = store
        self._source = RunsSource()
        self.pane = TablePane(self._source, "LOCAL RUNS", EMPTY, View("-id", words) if words else None)
        self.tail = LinesView(id="tail")
        self._rule = Rule("┄", id="tail-rule")
        self._lookout: Lookout[tuple[list[Seen], list[str], list[str]]] | None = None
        self._shown: int | None = None

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.RUNS, Place.TABLE})

    @property
    def table(self) -> PagedTable:
        return self.pane.table

    @property
    def kept(self) -> list[Kept]:
        return [self._lookout] if self._lookout else []

    @property
    def address(self) -> str:
        return "runs"

    def things(self, kind: str) -> list[Thing]:
        if kind == "run":
            return self.pane.things("run")
        row = self.table.cursor_row
        return [Thing("workflow", row["workflow"], row["name"])] if kind == "workflow" and row else []

    def at_cursor(self, kind: str) -> list[Thing]:
        return self.pane.at_cursor("run") if kind == "run" else self.things(kind)

    def body(self) -> Iterator[Widget]:
        yield self.pane
        yield self._rule
        yield self.tail

    def on_mount(self) -> None:
        self._lookout = Lookout(self._look, self._told, self.store.defect)
        self.table.focus()

    def _look(self) -> tuple[list[Seen], list[str], list[str]]:
        runs = local_runs.runs()
        shown = next((seen.run for seen in runs if seen.run.id == self._shown), None)
        return (runs, tail(run_records.log_of(shown), 16_000), tail(shown.said, 4_000)) if shown else (runs, [], [])

    def _told(self, seen: tuple[list[Seen], list[str], list[str]] | TorcError) -> None:
        if isinstance(seen, TorcError):
            self.app.say(str(seen), error=True)
            return
        self.table.touch()
        runs, log, said = seen
        shown = next((each for each in runs if each.run.id == self._shown), None)
        now = datetime.now()
        lines: list[Line] = []
        if shown:
            lines = [*facts(shown, Look(self.app.characters, now))[:1], *output_lines(said, log, now)]
        room = max(1, self.tail.size.height)
        self.tail.show(lines if len(lines) <= room else [lines[0], *lines[len(lines) - room + 1 :]])

    def on_paged_table_moved(self) -> None:
        row = self.table.cursor_row
        self._shown = row["id"] if row else None
        if self._lookout:
            self._lookout.touch()
        self.refresh_footer()

    def on_paged_table_opened(self) -> None:
        self.open_cursor()

    def open_cursor(self) -> None:
        row = self.table.cursor_row
        if row and (run := self._source.runs.get(row["id"])):
            self.app.open(RunScreen(self.store, run))

    def title_lines(self) -> tuple[Line, Line]:
        return [("Workflows › ", "dim"), ("Local runs", "strong")], []

    def heard(self, change: Change) -> None:
        super().heard(change)
        self.pane.heard(change)

    def on_resize(self) -> None:
        super().on_resize()
        shown = self.app.size.height >= PREVIEW_FROM
        self.tail.display = self._rule.display = shown
