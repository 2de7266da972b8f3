"""A small form: lines to type into, each with its name before it. Enter takes it, escape leaves it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from torc_tui.rendering.cells import Line, wrapped
from torc_tui.widgets.box import Box, Dialog, room, text_lines
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

T = TypeVar("T")

WIDEST = 70

BESIDES = 2
"""Lines besides what is told and the fields: one between them, one for what is wrong."""


@dataclass(frozen=True, slots=True)
class FormRow:
    """A line of a form."""

    name: str
    title: str
    read: Callable[[str], Any]
    """What is meant by a text; ValueError says why it means nothing."""
    hint: str = ""
    """Shown while nothing is typed."""
    value: str = ""
    """What stands there at the beginning."""


def whole(least: int) -> Callable[[str], int]:
    """Reads a whole number of at least so much."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is no whole number") from None
        if number < least:
            raise ValueError(f"{text} is below {least}")
        return number

    return read


class Form(Dialog[T | None]):
    """See the module: `result` makes of the values what the form gives; None when it is left."""

    DEFAULT_CSS = """
    Form Horizontal { height: 1; }
    Form Horizontal > TextLine { width: 16; }
    Form Field { background: $panel; }
    """

    def __init__(self, title: str, told: Sequence[str], rows: Sequence[FormRow], *, verb: str) -> None:
        super().__init__()
        self._heading = title
        self._told = told
        self._verb = verb
        self._rows = rows
        self._fields = {row.name: Field(placeholder=row.hint) for row in rows}
        for row in rows:
            self._fields[row.name].value = row.value
        self._at = 0
        self._problem = TextLine()

    @abstractmethod
    def result(self, values: dict[str, Any]) -> T:
        """What the form gives; `values` are those that were typed, None where nothing was. ValueError: (row, why)."""

    def compose(self) -> ComposeResult:
        width = min(WIDEST, self.app.size.width - 8)
        lines: list[Line] = [[(part, "text")] for line in self._told for part in wrapped(line, width)]
        lines = lines[: max(0, room(self.app.size).height - len(self._rows) - BESIDES)]
        with Box() as box:
            box.border_title = self.app.characters.text(self._heading)
            box.border_subtitle = self.app.characters.text(f"↑↓ move · enter: {self._verb} · esc leaves")
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = width + 4
            yield from text_lines([*lines, []] if lines else [])
            for row in self._rows:
                label = TextLine()
                label.show([(row.title, "dim")])
                yield Horizontal(label, self._fields[row.name])
            yield self._problem

    @property
    def typing(self) -> Field:
        return self._fields[self._rows[self._at].name]

    def step(self, key: str) -> bool:
        by = {"down": 1, "tab": 1, "up": -1, "shift+tab": -1}.get(key)
        if by is not None:
            self._go((self._at + by) % len(self._rows))
        return by is not None

    def _go(self, at: int) -> None:
        """Type into a field: what stands there is selected, and replaced by what is typed."""
        self._at = at
        self.typing.select_all()
        self.typing.focus()

    def on_mount(self) -> None:
        self._go(self._at)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            self.dismiss(None)
            event.stop()
            event.prevent_default()

    def on_input_changed(self) -> None:
        self._problem.show([])

    def on_input_submitted(self) -> None:
        values: dict[str, Any] = {}
        for row in self._rows:
            text = self._fields[row.name].value.strip()
            try:
                values[row.name] = row.read(text) if text else None
            except ValueError as error:
                self._refuse(row.name, f"{row.title}: {error}")
                return
        try:
            self.dismiss(self.result(values))
        except ValueError as error:
            self._refuse(*error.args)

    def _refuse(self, name: str, why: str) -> None:
        self._go(next(at for at, row in enumerate(self._rows) if row.name == name))
        self._problem.show([("✖ ", "error"), (why, "error")])
