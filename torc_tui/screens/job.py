"""The inspector: everything about one job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from textual.widget import Widget

from torc_core.client import console
from torc_core.client.stream import Change, concerns_job, names_any
from torc_core.models.console import JobDetail
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering.cells import Line
from torc_tui.rendering.columns import Look
from torc_tui.rendering.job_view import inspector_lines, is_at_work, status_of
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.statuses import WAITING
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView


def concerns_shown(change: Change, job_id: int, detail: JobDetail | None) -> bool:
    """Whether a change is one of a job, of its neighbours, whose status is shown beside it, or of what it waits for."""
    if detail and change.event in ("jobs", "node"):
        if change.data.get("workflow_id") != detail.job["workflow_id"]:
            return False
        if status_of(detail) in WAITING:
            return True
        near = [number for number, _, _ in (*detail.needs[:6], *detail.unlocks[:6])]
        return change.event == "jobs" and names_any(change, (job_id, *near))
    return concerns_job(change, job_id)


class JobScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store, job_id: int, name: str = "") -> None:
        super().__init__()
        self.store = store
        self.job_id = job_id
        self._called = name
        self.view = LinesView(id="inspector", focusable=True)
        self._watch: Watch[JobDetail] | None = None

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.JOB})

    @property
    def detail(self) -> JobDetail | None:
        """What is known of the job."""
        return self._watch.value if self._watch else None

    @property
    def kept(self) -> list[Kept]:
        return [self._watch] if self._watch else []

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        return f"job {self.job_id}"

    def things(self, kind: str) -> list[Thing]:
        detail = self.detail
        if kind == "job":
            return [Thing("job", self.job_id, str(detail.job["name"]) if detail else self._called, _row(detail))]
        if kind == "workflow" and detail:
            return [Thing("workflow", detail.job["workflow_id"], detail.workflow_name)]
        return []

    def body(self) -> Iterator[Widget]:
        yield self.view

    def on_mount(self) -> None:
        self._watch = Watch(self.store, console.job_detail(self.job_id), self._concerns, self._told)
        self.view.focus()

    def _concerns(self, change: Change) -> bool:
        return concerns_shown(change, self.job_id, self.detail)

    def _told(self, watch: Watch[JobDetail]) -> None:
        self.call_later(self._show, watch)

    def _show(self, watch: Watch[JobDetail]) -> None:
        if watch.error:
            self.app.say(str(watch.error), error=True)
        self.draw()
        self.refresh_lines()

    def draw(self) -> None:
        """Draw what is known, as it is now."""
        if self.detail:
            look = Look(self.app.characters, datetime.now())
            self.view.show(inspector_lines(self.detail, self.view.size.width, look))

    def on_lines_view_resized(self) -> None:
        self.draw()

    def title_lines(self) -> tuple[Line, Line]:
        detail = self.detail
        if detail is None:
            return [(self._called or f"job {self.job_id}", "strong")], []
        job = detail.job
        place: Line = [
            (f"{detail.workflow_name} › ", "dim"),
            (str(job["name"]), "strong"),
            (f" ({self.job_id})  ", "dim"),
            *self.app.characters.status(status_of(detail)),
        ]
        return place, [(f"run {detail.run_id}", "dim"), ("  ", ""), (f"attempt {job.get('attempt_id', 1)}", "dim")]

    def ticked(self) -> None:
        if self._watch and self.detail and is_at_work(self.detail):
            self.draw()
            self._watch.touch()


def _row(detail: JobDetail | None) -> dict[str, object] | None:
    return {"id": detail.job["id"], "name": detail.job["name"], "status": status_of(detail)} if detail else None
