"""The question before something is changed. Doing nothing has the focus: enter, enter does nothing.

Where something has to be typed, doing it has the focus as soon as that is typed, and enter goes on.
"""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input

from torc_tui.plans import Plan
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.widgets.box import Box, Dialog, room, text_lines, widest
from torc_tui.widgets.field import Field
from torc_tui.widgets.text_line import TextLine

WIDEST = 72
NAMES_SHOWN = 6


class ConfirmDialog(Dialog[bool]):
    """See the module."""

    DEFAULT_CSS = "ConfirmDialog Field { background: $panel; }"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.chosen = False
        """Whether the button that does it has the focus."""
        self.buttons = TextLine(id="buttons")
        self._problem = TextLine()

    def compose(self) -> ComposeResult:
        plan = self.plan
        width = min(WIDEST, self.app.size.width - 10)
        lines: list[Line] = [[(part, "text")] for line in plan.lines for part in wrapped(line, width)]
        shown = self._names_shown(len(lines))
        if plan.details and shown:
            lines.append([])
            lines += [[(f"  {name}", "strong")] for name in plan.details[:shown]]
            more = (plan.details_total or len(plan.details)) - shown
            if more > 0:
                lines.append([(f"  and {more:,} more", "dim")])
        if plan.type_this is not None:
            lines += [[], [("Type ", "dim"), (plan.type_this, "strong"), (" to go on:", "dim")]]
        with Box(classes="-danger" if plan.danger else "") as box:
            box.border_title = self.app.characters.text(plan.title)
            box.set_class(self.app.characters.ascii, "-ascii")
            box.styles.width = max(widest(lines) + 5, len(plan.title) + 8, len(plan.keep) + len(plan.verb) + 20)
            yield from text_lines(lines)
            if plan.type_this is not None:
                yield Field()
            yield self._problem
            yield self.buttons

    def _names_shown(self, lines: int) -> int:
        """As many names as leave the buttons in sight."""
        typed = 3 if self.plan.type_this is not None else 0
        around_names, buttons = 2, 2
        left = room(self.app.size).height - lines - typed - around_names - buttons
        return min(max(left, 0), NAMES_SHOWN)

    def on_mount(self) -> None:
        self._draw()

    @property
    def ready(self) -> bool:
        """Whether what has to be typed is typed."""
        if self.plan.type_this is None:
            return True
        return self.query_one(Input).value.strip() == self.plan.type_this

    def _draw(self) -> None:
        keep, verb = f" {self.plan.keep} ", f" {self.plan.verb} "
        if self.chosen:
            left: Line = [(f" {keep} ", "dim"), ("   ", ""), (f"[{verb}]", "error")]
        else:
            role = "text" if self.ready else "faint"
            left = [(f"[{keep}]", "key"), ("   ", ""), (f" {verb} ", role)]
        self.buttons.show([("", "")], left)

    def on_input_changed(self) -> None:
        self.chosen = self.ready
        self._problem.show([])
        self._draw()

    def on_key(self, event: events.Key) -> None:
        typing = self.plan.type_this is not None
        if event.key == "escape" or (event.key in ("n", "q") and not typing):
            self.dismiss(False)
        elif event.key in ("tab", "shift+tab", "down", "up") or (event.key in ("left", "right") and not typing):
            self.chosen = not self.chosen and self.ready
            self._draw()
        elif event.key == "enter":
            self.dismiss(self.chosen and self.ready)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        typed = message.value.strip()
        if typed and not self.ready:
            self._problem.show([("✖ ", "error"), (f"{typed!r} is not {self.plan.type_this}; esc leaves", "error")])
        else:
            self.dismiss(self.chosen and self.ready)
