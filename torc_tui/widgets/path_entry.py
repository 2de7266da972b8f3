"""A line to type the path of a workflow file into, with what it may become below it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input
from textual.worker import Worker

from torc_core.errors import InputError
from torc_tui import workflow_files
from torc_tui.screens.chooser import Choice, ChoiceList
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

COMPLETIONS = 9
"""So many completions are seen at once."""

MOVES = {"down": 1, "up": -1, "pagedown": COMPLETIONS, "pageup": -COMPLETIONS}


class PathEntry(Vertical):
    """See the module."""

    DEFAULT_CSS = """
    PathEntry { height: auto; }
    PathEntry > Horizontal { height: 1; }
    PathEntry > Horizontal > TextLine { width: 7; }
    PathEntry ChoiceList { height: 0; display: none; }
    PathEntry.-typing ChoiceList { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.field = Field(placeholder="path of a workflow file")
        self.choices = ChoiceList()
        self._label = TextLine()
        self.typing = True
        """Whether what is typed goes here."""
        self._completed = ""
        """The text that the completions shown are for."""
        self._moved = False
        """A completion was chosen with the arrows."""
        self._completing: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        yield Horizontal(self._label, self.field)
        yield self.choices

    def on_mount(self) -> None:
        self._label.show([(" FILE", "title")])

    @property
    def idle(self) -> bool:
        return self._completing is None or self._completing.is_finished

    def begin(self) -> None:
        """From now on what is typed is the path."""
        self.typing, self._moved = True, False
        self.field.cursor_position = len(self.field.value)
        self._look_for_completions()
        self.set_class(True, "-typing")

    def end(self, path: Path | None) -> None:
        """What is typed is not the path any more; that is `path`, if there is one."""
        self.typing = False
        self.set_class(False, "-typing")
        if path:
            with self.prevent(Input.Changed):
                self.field.value = workflow_files.short(path)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._moved = False
        if self.typing:
            self._look_for_completions()

    def _look_for_completions(self) -> None:
        if self.idle:
            self._completing = self.run_worker(self._keep_completing(), group="complete")

    async def _keep_completing(self) -> None:
        """Until what is shown fits what is typed."""
        while True:
            text = self.field.value
            found = await asyncio.to_thread(workflow_files.completions, text)
            if text == self.field.value:
                break
        self._completed = text
        self.choices.show([Choice(each.path, each.path, each.note) for each in found])
        self.choices.styles.height = max(1, min(len(found), COMPLETIONS, max(3, self.app.size.height // 3)))

    def move(self, key: str) -> None:
        """Choose a completion."""
        by = MOVES[key]
        self.choices.move(by if self._moved or by < 0 or self.field.value else 0)
        self._moved = True

    async def complete(self) -> None:
        """As far as all completions agree; the chosen one, when one was."""
        text = self.field.value
        found = await asyncio.to_thread(workflow_files.completions, text)
        chosen = self.choices.chosen
        start = workflow_files.common_start((each.path for each in found), text)
        if (self._moved or start == text) and chosen and self._completed == text:
            start = chosen.value
        self.field.value = start
        self.field.cursor_position = len(start)

    def take(self, *, guess: bool) -> Path | None:
        """The file that is typed or chosen; with `guess` also the first completion.

        None when it is a folder, whose files may be chosen now, or, with `guess`, what is wrong was said. InputError.
        """
        text = self.field.value.strip()
        chosen = self.choices.chosen if self._completed == self.field.value else None
        path = workflow_files.real(text)
        if chosen and (self._moved or (guess and not path.is_file())):
            text = chosen.value
            path = workflow_files.real(text)
        if path.is_dir() and text:
            self.field.value = text if text.endswith("/") else f"{text}/"
            self.field.cursor_position = len(self.field.value)
            if not guess:
                raise InputError(f"{text} is a folder; name a workflow file in it")
            return None
        if not path.is_file():
            raise InputError(f"there is no file {text}" if text else "name a workflow file first")
        return path
