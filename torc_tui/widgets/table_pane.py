"""A table with its heading: what is filtered, how many rows there are, how they are sorted and what is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_core.client.errors import ServerUnreachableError
from torc_core.client.stream import Change
from torc_core.models.console import Row
from torc_tui.context import Thing
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.rendering.numbers import many
from torc_tui.store import State
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.table_source import Source, View
from torc_tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from torc_tui.console import Console


TRIED_AGAIN = "torc goes on trying; what the server has appears here as soon as it answers."


class TablePane(Vertical):
    """See the module."""

    app: Console

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
        self.table.heard(change)

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
    def headed(self) -> Line:
        """What it is."""
        return [(f" {self.heading}  ", "dim")] if self.heading else [(" ", "")]

    @property
    def counted(self) -> Line:
        """How much there is, beside the filter."""
        rows = self.table.rows
        everything = f"{rows.everything:,}" if self.heading else many(rows.everything, self.table.source.noun)
        return [(f"{rows.total:,} of {everything}" if self.table.view.filter else everything, "")]

    @property
    def empty(self) -> Sequence[str]:
        """What to say and to do when there is nothing, filtered or not."""
        narrowed = self.table.view.filter
        return [f"Nothing matches {narrowed}", "esc shows everything again"] if narrowed else self._empty

    @property
    def _away(self) -> ServerUnreachableError | None:
        """Why nothing can be asked: the first line says that, and what is known stays."""
        error, live = self.table.error, self.app.store.connection.state is State.LIVE
        return error if isinstance(error, ServerUnreachableError) and not live else None

    def _unknown(self, error: ServerUnreachableError) -> list[Line]:
        """What to say and to do when the server was not there from the beginning."""
        width = max(20, self.size.width - 8)
        why: Line = self.app.characters.glyph("failed")
        said = [[(line, "text")] for line in wrapped(str(error), width)]
        said[0] = [*why, (" ", ""), *said[0]]
        rest = [TRIED_AGAIN, self.app.connector.way_out]
        return [*said, *([(line, "dim")] for text in rest for line in wrapped(text, width))]

    def on_lines_view_resized(self) -> None:
        self._show_line()

    def _show_line(self) -> None:
        table, view = self.table, self.table.view
        rows, away = table.rows, self._away
        self.set_class(rows.total == 0 and (table.loaded or away is not None), "-empty")
        left = self.headed
        if not table.loaded:
            left.append(("…", "dim"))
        elif view.filter:
            left += [(view.filter, "accent"), ("   ", ""), *self.counted]
        else:
            left += self.counted
        if table.error and not away:
            said = str(table.error)
            left = [(" ✖ ", "error"), (said.partition(" is refused: ")[2] or said, "error")]
        if table.whole and table.whole.filter != view.filter:
            left.append((f"   {table.marked:,} marked: all of {table.whole.filter or 'the table'}", "accent"))
        elif table.marked:
            left.append((f"   {table.marked:,} marked", "accent"))
        arrow = "↓" if view.sort.startswith("-") else "↑"
        right: Line = [("sort ", "dim"), (f"{view.sort.removeprefix('-')} {arrow}", "")]
        self.line.show(left, right)
        if away and not table.loaded:
            self._nothing.show(self._unknown(away))
        elif rows.total == 0:
            first, *rest = self.empty
            self._nothing.show([[(first, "text")], *([(line, "dim")] for line in rest)])
