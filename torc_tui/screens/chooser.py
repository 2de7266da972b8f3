"""A list to choose from, narrowed by typing: for the palette, for sorting, for copying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.fuzzy import Matcher
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from torc_tui.rendering.cells import Line, between, fitted, width_of
from torc_tui.rendering.strips import strip
from torc_tui.widgets.box import Box, Dialog
from torc_tui.widgets.field import Field

if TYPE_CHECKING:
    from torc_tui.console import Console


SENTENCE = 24
"""Notes longer than this are read from left to right."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose: `value` comes back; `note` stands at the right; what has a `reason` cannot be chosen."""

    value: str
    title: str
    note: str = ""
    reason: str | None = None


class ChoiceList(Widget):
    """The choices, one a line."""

    app: Console

    def __init__(self) -> None:
        super().__init__()
        self.choices: list[Choice] = []
        self.cursor = 0
        self.top = 0
        self._notes_at: int | None = None
        """Where notes begin that are sentences; shorter ones stand at the right."""

    def show(self, choices: list[Choice], cursor: int = 0) -> None:
        self.choices, self.cursor, self.top = choices, cursor, 0
        sentences = any(len(choice.note) > SENTENCE for choice in choices)
        self._notes_at = max(len(choice.title) for choice in choices) + 4 if sentences else None
        self._settle()
        self.refresh()

    def move(self, by: int) -> None:
        if self.choices:
            old, top = self.cursor, self.top
            self.cursor = min(max(self.cursor + by, 0), len(self.choices) - 1)
            self._settle()
            if top != self.top:
                self.refresh()
            else:
                width = self.size.width
                self.refresh(Region(0, old - top, width, 1), Region(0, self.cursor - top, width, 1))

    def _settle(self) -> None:
        height = max(1, self.size.height)
        top = min(max(self.top, self.cursor - height + 1), self.cursor)
        self.top = max(min(top, len(self.choices) - height), 0)

    def on_resize(self) -> None:
        self._settle()
        self.refresh()

    @property
    def chosen(self) -> Choice | None:
        return self.choices[self.cursor] if self.choices else None

    def render_line(self, y: int) -> Strip:
        width, characters, palette = self.size.width, self.app.characters, self.app.palette
        index = self.top + y
        if index >= len(self.choices):
            nothing: Line = [("  nothing matches", "dim")] if y == 0 and not self.choices else []
            return strip(fitted(nothing, width), palette.styles, width)
        choice = self.choices[index]
        here = index == self.cursor
        role = "dim" if choice.reason else "strong" if here else "text"
        note = choice.reason or choice.note
        mark = "▌" if here else " "
        left: Line = [(mark, "accent"), (f" {choice.title}", role)]
        if self._notes_at is None:
            line = between(left, [(note, "dim"), (" ", "")], width)
        else:
            line = fitted([*left, (" " * (self._notes_at - width_of(left)), ""), (note, "dim")], width)
        styles = palette.cursor_styles if here else palette.styles
        return strip([(characters.text(text), role) for text, role in line], styles, width)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if self.top + event.y < len(self.choices):
            self.move(self.top + event.y - self.cursor)
            self.app.post_message(events.Key("enter", None))


class Chooser(Dialog[str | None]):
    """See the module."""

    DEFAULT_CSS = """
    Chooser { align: center top; }
    Chooser Box { margin-top: 3; }
    Chooser ChoiceList { height: auto; }
    """

    def __init__(
        self, title: str, choices: Sequence[Choice], *, current: str | None = None, narrow_by: str = "type to narrow"
    ) -> None:
        super().__init__()
        self.heading = title
        self.choices = list(choices)
        self.current = current
        self.narrow_by = narrow_by
        self.list = ChoiceList()

    def compose(self) -> ComposeResult:
        size = self.app.size
        longest = max((len(c.title) + len(c.reason or c.note) for c in self.choices), default=0)
        with Box() as box:
            box.border_title = self.heading
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = min(max(40, longest + 10, cell_len(self.heading) + 6), size.width - 4, 100)
            yield Field(placeholder=self.narrow_by)
            self.list.styles.height = min(len(self.choices), max(3, size.height - 9))
            yield self.list

    def on_mount(self) -> None:
        values = [choice.value for choice in self.choices]
        self.list.show(self.choices, values.index(self.current) if self.current in values else 0)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.list.show(narrowed(self.choices, message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._take()

    def _take(self) -> None:
        chosen = self.list.chosen
        if chosen and not chosen.reason:
            self.dismiss(chosen.value)

    def on_key(self, event: events.Key) -> None:
        moves = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8, "ctrl+n": 1}
        if event.key == "escape":
            self.dismiss(None)
        elif event.key in moves:
            self.list.move(moves[event.key])
        elif event.key == "enter":
            self._take()
        else:
            return
        event.stop()
        event.prevent_default()


def narrowed(choices: Sequence[Choice], text: str) -> list[Choice]:
    """The choices that match what was typed, the best first; those that cannot be chosen last."""
    if not text.strip():
        return list(choices)
    matcher = Matcher(text.strip())
    scored = [(matcher.match(choice.title), choice) for choice in choices]
    found = sorted((pair for pair in scored if pair[0] > 0), key=lambda p: (p[1].reason is not None, -p[0]))
    return [choice for _, choice in found]
