"""Dialogs: a bordered box over the screen, which stays as it is behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Input

from torc_tui.memory import forget_closed_screens
from torc_tui.rendering.cells import Line, width_of
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from torc_tui.console import Console

T = TypeVar("T")


class Box(Vertical):
    """The frame of a dialog."""

    DEFAULT_CSS = """
    Box { width: auto; height: auto; max-width: 96%; max-height: 90%; border: round $accent; padding: 0 1;
          border-title-color: $foreground; border-title-style: bold; background: $background; }
    Box.-danger { border: round $error; }
    Box.-ascii { border: ascii $accent; }
    """


class Dialog(ModalScreen[T], Generic[T], inherit_bindings=False):
    """Base of the dialogs: centred, not tinting what is behind."""

    DEFAULT_CSS = "Dialog { align: center middle; background: transparent; overflow: hidden; }"

    app: Console

    ready_for_keys = False
    """Keys are held back until it is there."""

    _answered = False

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Give its answer, the first one: a second key on its way would take away the screen behind it."""
        if self._answered:
            return AwaitComplete(asyncio.sleep(0))
        self._answered = True
        self.app.type_ahead.hold()
        return super().dismiss(result)

    @property
    def typing(self) -> Field | None:
        """The field that takes what is typed."""
        return next(iter(self.query(Field)), None)

    def step(self, key: str) -> bool:  # noqa: ARG002
        """Go to another field, where the key means that: the key after it is for that one already, focused or not."""
        return False

    def on_mount(self) -> None:
        if field := self.typing:
            field.focus()
        self.ready_for_keys = True
        self.app.type_ahead.go_on()

    async def on_event(self, event: events.Event) -> None:
        await super().on_event(event)
        if isinstance(event, events.Key):
            self.app.type_ahead.decided()

    @on(Input.Submitted)
    def _entered(self) -> None:
        """After what a dialog itself does then: it is answered, or has said what is wrong."""
        self.app.type_ahead.decided()

    def on_unmount(self) -> None:
        forget_closed_screens()


def room(screen: Size) -> Size:
    """Columns and lines that the text of a box can have: as `Box` is styled, its frame aside."""
    return Size(int(screen.width * 0.96) - 4, int(screen.height * 0.9) - 2)


def text_lines(lines: list[Line]) -> ComposeResult:
    """Lines as widgets."""
    for line in lines:
        widget = TextLine()
        widget.show(line)
        yield widget


def widest(lines: list[Line]) -> int:
    """Columns that the widest line takes."""
    return max((width_of(line) for line in lines), default=0)
