"""What every screen has: the line above, the line below, its places for keys, and news of what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from torc_core.client.stream import Change
from torc_tui.actions import Place
from torc_tui.address import EXAMPLES, AddressSuggester
from torc_tui.context import Context, Thing
from torc_tui.memory import forget_closed_screens
from torc_tui.rendering.cells import Line
from torc_tui.widgets.action_bar import ActionBar
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.prompt import Prompt, Question
from torc_tui.widgets.rule import Rule
from torc_tui.widgets.table_source import View
from torc_tui.widgets.text_line import TextLine
from torc_tui.widgets.title_bar import TitleBar

if TYPE_CHECKING:
    from torc_tui.console import Console


SMALLEST = (40, 10)
"""Columns and lines below which nothing can be shown well."""


class News(Message, bubble=False):
    """Something changed on the server."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


class Kept(Protocol):
    """Something that is kept fresh while it is seen: a `Watch`, a `Lookout`."""

    def touch(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...
    @property
    def idle(self) -> bool: ...


class ConsoleScreen(Screen[None], inherit_bindings=False):
    """Base of the screens. To add one: say `places`, `body`, `title_lines` and what is `kept` fresh."""

    app: Console
    stale = False
    """Something changed while another screen or a dialog was on top."""
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self) -> None:
        super().__init__()
        self.title_bar = TitleBar()
        self.action_bar = ActionBar()
        self._prompt = Prompt()
        self._tiny = TextLine(id="tiny")

    @property
    def places(self) -> frozenset[Place]:
        """Where the screen is, for the registry of actions."""
        return frozenset()

    @property
    def table(self) -> PagedTable | None:
        """The table that keys move in."""
        return None

    @property
    def kept(self) -> Sequence[Kept]:
        """What is kept fresh while the screen is on top, its table aside."""
        return ()

    @property
    def main(self) -> Widget | None:
        """What has the focus unless something else was given it."""
        return self.table

    def things(self, kind: str) -> list[Thing]:  # noqa: ARG002
        """The workflows or jobs that an action means here."""
        return []

    def at_cursor(self, kind: str) -> list[Thing]:
        """The one of them that is under the cursor or of the screen, if there is one."""
        return self.things(kind)

    @property
    def address(self) -> str:
        """What `:` takes to come here again."""
        return ""

    def body(self) -> Iterator[Widget]:
        """The widgets between the two lines."""
        yield from ()

    def title_lines(self) -> tuple[Line, Line]:
        """What the first line says about this screen: where it is, and facts about its thing."""
        return [], []

    def heard(self, change: Change) -> None:
        """A change on the server; `open` and `reset` mean that anything may have changed."""
        if change.event in ("open", "reset"):
            for each in self.kept:
                each.touch()

    def ticked(self) -> None:
        """Some seconds went by: draw durations of what runs, ask for what it uses; nothing when nothing runs."""
        if self.table:
            self.table.repaint_running()

    def slept(self) -> None:
        """Another screen or a dialog is on top: pause what asks by itself, for a screen below must not draw."""
        if self.table:
            self.table.pause()
        for each in self.kept:
            each.pause()

    def woke(self) -> None:
        """It is on top again."""
        if self.table:
            self.table.resume()
        for each in self.kept:
            each.resume()
        if self.main:
            self.main.focus()

    def open_cursor(self) -> None:
        """Open what is under the cursor."""

    def leave_state(self) -> bool:
        """Leave a filter or marks, if there are any; False when only the screen itself is left to leave."""
        table = self.table
        if table is None:
            return False
        if table.marked:
            table.clear_marks()
        elif table.view.filter:
            table.show(View(table.view.sort))
        else:
            return False
        return True

    def copyable(self) -> dict[str, str]:
        """What else can be copied here: what it is -> text."""
        return {}

    def ask_filter(self) -> None:
        """Let the user type a filter; it is applied while it is typed, and escape takes it back."""
        table = self.table
        if table is None:
            return
        before = table.view

        def typing(text: str) -> None:
            table.show(View(before.sort, text.strip()))

        def done(text: str) -> None:
            typing(text)
            self._end_prompt()

        def left() -> None:
            table.show(before)
            self._end_prompt()

        columns = ", ".join(column.name for column in table.source.columns)
        self._ask(Question("/", before.filter, done, left, typing, hint=f"words, or FIELD OP VALUE: {columns}"))

    def ask_address(self) -> None:
        """Let the user type where to go or what to do."""

        def done(text: str) -> None:
            self._end_prompt()
            if entered := text.strip():
                self.app.run_worker(self.app.entered.add(entered), group="history", exit_on_error=False)
            self.app.obey(text, self)

        suggester, history = AddressSuggester(self.app), self.app.entered.texts
        self._ask(Question(":", "", done, self._end_prompt, suggester=suggester, hint=EXAMPLES, history=history))

    def _ask(self, question: Question) -> None:
        self.action_bar.display = False
        self._prompt.ask(question)

    def _end_prompt(self) -> None:
        self.action_bar.display = True
        self.woke()

    def refresh_now(self) -> None:
        """Ask the server again for everything on screen."""
        self.heard(Change(None, "open", {}))

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for is shown."""
        seen = self.table is None or self.table.idle
        return self.is_mounted and seen and all(each.idle for each in self.kept)

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield Rule(id="top-rule")
        yield from self.body()
        yield Rule(id="bottom-rule")
        yield self.action_bar
        yield self._prompt
        yield self._tiny

    @property
    def context(self) -> Context:
        return Context(self.app, self)

    def refresh_lines(self) -> None:
        """Show the lines above and below as they are now."""
        if self.is_mounted:
            self.title_bar.show(*self.title_lines())
            self.action_bar.show(self.app.footer(self))

    def refresh_footer(self) -> None:
        """What can be done may depend on the row under the cursor."""
        self.action_bar.show(self.app.footer(self))

    def connection_changed(self) -> None:
        """The server went away or came back."""
        self.title_bar.redraw()

    def on_mount(self) -> None:
        self.refresh_lines()

    def on_news(self, message: News) -> None:
        self.heard(message.change)

    def on_unmount(self) -> None:
        for each in self.kept:
            each.close()
        forget_closed_screens()

    def on_screen_suspend(self) -> None:
        self.slept()

    def on_screen_resume(self) -> None:
        self.woke()
        if self.stale:
            self.stale = False
            self.heard(Change(None, "open", {}))
        self.connection_changed()
        self.refresh_lines()

    def on_resize(self) -> None:
        width, height = self.size
        self.set_class(height < 20, "-low")
        self.set_class(width < SMALLEST[0] or height < SMALLEST[1], "-tiny")
        note = f"{width}x{height} is too small: torc needs {SMALLEST[0]}x{SMALLEST[1]}"
        self._tiny.show([(note, "warning")])

    @property
    def typing(self) -> Input | None:
        """The field that takes what is typed, while something is."""
        return self._prompt.input if self._prompt.asking else None

    def press_while_typing(self, key: str) -> bool:
        """Keys that end the typing; False for those that move in the field."""
        prompt = self._prompt
        if key == "escape":
            prompt.leave()
        elif key in ("up", "down"):
            prompt.input.call_later(prompt.recall, 1 if key == "up" else -1)  # after what was typed before it
        else:
            return False
        return True
