"""A table with its heading: what is filtered, how many rows there are, how they are sorted and what is marked."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_core.client.stream import Change
from torc_core.models.console import Row
from torc_tui.context import Thing
from torc_tui.rendering.cells import Line
from torc_tui.rendering.numbers import many
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.table_source import Source, View
from torc_tui.widgets.text_line import TextLine


class TablePane(Vertical):
    """See the module."""

    DEFAULT_CSS = """
    TablePane { height: 1fr; }
    TablePane > #empty { height: 1fr; padding: 1 2; display: none; }
    TablePane.-empty > #empty { display: block; }
    TablePane.-empty > PagedTable { height: 1; }
    """

    def __init__(self, source: Source, heading: str, empty: Sequence[str], view: View | None = None) -> None:
        super().__init__()
        self.heading = heading
        self.table = PagedTable(source, view=view)
        self.line = TextLine()
        self._empty = list(empty)
        self._nothing = LinesView(id="empty")

    def compose(self) -> ComposeResult:
        yield self.line
        yield self.table
        yield self._nothing

    def on_mount(self) -> None:
        self._show_line()

    def heard(self, change: Change) -> None:
        """A change on the server."""
        if self.table.source.concerns(change, self.table):
            self.table.touch()

    def things(self, kind: str) -> list[Thing]:
        """The marked rows, else the one under the cursor."""
        table = self.table
        if table.marks:
            at_hand: dict[int, Row] = {row["id"]: row for _, row in table.rows}
            return [Thing(kind, key, name, at_hand.get(key)) for key, name in table.marks.items()]
        return self.at_cursor(kind)

    def at_cursor(self, kind: str) -> list[Thing]:
        """The row under the cursor, whatever is marked."""
        row = self.table.cursor_row
        return [Thing(kind, row["id"], str(row.get("name", row["id"])), row)] if row else []

    def on_paged_table_loaded(self) -> None:
        self._show_line()

    @property
    def counted(self) -> str:
        """How much there is, beside the filter."""
        rows = self.table.rows
        if self.heading:
            return f"{rows.total:,} of {rows.everything:,}" if self.table.view.filter else f"{rows.total:,}"
        everything = many(rows.everything, self.table.source.noun)
        return f"{rows.total:,} of {everything}" if self.table.view.filter else everything

    def _show_line(self) -> None:
        table, view = self.table, self.table.view
        rows = table.rows
        self.set_class(table.loaded and rows.total == 0, "-empty")
        left: Line = [(f" {self.heading}  ", "dim")] if self.heading else [(" ", "")]
        if not table.loaded:
            left.append(("…" if table.error is None else "", "dim"))
        elif view.filter:
            left += [(view.filter, "accent"), (f"   {self.counted}", "")]
        else:
            left.append((self.counted, ""))
        if table.error:
            said = str(table.error)
            left = [(" ✖ ", "error"), (said.partition(" is refused: ")[2] or said, "error")]
        if table.whole and table.whole.filter != view.filter:
            left.append((f"   {table.marked:,} marked: all of {table.whole.filter or 'the table'}", "accent"))
        elif table.marked:
            left.append((f"   {table.marked:,} marked", "accent"))
        arrow = "↓" if view.sort.startswith("-") else "↑"
        right: Line = [("sort ", "dim"), (f"{view.sort.removeprefix('-')} {arrow}", "")]
        self.line.show(left, right)
        if rows.total == 0:
            nothing = [f"Nothing matches {view.filter}", "esc shows everything again"] if view.filter else self._empty
            first: Line = [(nothing[0], "text")]
            self._nothing.show([first, *([(line, "dim")] for line in nothing[1:])])
