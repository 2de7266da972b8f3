"""Home: the workflows, live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.widget import Widget

from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_tui import local_runs
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering.cells import Line
from torc_tui.rendering.numbers import many
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.sources import WorkflowsSource
from torc_tui.store import Store
from torc_tui.widgets.lookout import Lookout
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.pulse import Pulse
from torc_tui.widgets.table_pane import TablePane

RUNS_EVERY_S = 2.0
"""While runs go on, their number is looked at this often: a run ends a moment after its runner left the server."""


class WorkflowsPane(TablePane):
    """The list, whose heading says whose workflows they are, how many run, and how many need attention."""

    def __init__(self, source: WorkflowsSource) -> None:
        super().__init__(source, "WORKFLOWS", EMPTY)
        self.source = source

    def show_mine(self, mine: bool) -> None:
        """Only those of the user, or those of all."""
        self.source.mine = mine
        self.table.begin_anew()

    @property
    def headed(self) -> Line:
        return [*super().headed, ("mine  ", "accent") if self.source.mine else ("all  ", "dim")]

    @property
    def counted(self) -> Line:
        told = self.source.told
        if told is None:
            return super().counted
        line: Line = [*super().counted, (f" · {told.active:,} active", "" if told.active else "dim")]
        if told.attention:
            line.append((f" · {told.attention:,} need{'s' * (told.attention == 1)} attention", "warning"))
        return line

    @property
    def empty(self) -> Sequence[str]:
        if not self.source.mine:
            return super().empty
        first, *rest = super().empty if self.table.view.filter else EMPTY_MINE
        return [first, *rest, "'m' shows the workflows of all."]


class WorkflowsScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.pane = WorkflowsPane(WorkflowsSource(store))
        self._runs: Lookout[int] | None = None
        self.pulse = Pulse(store)
        self._active = 0
        """Local runs that go on."""

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.WORKFLOWS, Place.TABLE})

    @property
    def table(self) -> PagedTable:
        return self.pane.table

    @property
    def kept(self) -> list[Kept]:
        return [*self.pulse.watches, *([self._runs] if self._runs else [])]

    @property
    def address(self) -> str:
        return "workflows"

    def things(self, kind: str) -> list[Thing]:
        return self.pane.things("workflow") if kind == "workflow" else []

    def at_cursor(self, kind: str) -> list[Thing]:
        return self.pane.at_cursor("workflow") if kind == "workflow" else []

    def body(self) -> Iterator[Widget]:
        yield self.pane
        yield self.pulse

    def title_lines(self) -> tuple[Line, Line]:
        here: Line = []
        if self._active:
            here = [
                *self.app.characters.glyph("running"),
                (f" {many(self._active, 'local run')} ", "text"),
                ("b  ", "key"),
            ]
        return [("Workflows", "strong")], [*here, ("?", "key"), (" help  ", "dim"), (":", "key"), (" go to", "dim")]

    def heard(self, change: Change) -> None:
        super().heard(change)
        self.pane.heard(change)
        if change.event == "node" and self._runs:
            self._runs.touch()

    def ticked(self) -> None:
        super().ticked()
        if self.table.shows_running:
            self.table.touch()
        self.pulse.ticked()

    def on_mount(self) -> None:
        self._runs = Lookout(lambda: len(local_runs.active()), self._count_runs, self.app.store.defect, every_s=None)

    def _count_runs(self, active: int | TorcError) -> None:
        self._active = active if isinstance(active, int) else 0
        self.refresh_lines()
        if self._runs:
            self._runs.every_s = RUNS_EVERY_S if active else None

    def open_cursor(self) -> None:
        if row := self.table.cursor_row:
            self.app.open(WorkflowScreen(self.app.store, row["id"], row["name"]))

    def on_resize(self) -> None:
        self.pulse.fit()

    def on_paged_table_moved(self) -> None:
        self.refresh_footer()

    def on_paged_table_opened(self) -> None:
        self.open_cursor()


EMPTY_MINE = ["You have no workflows yet.", "'n' makes one from a file; ':examples' shows some."]

EMPTY = [
    "No workflows yet.",
    "'n' makes one from a file; ':examples' shows some.",
    "'torc run FILE' in a shell makes one, too; it appears here by itself.",
]
