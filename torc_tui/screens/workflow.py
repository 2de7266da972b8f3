"""A workflow: its tables in tabs, and under the jobs a preview of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from textual.timer import Timer
from textual.widget import Widget

from torc_core.client import console
from torc_core.client.stream import Change
from torc_core.models.console import JobDetail, Row, WorkflowDetail
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.rendering.columns import Look
from torc_tui.rendering.job_view import is_at_work, preview_lines
from torc_tui.rendering.progress import percent_done
from torc_tui.rendering.tables import time_left
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.screens.data import DataScreen
from torc_tui.screens.job import JobScreen, concerns_shown
from torc_tui.screens.notice import Notice
from torc_tui.sources import PlanTable, workflow_tables
from torc_tui.statuses import ACTIVE, FAILED, count
from torc_tui.store import Store, Watch, is_missing
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.tab_bar import TabBar
from torc_tui.widgets.table_pane import TablePane
from torc_tui.widgets.table_source import View

PREVIEW_AFTER_S = 0.08
"""How long the cursor rests on a job before its preview is asked for."""

STUCK_LINES = 3
"""So many lines at most say why it cannot go on."""

_PLACES = {
    "Jobs": Place.JOBS, "Files": Place.FILES, "Results": Place.RESULTS, "Nodes": Place.NODES,
    "Requirements": Place.REQUIREMENTS,
}  # fmt: skip
_TABS = {"job": "Jobs", "file": "Files", "node": "Nodes", "requirement": "Requirements"}
"""Kind of thing -> the tab whose rows are such."""

NOTHING = {
    "Jobs": ["This workflow has no jobs."],
    "Data": [
        "No user data: JSON values that jobs hand to each other.",
        "A workflow's file names them under user_data, its jobs as input_user_data and output_user_data.",
    ],
    "Results": ["No job has ended yet; 'r' runs the workflow."],
    "Files": ["No files are declared; jobs that name input and output files show them here."],
    "Events": ["Nothing has been noted yet."],
    "Nodes": ["No runner has worked on it yet; 'r' runs it on this machine."],
    "Requirements": ["No resource requirements."],
    "Plan": ["No jobs, so there is nothing to plan.", "'n' makes a workflow from a file."],
}


def concerns_workflow(change: Change, workflow_id: int) -> bool:
    """Whether a change is one of this workflow."""
    return change.data.get("workflow_id") == workflow_id


def held_up(detail: WorkflowDetail) -> str:
    """Why jobs of a workflow cannot run; empty while all can."""
    stuck = detail.stuck
    if stuck is None:
        return ""
    what = "it cannot go on" if detail.row["state"] == "stuck" else f"{numbers.many(stuck.jobs, 'job')} cannot start"
    return f"{what}: {stuck.why}"


class WorkflowScreen(ConsoleScreen):
    """See the module."""

    DEFAULT_CSS = "WorkflowScreen #stuck { height: auto; display: none; }"

    def __init__(self, store: Store, workflow_id: int, name: str = "", tab: str = "Jobs", view: View | None = None):
        super().__init__()
        self.store = store
        self.workflow_id = workflow_id
        self._called = name
        self._sources = workflow_tables(store, workflow_id)
        self._titles = list(self._sources)
        self._panes: dict[str, TablePane] = {}
        self._tab = tab if tab in self._sources else "Jobs"
        self._view = view
        self.tabs = TabBar(self._titles)
        self._stuck = LinesView(id="stuck")
        """Why jobs cannot run, while that is so."""
        self.preview = LinesView(id="preview")
        self._preview_rule = Rule("┄", id="preview-rule")
        self._watch: Watch[WorkflowDetail] | None = None
        self._job: Watch[JobDetail] | None = None
        self._job_timer: Timer | None = None

    @property
    def places(self) -> frozenset[Place]:
        here = {Place.WORKFLOW, Place.TABLE}
        return frozenset(here | {_PLACES[self._tab]} if self._tab in _PLACES else here)

    @property
    def pane(self) -> TablePane:
        return self._panes[self._tab]

    @property
    def table(self) -> PagedTable | None:
        return self._panes[self._tab].table if self._tab in self._panes else None

    @property
    def detail(self) -> WorkflowDetail | None:
        """What is known of the workflow."""
        return self._watch.value if self._watch else None

    @property
    def row(self) -> Row | None:
        """Its row in the list of workflows."""
        return self.detail.row if self.detail else None

    @property
    def address(self) -> str:
        return f"{self._tab.lower()} {self.workflow_id}"

    def things(self, kind: str) -> list[Thing]:
        if kind == "workflow":
            return [Thing("workflow", self.workflow_id, self.row["name"] if self.row else self._called, self.row)]
        if self._tab == _TABS.get(kind) and self.table:
            return self.pane.things(kind)
        return []

    def at_cursor(self, kind: str) -> list[Thing]:
        if self._tab == "Results" and kind == "job":
            row = self.table.cursor_row if self.table else None
            return [Thing("job", row["job_id"], row.get("name", ""), row)] if row else []
        of_rows = self._tab == _TABS.get(kind) and self.table
        return self.pane.at_cursor(kind) if of_rows else self.things(kind)

    def body(self) -> Iterator[Widget]:
        yield self.tabs
        yield self._stuck
        yield self._open_pane(self._tab)
        yield self._preview_rule
        yield self.preview

    def _open_pane(self, tab: str) -> TablePane:
        view, self._view = self._view, None
        pane = self._panes[tab] = TablePane(self._sources[tab], "", NOTHING[tab], view)
        return pane

    def on_mount(self) -> None:
        self._watch = Watch(
            self.store,
            console.workflow_detail(self.workflow_id),
            lambda change: concerns_workflow(change, self.workflow_id),
            self._told,
        )
        self.tabs.show(self._titles.index(self._tab))

    @property
    def kept(self) -> list[Kept]:
        return [watch for watch in (self._watch, self._job) if watch]

    def _show_stuck(self) -> None:
        why = held_up(self.detail) if self.detail else ""
        lines = wrapped(why, max(20, self.size.width - 6))[:STUCK_LINES] if why else []
        first: Line = [(" ", ""), *self.app.characters.glyph("failed"), (" ", "")]
        self._stuck.show([[*(first if y == 0 else [("   ", "")]), (line, "warning")] for y, line in enumerate(lines)])
        self._stuck.styles.height = len(lines)
        self._stuck.display = bool(lines)

    def _told(self, watch: Watch[WorkflowDetail]) -> None:
        self.call_later(self._show_detail, watch)

    def _show_detail(self, watch: Watch[WorkflowDetail]) -> None:
        if watch.error and is_missing(watch.error):
            self.app.say(f"workflow {self.workflow_id} is gone", error=True)
        elif watch.error:
            self.app.say(str(watch.error), error=True)
        if watch.value:
            self.tabs.show(self._titles.index(self._tab), watch.value.sizes)
            self._show_stuck()
        self.refresh_lines()

    def title_lines(self) -> tuple[Line, Line]:
        row = self.row
        name = row["name"] if row else self._called
        place: Line = [("Workflows › ", "dim")] if self.size.width >= 80 else []
        place += [(str(name), "strong"), (f" ({self.workflow_id})", "dim")]
        if row is None:
            return place, []
        counts = row.get("counts", {})
        place += [("  ", ""), *self.app.characters.status(row["state"]), (f"  {percent_done(counts)} %", "")]
        left = time_left(row)
        if left is not None:
            place.append((f"  ETA {numbers.duration(left)}", "text"))
        facts: Line = [(f"run {row['run']}", "dim")]
        failed = count(counts, FAILED)
        running = count(counts, ACTIVE)
        if failed:
            facts += [("  ", ""), (f"{failed:,} ", "failed"), *self.app.characters.glyph("failed")]
        if running:
            facts += [("  ", ""), (f"{running:,} ", "running"), *self.app.characters.glyph("running")]
        return place, facts

    def heard(self, change: Change) -> None:
        super().heard(change)
        for tab, pane in self._panes.items():
            pane.heard(change)
            if tab != self._tab:
                pane.table.pause()

    @property
    def _plan_is_stale(self) -> bool:
        source = self._sources[self._tab]
        return isinstance(source, PlanTable) and source.stale

    def ticked(self) -> None:
        super().ticked()
        if self._watch and self.row and self.row.get("pace"):
            self._watch.touch()
        table, job = self.table, self._job
        if table and ((self._tab in ("Jobs", "Nodes") and table.shows_running) or self._plan_is_stale):
            table.touch()
        if job and job.value and self.shows_preview and is_at_work(job.value):
            job.touch()

    @property
    def idle(self) -> bool:
        return super().idle and self._job_timer is None

    async def open_tab(self, index: int) -> None:
        """Show a tab, counted from 0; one that is not there changes nothing."""
        if not 0 <= index < len(self._titles):
            return
        old, self._tab = self._panes[self._tab], self._titles[index]
        old.table.pause()
        old.display = False
        if self._tab in self._panes:
            self.pane.display = True
        else:
            await self.mount(self._open_pane(self._tab), before=self._preview_rule)
        self.tabs.show(index)
        self.woke()
        self._arrange()
        self.refresh_lines()

    async def step_tab(self, by: int) -> None:
        """The next tab, or the one before."""
        await self.open_tab((self._titles.index(self._tab) + by) % len(self._titles))

    async def on_tab_bar_chosen(self, message: TabBar.Chosen) -> None:
        await self.open_tab(message.index)

    def on_resize(self) -> None:
        self._arrange()
        self._show_stuck()

    @property
    def shows_preview(self) -> bool:
        """Whether there is room for the preview, and something to preview."""
        size = self.app.size
        return self._tab == "Jobs" and size.height >= 24 and (size.width >= 120 or size.height >= 30)

    def _arrange(self) -> None:
        shown = self.shows_preview
        self.preview.display = self._preview_rule.display = shown
        self.preview.styles.height = max(4, min(12, self.app.size.height // 4))
        if shown:
            self._preview_soon()

    def on_paged_table_moved(self, message: PagedTable.Moved) -> None:
        self.refresh_footer()
        if message.table is self.table and self.shows_preview:
            self._preview_soon()

    def on_paged_table_opened(self, message: PagedTable.Opened) -> None:  # noqa: ARG002
        self.open_cursor()

    def _preview_soon(self) -> None:
        if self._job_timer:
            self._job_timer.stop()
        self._job_timer = self.set_timer(PREVIEW_AFTER_S, self._preview_now)

    def _preview_now(self) -> None:
        self._job_timer = None
        row = self.table.cursor_row if self.table and self._tab == "Jobs" else None
        if row is None:
            self.preview.show([])
            return
        job_id = row["id"]
        if self._job and self._job.value and self._job.value.job["id"] == job_id:
            self._show_job(self._job)
            return
        if self._job:
            self._job.close()
        self._job = Watch(
            self.store,
            console.job_detail(job_id),
            lambda change: concerns_shown(change, job_id, self._job.value if self._job else None),
            self._told_job,
        )

    def _told_job(self, watch: Watch[JobDetail]) -> None:
        self.call_later(self._show_job, watch)

    def _show_job(self, watch: Watch[JobDetail]) -> None:
        if watch is self._job and watch.value:
            size = self.preview.size
            look = Look(self.app.characters, datetime.now())
            self.preview.show(preview_lines(watch.value, size.width, size.height, look))

    def on_lines_view_resized(self) -> None:
        if self._job:
            self._show_job(self._job)

    def open_cursor(self) -> None:
        row = self.table.cursor_row if self.table else None
        if row is None:
            return
        if self._tab == "Jobs":
            self.app.open(JobScreen(self.app.store, row["id"], row["name"]))
        elif self._tab == "Results":
            self.app.open(JobScreen(self.app.store, row["job_id"], row.get("name", "")))
        elif self._tab == "Events":
            self.app.push_screen(Notice(str(row.get("kind", "event")), [str(row["message"])]))
        elif self._tab == "Files":
            self.app.perform(self.app.registry.actions["file.view"], self)
        elif self._tab == "Data":
            self.app.open(DataScreen(self.app.store, row["id"], row["name"], self.things("workflow")[0]))
        elif self._tab == "Plan":
            self.run_worker(self._show_jobs(job_id=row["first"]))
        elif self._tab == "Nodes":
            self.run_worker(self._show_jobs(f'node="{row["host"]}"'))
        elif self._tab == "Requirements":
            self.run_worker(self._show_jobs(f'requirements="{row["name"]}"'))

    async def _show_jobs(self, narrowed: str = "", job_id: int | None = None) -> None:
        """Go to the jobs that a filter leaves in, or to one of all."""
        await self.open_tab(self._titles.index("Jobs"))
        table = self.pane.table
        table.show(View(table.view.sort, narrowed))
        if job_id is not None:
            await table.go_to(job_id)
