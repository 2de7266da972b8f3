"""One run on this machine: what was started, how it stands, and what it says, followed to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from textual.widget import Widget

from torc_core import run_records
from torc_core.client import console
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_core.models.console import TablePage
from torc_core.run_records import LocalRun
from torc_tui import local_runs
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.local_runs import Seen
from torc_tui.rendering.cells import Line
from torc_tui.rendering.columns import Look
from torc_tui.rendering.run_view import facts, output_lines, run_row, tail, whole_lines
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.lookout import Lookout
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.text_line import TextLine

FACTS, LOW_FACTS = 7, 2
"""Lines for the facts at least, and where the screen is low."""


class RunScreen(ConsoleScreen):
    """See the module."""

    DEFAULT_CSS = """
    RunScreen #output { height: 1fr; }
    """

    def __init__(self, store: Store, run: LocalRun) -> None:
        super().__init__()
        self.store = store
        self.run_record = run
        self.seen: Seen | None = None
        self._facts = LinesView(id="facts")
        self._heading = TextLine(id="output-heading")
        self.view = LinesView(id="output", focusable=True)
        self.follows = True
        """What comes is brought in sight; scrolling up ends that, the end begins it again."""
        self._lookout: Lookout[tuple[Seen, Path | None, list[str], list[str]]] | None = None
        self._node: Watch[TablePage] | None = None
        self._path: Path | None = None
        self._output: list[Line] = []

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.RUN})

    @property
    def kept(self) -> list[Kept]:
        return [each for each in (self._lookout, self._node) if each]

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        return f"run {self.run_record.id}"

    def things(self, kind: str) -> list[Thing]:
        run = self.run_record
        if kind == "run":
            return [Thing("run", run.id, run.name, run_row(self.seen) if self.seen else None)]
        return [Thing("workflow", run.workflow_id, run.name)] if kind == "workflow" else []

    def copyable(self) -> dict[str, str]:
        run = self.run_record
        found = {"pid": str(run.pid), "folder": run.folder, "output": str(run.said)}
        return found | ({"log": str(self._path)} if self._path else {})

    def body(self) -> Iterator[Widget]:
        yield self._facts
        yield Rule("┄")
        yield self._heading
        yield self.view

    def on_mount(self) -> None:
        self._lookout = Lookout(self._look, self._told, self.store.defect)
        run = self.run_record
        part = Part(limit=1, sort="-id", filter=f"pid={run.pid} active=yes")
        nodes = console.table_rows(run.workflow_id, "nodes", part)
        self._node = Watch(
            self.store, nodes, lambda change: change.data.get("workflow_id") == run.workflow_id, self._heard
        )
        self.view.focus()

    def _look(self) -> tuple[Seen, Path | None, list[str], list[str]]:
        run = self.run_record
        log = run_records.log_of(run)
        return local_runs.find(run.id), log.path if log else None, tail(log), tail(run.said)

    def _told(self, found: tuple[Seen, Path | None, list[str], list[str]] | TorcError) -> None:
        if isinstance(found, TorcError):
            self.app.say(str(found), error=True)
            return
        self.seen, self._path, log, said = found
        self._output = output_lines(said, log, datetime.now())
        self._show_facts()
        self._show_output()
        self._show_heading()
        self.refresh_lines()

    def _show_output(self) -> None:
        self.view.show(whole_lines(self._output, self.view.size.width))
        if self.follows:
            self.view.scroll_rows(len(self.view.lines))

    def _heard(self, _: Watch[TablePage]) -> None:
        self.call_later(self._show_facts)

    def _show_facts(self) -> None:
        page = self._node.value if self._node and self._is_of_this_server else None
        node = page.items[0] if page and page.items else None
        if self.seen:
            lines = facts(self.seen, Look(self.app.characters, datetime.now()), node, self.size.width)
            self._facts.show(lines)
            self._facts.styles.height = LOW_FACTS if self.has_class("-low") else max(FACTS, len(lines))

    @property
    def _is_of_this_server(self) -> bool:
        address = self.store.address
        return address is not None and address.url == self.run_record.url

    def ticked(self) -> None:
        if self._node and self.seen and self.seen.active:
            self._node.touch()

    def _show_heading(self) -> None:
        run = self.run_record
        follows: Line = [("FOLLOW ", "accent")] if self.follows and self.seen and self.seen.active else []
        self._heading.show([("   OUTPUT  ", "title"), (str(self._path or run.said), "dim")], follows)

    def scroll(self, rows: int) -> None:
        """Scroll what it says; at its end what comes is followed."""
        self.view.scroll_rows(rows)
        self.follows = self.view.top + self.view.size.height >= len(self.view.lines)
        self._show_heading()

    def scroll_page(self, pages: int) -> None:
        """Scroll by screens."""
        self.scroll(pages * max(1, self.view.size.height - 2))

    def open_cursor(self) -> None:
        record = self.run_record
        self.app.open(WorkflowScreen(self.app.store, record.workflow_id, record.name))

    def title_lines(self) -> tuple[Line, Line]:
        run = self.run_record
        place: Line = [("Local runs › ", "dim"), (f"local run {run.id}", "strong")]
        if self.seen:
            place += [("  ", ""), *self.app.characters.status(self.seen.status, self.seen.word)]
        return place, [(f"{run.name} ({run.workflow_id})", "text")]

    def heard(self, change: Change) -> None:
        super().heard(change)
        if change.event == "node" and self._lookout:
            self._lookout.touch()

    def on_resize(self) -> None:
        self.call_later(self._show_facts)

    def on_lines_view_resized(self) -> None:
        self._show_output()
