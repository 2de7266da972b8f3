"""What an attempt of a job uses over time."""

from __future__ import annotations

import asyncio
from typing import Any

from torc_core.client import console
from torc_core.client.failures import job_output
from torc_core.client.stream import Change, concerns_job
from torc_core.models.console import JobDetail, JobSamples, Row
from torc_tui import series_file
from torc_tui.context import Thing
from torc_tui.graphs.used import MEMORY, UsedGraph
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.job_view import is_at_work, last_attempt, status_of
from torc_tui.store import Store, Watch


class JobGraph(UsedGraph):
    """See the module."""

    views = ("memory", "cpu")

    def __init__(self, store: Store, job_id: int, name: str = "") -> None:
        super().__init__(store)
        self.job_id = job_id
        self._called = name
        self.attempt: int | None = None
        """Which is drawn; None: the last, whichever that is."""
        self.detail: JobDetail | None = None
        """What is known of the job."""
        self._told: JobSamples | None = None
        self._kept: JobSamples | None = None
        """What the file says that the runner kept, if the server knows nothing."""
        self._looked_for: int | None = None
        """The attempt of which it was looked for."""

    @property
    def workflow_id(self) -> int | None:
        """Whose job it is."""
        return self.detail.job["workflow_id"] if self.detail else None

    @property
    def node_id(self) -> int | None:
        """Who runs the attempt that is drawn, or did."""
        detail, ended = self.detail, self._ended
        if ended:
            node: int | None = ended.get("node_id")
            return node
        return detail.node["id"] if detail and detail.node else None

    @property
    def used(self) -> JobSamples | None:
        """By the server, else from the file beside the output."""
        told = self._told if self.detail else None
        if told and not told.times_ms and self._kept and self._kept.attempt_id == told.attempt_id:
            return self._kept
        return told

    @property
    def limit(self) -> float | None:
        detail = self.detail
        if detail is None or detail.requirements["built_in"]:
            return None
        asked = detail.requirements
        return float(asked["memory"] if self.quantity is MEMORY else asked["cpus"] * 100)

    @property
    def has_ended(self) -> bool:
        return self._ended is not None

    @property
    def _ended(self) -> Row | None:
        """How the attempt that is drawn ended; None while it runs."""
        detail, told = self.detail, self._told
        if detail is None or told is None or (self.attempt is None and last_attempt(detail) is None):
            return None
        run = detail.run_id if self.attempt is not None else detail.attempts[0]["run"]
        return next((row for row in detail.attempts if (row["run"], row["attempt"]) == (run, told.attempt_id)), None)

    @property
    def is_live(self) -> bool:
        return self.detail is not None and is_at_work(self.detail)

    def ask(self) -> None:
        if not self.watches:
            request = console.job_samples(self.job_id, self.attempt)
            self.watches = [
                Watch(self.store, console.job_detail(self.job_id), self._concerns, self.told),
                Watch(self.store, request, self._concerns, self.told),
            ]

    def _concerns(self, change: Change) -> bool:
        return concerns_job(change, self.job_id)

    def told(self, watch: Watch[Any]) -> None:
        if isinstance(watch.value, JobDetail):
            self.detail = watch.value
        elif isinstance(watch.value, JobSamples):
            self._told = watch.value
        super().told(watch)

    def arrived(self) -> None:
        used = self.used
        if used and not used.times_ms and self.screen:
            self.screen.run_worker(self._look_in_file(used.attempt_id), group="file", exit_on_error=False)

    async def _look_in_file(self, attempt_id: int) -> None:
        """What ended before the server began to listen may be in a file, where that is within reach."""
        ended = self._ended
        if ended is None or self._looked_for == attempt_id or "start" not in ended or "end" not in ended:
            return
        self._looked_for = attempt_id
        output = await self.store.ask(job_output(self.job_id))
        kept = await asyncio.to_thread(series_file.read, output, ended["run"], attempt_id, ended["start"], ended["end"])
        if kept is not None and self.screen:
            self._kept = kept
            self.screen.draw()

    def _neighbour(self, by: int) -> int | None:
        """The attempt of this run before or after the one that is drawn, if there is one."""
        detail = self.detail
        if detail is None:
            return None
        last = int(detail.job.get("attempt_id", 1))
        here = last if self.attempt is None else self.attempt
        known = {last, *(row["attempt"] for row in detail.attempts if row["run"] == detail.run_id)}
        beside = [number for number in known if (number - here) * by > 0]
        return min(beside, key=lambda number: abs(number - here), default=None)

    def why_no_neighbour(self, by: int) -> str | None:
        if self._neighbour(by) is not None:
            return None
        return "there is no earlier attempt" if by < 0 else "there is no later attempt"

    def step(self, by: int) -> None:
        number = self._neighbour(by)
        if number is not None and self.detail:
            self.attempt = None if number == self.detail.job.get("attempt_id", 1) else number
            self.cursor = None
            self.close()
            self.ask()

    def since_start(self, ms: int) -> str:
        began = (self._ended or {}).get("start") or (self.detail.start if self.detail else None)
        began = began or (self.used.times_ms[0] if self.used else ms)
        return numbers.duration(max(round((ms - began) / 1000), 0))

    def things(self, kind: str) -> list[Thing]:
        detail = self.detail
        if kind == "job":
            row = {**detail.job, "status": status_of(detail)} if detail else None
            return [Thing("job", self.job_id, str(detail.job["name"]) if detail else self._called, row)]
        if kind == "workflow" and detail:
            return [Thing("workflow", detail.job["workflow_id"], detail.workflow_name)]
        return []

    def place(self, characters: Characters) -> Line:
        detail = self.detail
        if detail is None:
            return [(self._called or f"job {self.job_id}", "strong")]
        return [
            (f"{detail.workflow_name} › ", "dim"),
            (str(detail.job["name"]), "strong"),
            (f" ({self.job_id}) › plot  ", "dim"),
            *characters.status(status_of(detail)),
        ]

    def which(self) -> Line:
        if self.detail is None:
            return []
        last = self.detail.job.get("attempt_id", 1)
        text = f"attempt {last}" if self.attempt is None else f"attempt {self.attempt} of {last}"
        return [(text, "dim" if self.attempt is None else "warning")]

    def address(self) -> str:
        return f"plot {self.job_id}"

    def why_nothing(self) -> list[str]:
        detail, ended = self.detail, self._ended
        assert detail is not None
        status = status_of(detail)
        if status == "running" and ended is None:
            first = "No measurement yet: the first one comes after a job's first second."
            return [first, "It appears here by itself."]
        if ended is None:
            return [f"It has not run yet ({status}): {detail.why}", "Its curve appears here while it runs."]
        return [
            "No curve is known of this attempt.",
            f"It took {numbers.duration(ended.get('time'))}; peak memory {numbers.size(ended.get('mem'))}, "
            f"peak cpu {numbers.percent(ended.get('cpu'))}.",
            "Jobs of less than a second have none. Of others the server keeps it while they run and some time after; "
            "with 'granularity: time_series' under resource_monitor runners keep it in files beside the output, too.",
        ]
