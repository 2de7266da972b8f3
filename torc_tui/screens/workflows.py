"""Home: all workflows, live."""

from __future__ import annotations

from collections.abc import Iterator

from textual.widget import Widget

from torc_core.client.stream import Change
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering.cells import Line
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.sources import WorkflowsSource
from torc_tui.store import Store
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.table_pane import TablePane


class WorkflowsScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.pane = TablePane(WorkflowsSource(store), "WORKFLOWS", EMPTY)

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.WORKFLOWS, Place.TABLE})

    @property
    def table(self) -> PagedTable:
        return self.pane.table

    @property
    def address(self) -> str:
        return "workflows"

    def things(self, kind: str) -> list[Thing]:
        return self.pane.things("workflow") if kind == "workflow" else []

    def body(self) -> Iterator[Widget]:
        yield self.pane

    def title_lines(self) -> tuple[Line, Line]:
        return [("Workflows", "strong")], [("?", "key"), (" help  ", "dim"), (":", "key"), (" go to", "dim")]

    def heard(self, change: Change) -> None:
        self.pane.heard(change)

    def slept(self) -> None:
        self.table.pause()

    def woke(self) -> None:
        self.table.resume()
        self.table.focus()

    def open_cursor(self) -> None:
        if row := self.table.cursor_row:
            self.app.open_workflow(row["id"], row["name"])

    def on_paged_table_moved(self) -> None:
        self.refresh_footer()

    def on_paged_table_opened(self) -> None:
        self.open_cursor()

    @property
    def idle(self) -> bool:
        return self.table.idle


EMPTY = [
    "No workflows yet.",
    "'torc run FILE' in a shell makes one and runs it; it appears here by itself.",
]
