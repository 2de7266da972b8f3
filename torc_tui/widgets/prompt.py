"""The line to type into, at the bottom of a screen: for `:` addresses and `/` filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Input

from torc_tui.rendering.cells import Line, width_of
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine
from torc_tui.workflow_files import common_start

if TYPE_CHECKING:
    from torc_tui.console import Console


class Candidate(NamedTuple):
    """What may be meant by what is typed so far, and what that names."""

    text: str
    note: str = ""


class Completer(Suggester):
    """Knows what may be meant by what is typed so far."""

    told: Callable[[str, list[Candidate]], None] = staticmethod(lambda *_: None)
    """Hears what was typed and what may be meant."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def candidates(self, text: str) -> list[Candidate]:
        """The best first."""
        raise NotImplementedError

    async def get_suggestion(self, value: str) -> str | None:
        found = await self.candidates(value)
        self.told(value, found)
        return next((each.text for each in found if each.text.startswith(value) and each.text != value), None)


TYPED_S = 0.12
"""What is typed counts when nothing was typed for so long."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the line is for: `sign` stands before it; `typing` hears what is typed, `done` what was entered.

    What is typed first replaces `text`.
    """

    sign: str
    text: str
    done: Callable[[str], None]
    left: Callable[[], None]
    typing: Callable[[str], None] | None = None
    suggester: Completer | None = None
    hint: str = ""
    history: Sequence[str] = ()
    """What was entered before, the latest last: up and down go through it."""


class Prompt(Horizontal):
    """See the module."""

    app: Console

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt > TextLine { width: 3; }
    Prompt > #candidates { width: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None
        self._timer: Timer | None = None
        self._back = 0
        """So many steps back in what was entered before."""
        self._begun = ""
        """What was typed before the first of them."""
        self._sign = TextLine()
        self.input = Field()
        self._candidates = TextLine(id="candidates")

    def compose(self) -> ComposeResult:
        yield self._sign
        yield self.input
        yield self._candidates

    @property
    def asking(self) -> bool:
        """Whether something is being typed."""
        return self._question is not None

    def ask(self, question: Question) -> None:
        """Begin to ask."""
        self._question, self._back = question, 0
        self._sign.show([(f" {question.sign}", "key")])
        self.input.suggester = question.suggester
        if question.suggester:
            question.suggester.told = self._show
        self.input.placeholder = question.hint
        with self.prevent(Input.Changed):
            self.input.value = question.text
        self._show(question.text, [])
        self.input.select_all()
        self.display = True
        self.input.focus()

    def _show(self, text: str, found: list[Candidate]) -> None:
        """What may be meant, at the right, unless more was typed meanwhile."""
        if text != self.input.value:
            return
        line: Line = [(" tab ", "key")] if found else []
        for each in found:
            name = each.text.rpartition(" ")[2] if " " in text else each.text
            part: Line = [(f" {name}", "text"), (f" {each.note}" if each.note else "", "dim"), ("  ", "")]
            if width_of(line) + width_of(part) > self.size.width // 2:
                break
            line += part
        self._candidates.show(line)
        self._candidates.styles.width = width_of(line) + 1 if line else 0

    async def _complete(self) -> None:
        """As far as all that go on from what is typed agree; else the first candidate."""
        completer, text = self.input.suggester, self.input.value
        if not isinstance(completer, Completer):
            return
        found = [each.text for each in await completer.candidates(text)]
        start = common_start(found, text)
        if found:
            self.input.value = start if start != text else found[0]
            self.input.cursor_position = len(self.input.value)

    def recall(self, by: int) -> None:
        """So many steps further back in what was entered before; from the newest forward to what was begun."""
        history = self._question.history if self._question else ()
        back = min(max(self._back + by, 0), len(history))
        if back == self._back:
            return
        if self._back == 0:
            self._begun = self.input.value
        self._back = back
        self.input.value = history[-back] if back else self._begun
        self.input.cursor_position = len(self.input.value)

    async def on_key(self, event: events.Key) -> None:
        if event.key == "tab":
            event.stop()
            await self._complete()
            self.app.type_ahead.decided()

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
        if not message.value:
            self._show("", [])
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
        self.app.type_ahead.decided()
