"""Creating a workflow from a file: left the file, right what torc understands of it, live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from torc_core.client import console
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.errors import InputError, TorcError
from torc_core.models.console import WorkflowPage
from torc_core.run_records import RunOptions
from torc_tui import local_runs, workflow_files
from torc_tui.actions import Place
from torc_tui.checker import WatchedFile
from torc_tui.checking import Checked, line_of
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, end_of, width_of
from torc_tui.rendering.create_view import outline_lines, problem_lines, same_name_line
from torc_tui.rendering.run_view import tilde
from torc_tui.screens.console_screen import ConsoleScreen, Kept
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.numbered_text import NumberedText
from torc_tui.widgets.path_entry import MOVES, PathEntry
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.text_line import TextLine

TWO_PANES = 100
"""From so many columns on both panes are shown."""

NOTHING_YET: list[Line] = [
    [("   Type the path of a workflow file, or choose: ↑ ↓", "text")],
    [("   It may be YAML, JSON, JSON5 or KDL.", "dim")],
    [],
    [("   tab    ", "key"), ("completes the path", "dim")],
    [("   enter  ", "key"), ("shows what the file would make", "dim")],
    [("   ctrl+o ", "key"), ("starts from an example", "dim")],
]


class CreateScreen(ConsoleScreen):
    """See the module."""

    DEFAULT_CSS = """
    CreateScreen #panes { height: 1fr; }
    CreateScreen #file { width: 1fr; }
    CreateScreen #made { width: 1fr; }
    CreateScreen.-none #file { display: none; }
    CreateScreen.-one #file, CreateScreen.-one.-left #made { display: none; }
    CreateScreen.-one.-left #file { display: block; }
    """

    def __init__(self, store: Store, path: str = "") -> None:
        super().__init__()
        self.store = store
        self._first_path = path
        self.entry = PathEntry()
        self.left = LinesView(id="file", focusable=True)
        self.right = LinesView(id="made", focusable=True)
        self._where = TextLine(id="where")
        self._same_name = TextLine(id="same-name")
        self._in_left = False
        self.options = RunOptions()
        self.watched = WatchedFile(lambda: store.user, lambda: self.call_later(self._checked), store.defect)
        self._problem = 0
        self._line: int | None = None
        self._machine = ""
        self._same: Watch[WorkflowPage] | None = None
        """The newest workflow of the same name, and how many there are."""
        self._same_as = ""
        """Of which name that is."""

    @property
    def file(self) -> Path | None:
        """The file that is shown."""
        return self.watched.path

    @property
    def folder(self) -> Path:
        """Where jobs would work."""
        return self.watched.folder

    @property
    def checked(self) -> Checked | None:
        """What is known of the file."""
        return self.watched.checked

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.CREATE})

    @property
    def kept(self) -> list[Kept]:
        return [self.watched, *([self._same] if self._same else [])]

    @property
    def main(self) -> Widget:
        return self.entry.field if self.entry.typing else self.left if self._in_left else self.right

    @property
    def address(self) -> str:
        return f"new {workflow_files.short(self.file)}" if self.file else "new"

    def body(self) -> Iterator[Widget]:
        yield self.entry
        yield Rule("┄")
        yield Horizontal(self.left, self.right, id="panes")
        yield self._where
        yield self._same_name

    def title_lines(self) -> tuple[Line, Line]:
        return [("Workflows › ", "dim"), ("New workflow", "strong")], []

    def on_mount(self) -> None:
        self.watched.checker.begin()
        self.run_worker(self._learn(), group="learn")
        if self._first_path:
            self.entry.field.value = self._first_path
        self._arrange()
        self.type_path()
        if self._first_path and workflow_files.real(self._first_path).is_file():
            self.show_file(workflow_files.real(self._first_path))

    async def _learn(self) -> None:
        """What this machine offers, and how runs are set up by default."""
        from torc_core.runner.resources import measure

        try:
            self.options = await asyncio.to_thread(local_runs.default_options)
        except TorcError as error:
            self.app.say(str(error), error=True)
        offer = await asyncio.to_thread(measure)
        gpus = f", {len(offer.gpus)} gpu" if offer.gpus else ""
        self._machine = f"{offer.num_cpus} cpu, {numbers.size(offer.memory_bytes)}{gpus}"
        self._show_where()

    @property
    def idle(self) -> bool:
        return super().idle and self.entry.idle

    @property
    def typing(self) -> Input | None:
        return super().typing or (self.entry.field if self.entry.typing else None)

    @property
    def types_path(self) -> bool:
        """Whether what is typed goes into the path."""
        return self.entry.typing

    def press_while_typing(self, key: str) -> bool:
        if super().typing:
            return super().press_while_typing(key)
        known = {"escape", "tab", *MOVES}
        if key in known or (key.startswith("ctrl+") and self.app.registry.for_key(key, self.places)):
            self.app.type_ahead.decide(self)
            self.entry.field.call_later(self._typed, key)  # after what was typed before it
            return True
        return False

    async def _typed(self, key: str) -> None:
        self.action_bar.key_pressed()
        if key == "escape":
            if self.file:
                self._stop_typing()
            else:
                self.app.go_back()
        elif key == "tab":
            await self.entry.complete()
        elif key in MOVES:
            self.entry.move(key)
        elif action := self.app.registry.for_key(key, self.places):
            self.app.perform(action, self)
        self.app.type_ahead.decided()

    def type_path(self) -> None:
        """From now on what is typed is the path."""
        self.entry.begin()
        self.main.focus()
        self.refresh_lines()

    def _stop_typing(self) -> None:
        self.entry.end(self.file)
        self.main.focus()
        self.refresh_lines()

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        try:
            if path := self.entry.take(guess=True):
                self.show_file(path)
        except InputError as error:
            self.app.say(str(error), error=True)
        self.app.type_ahead.decided()

    def show_file(self, path: Path) -> None:
        """Show a file and what it would make."""
        self._problem, self._line, self._in_left = 0, None, False
        self.left.top = self.right.top = 0
        self.watched.watch(path)
        self._stop_typing()
        self._arrange()

    def recheck(self) -> None:
        """Read and check the file again; what is shown stays until that is done."""
        self.watched.recheck()

    def _checked(self) -> None:
        if self.checked:
            self._problem = min(self._problem, max(0, len(self.checked.errors) - 1))
            self.draw()
            self._ask_same_name()

    def take_typed(self) -> None:
        """Show the file whose path is typed. InputError when there is none."""
        if self.entry.typing and (path := self.entry.take(guess=False)):
            self.show_file(path)

    async def ready(self) -> Checked:
        """The file as it is now, checked. InputError says what keeps it from being created."""
        self.take_typed()
        checked = await self.watched.current()
        if checked is None:
            raise InputError("name a workflow file first")
        if errors := checked.errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise InputError(f"{errors[0]}{more}; nothing was created")
        return checked

    def _ask_same_name(self) -> None:
        outline = self.checked.outline if self.checked else None
        if outline and outline.name != self._same_as:
            if self._same:
                self._same.close()
            self._same_as = outline.name
            rows = console.workflow_rows(Part(sort="-id", limit=1, filter=f'name="{outline.name}"'))
            self._same = Watch(self.store, rows, self._concerns_same, self._told_same)
        self._show_name()

    def _told_same(self, _: Watch[WorkflowPage]) -> None:
        self.call_later(self._show_name)

    def _concerns_same(self, change: Change) -> bool:
        page = self._same.value if self._same else None
        latest = page.items[0]["id"] if page and page.items else None
        return change.event == "workflow" or (change.event == "jobs" and change.data.get("workflow_id") == latest)

    def draw(self) -> None:
        """Show what is known of the file."""
        checked = self.checked
        if checked is None:
            self.left.show([])
            self.right.show(NOTHING_YET)
            return
        marks: dict[int, str] = {}
        for role, problems in (("warning", checked.warnings), ("error", checked.errors)):
            marks.update({line: role for problem in problems if (line := line_of(problem))})
        self._line = line_of(checked.errors[self._problem]) if checked.errors else None
        self.left.show(NumberedText(checked.text, marks, self._line))
        width = self.right.size.width
        if checked.errors:
            found = problem_lines(checked, self._problem, width)
            self.right.show(found.lines)
            self._bring(self.right, found.starts[self._problem])
            if self._line:
                self._bring(self.left, self._line - 1)
        else:
            self.right.show(outline_lines(checked, width))
        self._show_name()

    @staticmethod
    def _bring(view: LinesView, line: int) -> None:
        """Scroll so that a line is in sight."""
        if not view.top <= line < view.top + view.size.height - 1:
            view.scroll_rows(line - view.top - view.size.height // 3)

    def _show_where(self) -> None:
        output = self.options.output_folder(str(self.folder))
        machine = f"this machine: {self._machine}" if self._machine else "this machine"
        limits = f" (using {self.options.said})" if self.options.said else ""
        below = output.is_relative_to(self.folder)
        written = f"./{output.relative_to(self.folder)}" if below else tilde(output)
        before: Line = [(f" {machine}{limits}", "text"), ("   works in ", "dim")]
        after: Line = [("   output ", "dim"), (written, "text")]
        room = self._where.size.width - 1 - width_of(before) - width_of(after)
        self._where.show([*before, (end_of(tilde(self.folder), room), "text"), *after])

    def _show_name(self) -> None:
        outline = self.checked.outline if self.checked else None
        page = self._same.value if self._same and outline and outline.name == self._same_as else None
        if outline and page:
            said = same_name_line(outline.name, page.items, page.total)
            self._same_name.show([(f" {said}", "warning" if page.total else "dim")])
        elif not outline:
            self._same_name.show([])

    def set_run(self, options: RunOptions, folder: Path) -> None:
        """How it will run, as chosen by the user."""
        self.options = options
        self.watched.work_in(folder)
        self._show_where()

    def move(self, rows: int) -> None:
        """Go up or down: among the errors, else in the text."""
        errors = self.checked.errors if self.checked else []
        if errors and not self._in_left:
            self._problem = min(max(self._problem + rows, 0), len(errors) - 1)
            self.draw()
        else:
            (self.left if self._in_left else self.right).scroll_rows(rows)

    def move_page(self, pages: int) -> None:
        """Go up or down by a screen."""
        self.move(pages * max(1, self.right.size.height - 2))

    def open_cursor(self) -> None:
        """Go to the line of the error; from the text back to the errors."""
        if self.checked and self.checked.errors:
            self._in_left = not self._in_left
            self._arrange()
            self.main.focus()

    def next_pane(self, by: int) -> None:
        """Path, text, what it makes: the next one, or the one before."""
        at = 1 if self._in_left else 2
        to = (at + by) % 3
        if to == 0:
            self.type_path()
        else:
            self._in_left = to == 1
            self._arrange()
            self.main.focus()

    @property
    def error_line(self) -> int | None:
        """The line of the error that is looked at."""
        return self._line

    def on_resize(self) -> None:
        super().on_resize()
        self._arrange()

    def _arrange(self) -> None:
        self.set_class(self.app.size.width < TWO_PANES, "-one")
        self.set_class(self.file is None, "-none")
        self.set_class(self._in_left, "-left")

    def on_lines_view_resized(self) -> None:
        self.draw()
        self._show_where()
