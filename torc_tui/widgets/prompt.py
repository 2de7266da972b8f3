"""The line to type into, at the bottom of a screen: for `:` addresses and `/` filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input

from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from torc_tui.console import Console

TYPED_S = 0.12
"""What is typed counts when nothing was typed for so long."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the line is for: `sign` stands before it; `typing` hears what is typed, `done` what was entered."""

    sign: str
    text: str
    done: Callable[[str], None]
    left: Callable[[], None]
    typing: Callable[[str], None] | None = None
    suggester: Suggester | None = None
    hint: str = ""


class Prompt(Horizontal):
    """See the module."""

    app: Console

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt > TextLine { width: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None
        self._timer: Timer | None = None
        self._sign = TextLine()
        self.input = Field()

    def compose(self) -> ComposeResult:
        yield self._sign
        yield self.input

    @property
    def asking(self) -> bool:
        """Whether something is being typed."""
        return self._question is not None

    def ask(self, question: Question) -> None:
        """Begin to ask."""
        self._question = question
        self._sign.show([(f" {question.sign}", "key")])
        self.input.suggester = question.suggester
        self.input.placeholder = question.hint
        with self.prevent(Input.Changed):
            self.input.value = question.text
        self.input.cursor_position = len(question.text)
        self.display = True
        self.input.focus()

    def close(self) -> None:
        """Stop asking."""
        self._stop_timer()
        self._question = None
        self.display = False

    def leave(self) -> None:
        """Escape was pressed."""
        question = self._question
        self.close()
        if question:
            question.left()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = None

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._stop_timer()
        if self._question and self._question.typing:
            self._timer = self.set_timer(TYPED_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._question and self._question.typing:
            self._question.typing(self.input.value)

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        question = self._question
        self.close()
        if question:
            question.done(message.value)
        await self.app.caught_up()
        self.app.decided()
