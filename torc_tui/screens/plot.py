"""What a job uses over time: a curve of its memory or its CPU, live while it runs, with a cursor that reads values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.widget import Widget

from torc_core.client import console
from torc_core.client.failures import job_output
from torc_core.client.stream import Change, concerns_job
from torc_core.models.console import JobDetail, JobSamples, Row
from torc_tui import series_file
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.rendering import numbers, scales
from torc_tui.rendering.cells import Line
from torc_tui.rendering.job_view import last_attempt, status_of
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.text_line import TextLine


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that is drawn: its name, its values, what was asked for, and its form."""

    name: str
    values: Callable[[JobSamples], Sequence[float]]
    asked: Callable[[JobDetail], float]
    form: Callable[[float | None], str]
    ticks: Callable[[float, int], list[tuple[float, str]]]


QUANTITIES = (
    Quantity("memory", lambda told: told.memory_bytes, lambda job: job.requirements["memory"], numbers.size,
             scales.sizes),
    Quantity("cpu", lambda told: told.cpu_percent, lambda job: job.requirements["cpus"] * 100.0, numbers.percent,
             scales.percents),
)  # fmt: skip


class PlotScreen(ConsoleScreen):
    """See the module."""

    def __init__(self, store: Store, job_id: int, name: str = "", quantity: str = "memory") -> None:
        super().__init__()
        self.store = store
        self.job_id = job_id
        self._called = name
        self.quantity = next(each for each in QUANTITIES if each.name == quantity)
        self.attempt: int | None = None
        """Which is drawn; None: the last, whichever that is."""
        self.cursor: int | None = None
        """The point that is read; None: the newest, whichever that is."""
        self.line = TextLine()
        self.view = LinesView(id="plot", focusable=True)
        self._job: Watch[JobDetail] | None = None
        self._samples: Watch[JobSamples] | None = None
        self._can_draw = False
        """Whether the library that draws is there."""
        self._kept: JobSamples | None = None
        """What the file says that the runner kept, if the server knows nothing."""
        self._looked_for: int | None = None
        """The attempt of which it was looked for."""

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.PLOT})

    @property
    def detail(self) -> JobDetail | None:
        """What is known of the job."""
        return self._job.value if self._job else None

    @property
    def told(self) -> JobSamples | None:
        """What is known of its use: by the server, else from the file beside its output."""
        told = self._samples.value if self._samples else None
        if told and not told.times_ms and self._kept and self._kept.attempt_id == told.attempt_id:
            return self._kept
        return told

    @property
    def address(self) -> str:
        return f"plot {self.job_id} {self.quantity.name}"

    def things(self, kind: str) -> list[Thing]:
        detail = self.detail
        if kind == "job":
            row = {**detail.job, "status": status_of(detail)} if detail else None
            return [Thing("job", self.job_id, str(detail.job["name"]) if detail else self._called, row)]
        if kind == "workflow" and detail:
            return [Thing("workflow", detail.job["workflow_id"], detail.workflow_name)]
        return []

    def body(self) -> Iterator[Widget]:
        yield self.line
        yield self.view

    def on_mount(self) -> None:
        self._job = Watch(self.store, console.job_detail(self.job_id), self._concerns, self._told)
        self._ask_samples()
        self.view.focus()
        self.run_worker(self._load())

    def _ask_samples(self) -> None:
        if self._samples:
            self._samples.close()
        request = console.job_samples(self.job_id, self.attempt)
        self._samples = Watch(self.store, request, self._concerns, self._told)

    def neighbour(self, by: int) -> int | None:
        """The attempt of this run before (-1) or after (1) the one that is drawn, if there is one."""
        detail = self.detail
        if detail is None:
            return None
        last = int(detail.job.get("attempt_id", 1))
        here = last if self.attempt is None else self.attempt
        known = {last, *(row["attempt"] for row in detail.attempts if row["run"] == detail.run_id)}
        beside = [number for number in known if (number - here) * by > 0]
        return min(beside, key=lambda number: abs(number - here), default=None)

    def step_attempt(self, by: int) -> None:
        """Draw the attempt before or after."""
        number = self.neighbour(by)
        if number is not None and self.detail:
            self.attempt = None if number == self.detail.job.get("attempt_id", 1) else number
            self.cursor = None
            self._ask_samples()

    @property
    def _ended(self) -> Row | None:
        """How the attempt that is drawn ended; None while it runs."""
        detail, told = self.detail, self._samples.value if self._samples else None
        if detail is None or told is None or (self.attempt is None and last_attempt(detail) is None):
            return None
        run = detail.run_id if self.attempt is not None else detail.attempts[0]["run"]
        return next((row for row in detail.attempts if (row["run"], row["attempt"]) == (run, told.attempt_id)), None)

    async def _load(self) -> None:
        """Import the library that draws, away from the keys; it is not needed before."""
        await asyncio.to_thread(__import__, "torc_tui.rendering.plot")
        self._can_draw = True
        self.draw()

    def on_unmount(self) -> None:
        for watch in (self._job, self._samples):
            if watch:
                watch.close()

    def _concerns(self, change: Change) -> bool:
        return concerns_job(change, self.job_id)

    def _told(self, watch: Watch[JobDetail] | Watch[JobSamples]) -> None:
        self.call_later(self._show, watch)

    def _show(self, watch: Watch[JobDetail] | Watch[JobSamples]) -> None:
        if watch.error:
            self.app.say(str(watch.error), error=True)
        self.draw()
        self.refresh_lines()
        if self.detail and self.told and not self.told.times_ms:
            self.run_worker(self._look_in_file(self.told.attempt_id), group="file", exit_on_error=False)

    async def _look_in_file(self, attempt_id: int) -> None:
        """What ended before the server began to listen may be in a file, where that is within reach."""
        ended = self._ended
        if ended is None or self._looked_for == attempt_id or "start" not in ended or "end" not in ended:
            return
        self._looked_for = attempt_id
        output = await self.store.ask(job_output(self.job_id))
        kept = await asyncio.to_thread(series_file.read, output, ended["run"], attempt_id, ended["start"], ended["end"])
        if kept is not None:
            self._kept = kept
            self.draw()

    def ticked(self) -> None:
        if self.detail and status_of(self.detail) == "running":
            for watch in (self._job, self._samples):
                if watch:
                    watch.touch()

    def heard(self, change: Change) -> None:
        if change.event in ("open", "reset"):
            for watch in (self._job, self._samples):
                if watch:
                    watch.touch()

    def slept(self) -> None:
        for watch in (self._job, self._samples):
            if watch:
                watch.pause()

    def woke(self) -> None:
        for watch in (self._job, self._samples):
            if watch:
                watch.resume()
        self.view.focus()

    @property
    def idle(self) -> bool:
        watches = (self._job, self._samples)
        return self._can_draw and all(watch is not None and watch.idle for watch in watches)

    def leave_state(self) -> bool:
        if self.cursor is None:
            return False
        self.cursor = None
        self.draw()
        return True

    def next_quantity(self) -> None:
        """Draw the other one."""
        self.quantity = QUANTITIES[(QUANTITIES.index(self.quantity) + 1) % len(QUANTITIES)]
        self.draw()

    def move_cursor(self, columns: int) -> None:
        """Read the point so many columns beside; right of the last one it is the newest again."""
        if not self.told or not self.told.times_ms:
            return
        count = len(self.told.times_ms)
        step = max(1, round(count / max(self.view.size.width - 8, 1)))
        at = (count - 1 if self.cursor is None else self.cursor) + columns * step
        self.cursor = max(at, 0) if at < count - 1 else None
        self.draw()

    def move_cursor_to(self, share: float) -> None:
        """Read the first point (0) or the newest (1)."""
        self.cursor = 0 if share == 0 and self.told and self.told.times_ms else None
        self.draw()

    def on_lines_view_resized(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known, as it is now."""
        detail, told = self.detail, self.told
        if detail is None or told is None or not self._can_draw:
            return
        if not told.times_ms:
            self.line.show(self._tabs())
            nothing = _why_nothing(detail, told, self._ended)
            first: Line = [("  ", ""), (nothing[0], "text")]
            self.view.show([[], first, *([("  ", ""), (text, "dim")] for text in nothing[1:])])
            return
        from torc_tui.rendering.plot import Curve, plot

        limit = None if detail.requirements["built_in"] else self.quantity.asked(detail)
        curve = Curve([ms / 1000 for ms in told.times_ms], self.quantity.values(told), limit)
        self.line.show([*self._tabs(), *self._facts(curve)], self._reading(detail, told))
        size = self.view.size
        if size.width > 20 and size.height > 4:
            cursor = None if self.cursor is None else min(self.cursor, len(told.times_ms) - 1)
            look = self.app.characters
            self.view.show(plot(curve, self.quantity.ticks, size.width - 1, size.height, look, cursor=cursor))

    def _tabs(self) -> Line:
        line: Line = [(" ", "")]
        for each in QUANTITIES:
            here = each is self.quantity
            line += [("▌" if here else " ", "accent"), (each.name, "strong" if here else "dim"), ("  ", "")]
        return line

    def _facts(self, curve: object) -> Line:
        from torc_tui.rendering.plot import Curve, shows_limit

        assert isinstance(curve, Curve)
        form = self.quantity.form
        line: Line = [("  peak ", "dim"), (form(max(curve.values)), "")]
        if curve.limit is not None:
            over = max(curve.values) > curve.limit
            line += [("   ┈┈ asked " if shows_limit(curve) else "   asked ", "failed" if over else "dim")]
            line.append((form(curve.limit), "failed" if over else ""))
            if not shows_limit(curve):
                line.append(("  far above", "dim"))
        return line

    def _reading(self, detail: JobDetail, told: JobSamples) -> Line:
        """The values at the cursor, or the newest, and when that was."""
        ended = self._ended
        began = (ended or {}).get("start") or detail.start or told.times_ms[0]
        at = len(told.times_ms) - 1 if self.cursor is None else min(self.cursor, len(told.times_ms) - 1)
        word = "at" if self.cursor is not None else "last" if ended else "now"
        since = (told.times_ms[at] - began) / 1000
        said: Line = [
            (f"{word} ", "dim"),
            (numbers.clock(told.times_ms[at], datetime.now()), "warning" if self.cursor is not None else ""),
            ("  ", ""),
            (self.quantity.form(self.quantity.values(told)[at]), "strong"),
        ]
        if self.size.width >= 100:
            said.insert(2, (f"  {numbers.duration(max(round(since), 0))} after the start", "dim"))
        return [*said, (" ", "")]

    def title_lines(self) -> tuple[Line, Line]:
        detail = self.detail
        if detail is None:
            return [(self._called or f"job {self.job_id}", "strong")], []
        place: Line = [
            (f"{detail.workflow_name} › ", "dim"),  # noqa: RUF001
            (str(detail.job["name"]), "strong"),
            (f" ({self.job_id}) › plot  ", "dim"),  # noqa: RUF001
            *self.app.characters.status(status_of(detail)),
        ]
        last = detail.job.get("attempt_id", 1)
        which = f"attempt {last}" if self.attempt is None else f"attempt {self.attempt} of {last}"
        return place, [(which, "dim" if self.attempt is None else "warning")]


def _why_nothing(detail: JobDetail, told: JobSamples, ended: Row | None) -> list[str]:
    """Why there is no curve, and what to do about it."""
    status = status_of(detail)
    if not told.is_monitored:
        return [
            "Monitoring is switched off for this workflow, so nobody measures what its jobs use.",
            "To switch it on write this into the workflow's file, and create it anew:",
            "",
            "    resource_monitor:",
            "      enabled: true",
        ]
    if status == "running" and ended is None:
        return ["No measurement yet: the first one comes after a job's first second.", "It appears here by itself."]
    if ended is None:
        return [f"It has not run yet ({status}): {detail.why}", "Its curve appears here while it runs."]
    return [
        "No curve is known of this attempt.",
        f"It took {numbers.duration(ended.get('time'))}; peak memory {numbers.size(ended.get('mem'))}, "
        f"peak cpu {numbers.percent(ended.get('cpu'))}.",
        "Jobs of less than a second have none. Of others the server keeps it while they run and for some time after;",
        "with 'granularity: time_series' under resource_monitor runners keep it in files beside the output, too.",
    ]
