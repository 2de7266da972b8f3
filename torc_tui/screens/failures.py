"""What failed, over all workflows: by cause, each cause with its jobs."""

from __future__ import annotations

from collections.abc import Iterator

from textual.timer import Timer
from textual.widget import Widget

from torc_core.client import failures
from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_core.models.console import Row
from torc_core.models.failures import JobOutput
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.failure_source import FailureSource
from torc_tui.rendering.cells import Line
from torc_tui.rendering.failure_view import is_group, preview_lines
from torc_tui.rendering.numbers import many
from torc_tui.retrying import Asked
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.screens.job import JobScreen
from torc_tui.store import Store
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.table_pane import TablePane
from torc_tui.widgets.table_source import View

PREVIEW_AFTER_S = 0.08
"""How long the cursor rests on a row before its preview is asked for."""

EMPTY = ["Nothing has failed.", "Jobs that fail, in any workflow, appear here by themselves, by cause."]


class FailuresPane(TablePane):
    """The table, whose heading counts jobs and causes instead of rows."""

    @property
    def counted(self) -> Line:
        source = self.table.source
        told = source.told if isinstance(source, FailureSource) else None
        if told is None:
            return super().counted
        jobs = sum(group.jobs for group in told.groups)
        more = f", the latest {len(told.groups)}" if told.matching > len(told.groups) else ""
        return [(f"{many(jobs, 'job')} by {many(told.matching, 'cause')}{more}", "")]


class FailuresScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store, narrowed: str = "") -> None:
        super().__init__()
        self.store = store
        self.source = FailureSource(store)
        self.pane = FailuresPane(self.source, "FAILURES", EMPTY, View(self.source.sort, narrowed))
        self._rule = Rule("┄", id="preview-rule")
        self.preview = LinesView(id="preview")
        self._timer: Timer | None = None

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.FAILURES, Place.TABLE})

    @property
    def table(self) -> PagedTable:
        return self.pane.table

    @property
    def address(self) -> str:
        return f"failures {self.table.view.filter}".strip()

    def things(self, kind: str) -> list[Thing]:
        """The job under the cursor; of a cause its last one."""
        row = self.table.cursor_row
        if row is None or kind != "job":
            return []
        if is_group(row):
            return [Thing("job", row["job_id"], "")]
        return [Thing("job", row["id"], str(row["name"]), row)]

    def meant(self) -> tuple[list[Asked], str, bool]:
        """What a retry is for: the requests, what they are about in words, and whether it is more than one job."""
        table, narrowed = self.table, self.table.view.filter
        row = table.cursor_row
        ids = list(table.marks) or ([row["id"]] if row else [])
        causes = [cause for number in ids if number < 0 and (cause := self.source.cause_of(number))]
        jobs = [number for number in ids if number > 0 and self.source.cause_of(number) not in causes]

        def of_cause(cause: str) -> Asked:
            return lambda dry: failures.retry_cause(cause, narrowed, dry_run=dry)

        asked = [of_cause(cause) for cause in causes]
        if jobs:
            asked.append(lambda dry: failures.retry_jobs(jobs, dry_run=dry))
        if len(causes) == 1 and not jobs:
            within = f" within {narrowed}" if narrowed else ""
            return asked, f"all that failed: {causes[0]}{within}", True
        if len(jobs) == 1 and not causes:
            name = table.marks.get(jobs[0]) or (row or {}).get("name", "")
            return asked, f"job {name} ({jobs[0]})", False
        parts = [many(len(causes), "cause")] * bool(causes) + [many(len(jobs), "job")] * bool(jobs)
        return asked, " and ".join(parts), True

    def body(self) -> Iterator[Widget]:
        yield self.pane
        yield self._rule
        yield self.preview

    def title_lines(self) -> tuple[Line, Line]:
        told = self.source.told
        failed = told.jobs if told else 0
        facts: Line = [(f"{failed:,} ", "failed"), *self.app.characters.glyph("failed")] if failed else []
        return [("Failures", "strong"), ("  of all workflows", "dim")], facts

    def heard(self, change: Change) -> None:
        self.pane.heard(change)

    def open_cursor(self) -> None:
        row = self.table.cursor_row
        if row is None:
            return
        if is_group(row):
            self.unfold(not row["open"])
        elif row["id"]:
            self.app.open(JobScreen(self.app.store, row["id"], row["name"]))

    def unfold(self, wanted: bool) -> None:
        """Show the jobs of the cause under the cursor, or hide them; from a job its cause is meant."""
        row = self.table.cursor_row
        cause = self.source.cause_of(row["id"]) if row else None
        if cause is None or wanted == (cause in self.source.open):
            return
        if wanted:
            self.source.open.add(cause)
        else:
            self.source.open.discard(cause)
        self.table.touch_now()

    def on_resize(self) -> None:
        super().on_resize()
        shown = self.shows_preview
        self.preview.display = self._rule.display = shown
        self.preview.styles.height = max(4, min(12, self.app.size.height // 4))
        if shown:
            self._preview_soon()

    @property
    def shows_preview(self) -> bool:
        """Whether there is room for the preview."""
        return self.app.size.height >= 24

    def on_paged_table_moved(self) -> None:
        self.refresh_footer()
        self._preview_soon()

    def on_paged_table_loaded(self) -> None:
        self.refresh_lines()

    def on_paged_table_opened(self) -> None:
        self.open_cursor()

    def _preview_soon(self) -> None:
        if self._timer:
            self._timer.stop()
        if self.shows_preview:
            self._timer = self.set_timer(PREVIEW_AFTER_S, self._preview_now)

    def _preview_now(self) -> None:
        self._timer = None
        row = self.table.cursor_row
        if row is None:
            self.preview.show([])
        else:
            self.run_worker(self._show_preview(row), group="preview", exclusive=True, exit_on_error=False)

    async def _show_preview(self, row: Row) -> None:
        job = row["job_id"] if is_group(row) else row["id"]
        try:
            output: JobOutput | None = await self.store.ask(failures.job_output(job))
        except TorcError:
            output = None
        attempt = output.attempts[0] if output and output.attempts else None
        name = output.name if output else str(row["name"])
        self.preview.show(preview_lines(row, name, attempt, self.preview.size.height))

    @property
    def idle(self) -> bool:
        previewing = any(worker.group == "preview" and not worker.is_finished for worker in self.workers)
        return super().idle and self._timer is None and not previewing
