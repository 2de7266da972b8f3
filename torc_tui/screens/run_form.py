"""A small form: what a run may use of this machine, and where its output goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from torc_tui.local_runs import RunOptions
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.widgets.box import Box, Dialog, text_lines
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

ROWS = (
    ("max_parallel_jobs", "jobs at once", int, "as many as fit"),
    ("num_cpus", "cpus", int, "all of them"),
    ("memory_gb", "memory, GB", float, "all of it"),
    ("num_gpus", "gpus", int, "all of them"),
    ("output_dir", "output folder", str, "output"),
)

FOLDER = ("folder", "jobs work in", str, "")


class RunForm(Dialog[tuple[RunOptions, str] | None]):
    """Gives the options and the folder that jobs work in; None when it is left."""

    DEFAULT_CSS = """
    RunForm Horizontal { height: 1; }
    RunForm Horizontal > TextLine { width: 16; }
    RunForm Field { background: $panel; }
    """

    def __init__(
        self, title: str, told: list[str], options: RunOptions, folder: str, *, verb: str, folder_fixed: bool = False
    ) -> None:
        super().__init__()
        self._heading = title
        self._told = told
        self._folder = folder
        self._verb = verb
        self._rows = ROWS if folder_fixed else (*ROWS, FOLDER)
        self._fields = {name: Field(placeholder=hint) for name, _, _, hint in self._rows}
        for name, field in self._fields.items():
            value = folder if name == "folder" else getattr(options, name)
            field.value = f"{value:g}" if isinstance(value, int | float) else value or ""
        self._at = 0
        self._problem = TextLine()

    def compose(self) -> ComposeResult:
        width = min(70, self.app.size.width - 8)
        lines: list[Line] = [[(part, "text")] for line in self._told for part in wrapped(line, width)]
        with Box() as box:
            box.border_title = self.app.characters.text(self._heading)
            box.border_subtitle = self.app.characters.text(f"↑↓ move · enter: {self._verb} · esc leaves")
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = width + 4
            yield from text_lines([*lines, []] if lines else [])
            for name, title, _, _ in self._rows:
                label = TextLine()
                label.show([(title, "dim")])
                yield Horizontal(label, self._fields[name])
            yield self._problem

    @property
    def typing(self) -> Field:
        return self._fields[self._rows[self._at][0]]

    def on_key(self, event: events.Key) -> None:
        step = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1}.get(event.key)
        if step is not None:
            self._at = (self._at + step) % len(self._rows)
            self.typing.focus()
        elif event.key == "escape":
            self.dismiss(None)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_input_changed(self) -> None:
        self._problem.show([])

    def on_input_submitted(self) -> None:
        values: dict[str, Any] = {}
        for at, (name, title, form, _) in enumerate(self._rows):
            text = self._fields[name].value.strip()
            try:
                values[name] = form(text) if text else None
                if isinstance(values[name], int | float) and (
                    values[name] < 0 or (name != "num_gpus" and not values[name])
                ):
                    raise ValueError
            except ValueError:
                self._refuse(at, f"{title}: {text!r} is no number above 0")
                return
        folder = str(Path(values.pop("folder", None) or self._folder).expanduser().absolute())
        if not Path(folder).is_dir():
            self._refuse(len(self._rows) - 1, f"{folder} is no folder")
            return
        self.dismiss((RunOptions(**values), folder))

    def _refuse(self, at: int, why: str) -> None:
        self._at = at
        self.typing.focus()
        self._problem.show([("✖ ", "error"), (why, "error")])
