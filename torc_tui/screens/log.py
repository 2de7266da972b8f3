"""What a job wrote: stdout, stderr or both, of any attempt, read where it is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from torc_core.cli.output_folder import DEFAULT, stdio_path
from torc_core.client import failures
from torc_core.client.stream import concerns_job
from torc_core.errors import InputError
from torc_core.models.failures import AttemptOutput, JobOutput
from torc_tui.actions import Place
from torc_tui.context import Thing
from torc_tui.logs.search import Pattern
from torc_tui.rendering.cells import Line, width_of
from torc_tui.rendering.log_view import never_ran, not_there, search_line, status_line, where_line
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.statuses import FAILED
from torc_tui.store import Store, Watch
from torc_tui.widgets.log_view import LogView
from torc_tui.widgets.prompt import Question
from torc_tui.widgets.text_line import TextLine


class LogPane(Vertical):
    """A log under the line that says what it is."""

    DEFAULT_CSS = "LogPane { height: 1fr; } LogPane > LogView { height: 1fr; }"

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.stream = stream
        self.line = TextLine()
        self.view = LogView()

    def compose(self) -> ComposeResult:
        yield self.line
        yield self.view


class LogScreen(ConsoleScreen):
    """See the module."""

    def __init__(
        self,
        store: Store,
        job_id: int,
        name: str = "",
        stream: str | None = None,
        attempt: tuple[int, int] | None = None,
    ) -> None:
        """`stream`: `o`, `e` or `b` for both; None: what tells most (stderr of a job that failed).

        `attempt`: run and attempt that is shown first; None: the newest.
        """
        super().__init__()
        self.store = store
        self.job_id = job_id
        self._called = name
        self._stream = stream or ""
        self.panes = {"e": LogPane("e"), "o": LogPane("o")}
        self._active = "e"
        self._attempt: tuple[int, int] | None = None
        """(run, attempt) that is shown."""
        self._sought = attempt
        """The one to be shown first, until that is done."""
        self._asked = ""
        """What was searched for last."""
        self._watch: Watch[JobOutput] | None = None
        self._here = socket.gethostname()
        self._choosing: asyncio.Task[None] | None = None

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.LOG})

    @property
    def address(self) -> str:
        return f"log {self.job_id} {self._stream}".strip()

    @property
    def output(self) -> JobOutput | None:
        """What is known of the job and its attempts."""
        return self._watch.value if self._watch else None

    @property
    def attempts(self) -> list[AttemptOutput]:
        """The newest first."""
        return self.output.attempts if self.output else []

    @property
    def attempt(self) -> AttemptOutput | None:
        """The one that is shown."""
        return next((each for each in self.attempts if (each.run, each.attempt) == self._attempt), None)

    @property
    def pane(self) -> LogPane:
        """The one that keys move in."""
        return self.panes[self._active]

    @property
    def view(self) -> LogView:
        return self.pane.view

    @property
    def shown(self) -> list[LogPane]:
        """The panes on screen."""
        return [pane for stream, pane in self.panes.items() if self._stream in (stream, "b")]

    @property
    def kept(self) -> list[Kept]:
        return [self._watch] if self._watch else []

    @property
    def main(self) -> Widget:
        return self.view

    def things(self, kind: str) -> list[Thing]:
        output = self.output
        if kind == "job":
            row = {"id": self.job_id, "name": output.name, "status": output.status} if output else None
            return [Thing("job", self.job_id, output.name if output else self._called, row)]
        if kind == "workflow" and output:
            return [Thing("workflow", output.workflow_id, output.workflow)]
        return []

    def body(self) -> Iterator[Widget]:
        for pane in self.panes.values():
            pane.display = False
            yield pane

    def on_mount(self) -> None:
        self._watch = Watch(
            self.store, failures.job_output(self.job_id), lambda change: concerns_job(change, self.job_id), self._told
        )

    def on_unmount(self) -> None:
        if self._choosing:
            self._choosing.cancel()

    def _told(self, watch: Watch[JobOutput]) -> None:
        self.call_later(self._take, watch)

    def _take(self, watch: Watch[JobOutput]) -> None:
        if watch.error:
            self.app.say(str(watch.error), error=True)
        if self.output:
            self._choosing = asyncio.ensure_future(self._choose(self.output))
        self.refresh_lines()

    async def _choose(self, output: JobOutput) -> None:
        """Show the attempt that is sought, else the newest, unless one is shown and nothing is followed."""
        newest = output.attempts[0] if output.attempts else None
        if newest is None:
            self._stream = self._stream or "o"
            self._arrange()
            for pane in self.shown:
                pane.view.show_lines(never_ran(output))
            return
        current = self.attempt
        follows = current is not None and any(pane.view.follows for pane in self.shown)
        if current is None or (follows and current is not newest):
            first = next((each for each in output.attempts if (each.run, each.attempt) == self._sought), newest)
            self._sought = None
            if not self._stream:
                self._stream = await asyncio.to_thread(self._telling_stream, output, first)
            self._show_attempt(first)
        elif current.status != "running":
            for pane in self.panes.values():
                pane.view.grows = False
                if pane.view.follows:
                    pane.view.follows = False
                    await pane.view.look()
                    pane.view.to_end()
        self.refresh_lines()

    def _telling_stream(self, output: JobOutput, attempt: AttemptOutput) -> str:
        """The stream that tells most: of a failed job stderr, else stdout, unless only the other one has something."""
        first = "e" if attempt.status in FAILED else "o"
        for stream in (first, "o" if first == "e" else "e"):
            with contextlib.suppress(OSError):
                if self._path(output, attempt, stream).stat().st_size:
                    return stream
        return first

    @staticmethod
    def _path(output: JobOutput, attempt: AttemptOutput, stream: str) -> Path:
        folder = Path(output.origin or ".") / (attempt.output_dir or DEFAULT)
        return stdio_path(folder, output.workflow_id, output.job_id, attempt.run, attempt.attempt, stream)

    def _show_attempt(self, attempt: AttemptOutput) -> None:
        self._attempt = (attempt.run, attempt.attempt)
        self._arrange()
        self._open_shown()

    def _open_shown(self) -> None:
        """Open the files of the shown panes that are not open yet."""
        output, attempt = self.output, self.attempt
        if output is None or attempt is None:
            return
        for pane in self.shown:
            path = self._path(output, attempt, pane.stream)
            if pane.view.path != path:
                instead = partial(not_there, path, pane.stream, attempt, self._here)
                pane.view.show_path(path, instead, follow=attempt.status == "running")

    def _arrange(self) -> None:
        for stream, pane in self.panes.items():
            pane.display = self._stream in (stream, "b")
        if self._stream != "b":
            self._active = self._stream
        self.view.focus()
        self.refresh_lines()

    def show_stream(self, stream: str) -> None:
        """Show stdout (`o`), stderr (`e`) or both (`b`)."""
        self._stream = stream
        self._arrange()
        if self.attempt:
            self._open_shown()
        elif self.output:
            for pane in self.shown:
                pane.view.show_lines(never_ran(self.output))

    def other_pane(self) -> None:
        """With both on screen: keys move in the other one."""
        if self._stream == "b":
            self._active = "o" if self._active == "e" else "e"
            self.view.focus()
            self._draw_lines()

    def step_attempt(self, by: int) -> None:
        """The attempt before (-1) or after (1)."""
        if (found := self.neighbour(by)) is not None:
            self._show_attempt(found)

    def neighbour(self, by: int) -> AttemptOutput | None:
        """The attempt before (-1) or after (1) the one that is shown."""
        attempts, current = self.attempts, self.attempt
        if current is None:
            return None
        at = attempts.index(current) - by
        return attempts[at] if 0 <= at < len(attempts) else None

    def ask_search(self) -> None:
        """Let the user type what to search for."""

        def done(text: str) -> None:
            self._end_prompt()
            try:
                pattern = Pattern(text) if text else None
            except InputError as error:
                self.app.say(str(error), error=True)
                return
            self._asked = text
            for pane in self.shown:
                pane.view.find(pattern)

        hint = "text, any case without capitals; a regular expression after one more /"
        self._ask(Question("/", self._asked, done, self._end_prompt, hint=hint))

    def ask_line(self) -> None:
        """Let the user type the number of a line."""

        def done(text: str) -> None:
            self._end_prompt()
            digits = text.replace(",", "").strip()
            if digits.isdigit():
                self.view.to_line(int(digits))
            elif digits:
                self.app.say(f"{text!r} is no number of a line", error=True)

        self._ask(Question("line", "", done, self._end_prompt, hint="number of a line"))

    def leave_state(self) -> bool:
        if not any(pane.view.search for pane in self.shown):
            return False
        for pane in self.shown:
            pane.view.find(None)
        return True

    def copyable(self) -> dict[str, str]:
        found: dict[str, str] = {}
        path, attempt = self.view.path, self.attempt
        if path is not None:
            found["path"] = str(path)
            if attempt and attempt.host and attempt.host != self._here:
                found["host:path"] = f"{attempt.host}:{path}"
        if self.view.file:
            found["what is on screen"] = self.view.shown_text
        return found

    def refresh_now(self) -> None:
        super().refresh_now()
        for pane in self.shown:
            self.run_worker(pane.view.look(), exit_on_error=False)

    def slept(self) -> None:
        super().slept()
        for pane in self.panes.values():
            pane.view.pause()

    def woke(self) -> None:
        super().woke()
        for pane in self.panes.values():
            pane.view.resume()

    def on_log_view_changed(self) -> None:
        self._draw_lines()
        self.refresh_footer()

    def on_descendant_focus(self) -> None:
        for stream, pane in self.panes.items():
            if pane.view.has_focus and self._active != stream:
                self._active = stream
                self._draw_lines()

    def _draw_lines(self) -> None:
        """The lines above the logs."""
        attempt = self.attempt
        if attempt is None:
            return
        name = self.output.name if self.output else self._called
        for stream, pane in self.panes.items():
            view = pane.view
            left = status_line(
                f"{name}.{stream}",
                attempt,
                view.file.size if view.file else None,
                view.line_numbers,
                follows=view.follows,
                notes=[view.note],
            )
            if self._stream == "b":
                left = [("▌" if stream == self._active else " ", "accent"), *left[:1], *left[1:]]
            room = pane.line.size.width - width_of(left) - 2
            pane.line.show(
                left, search_line(view.search, view.hit) if view.search else where_line(view.path, stream, room)
            )

    def title_lines(self) -> tuple[Line, Line]:
        output = self.output
        if output is None:
            return [(self._called or f"job {self.job_id}", "strong")], []
        place: Line = [
            (f"{output.workflow} › ", "dim"),
            (output.name, "strong"),
            (f" ({self.job_id})  ", "dim"),
            *self.app.characters.status(output.status),
        ]
        attempts = len(output.attempts)
        attempt = self.attempt
        facts = f"attempt {attempt.attempt}" if attempt else "no attempt"
        return place, [(facts + (f", one of {attempts}" if attempts > 1 else ""), "dim")]

    @property
    def idle(self) -> bool:
        chosen = self._choosing is not None and self._choosing.done()
        return super().idle and chosen and all(pane.view.idle for pane in self.shown)
