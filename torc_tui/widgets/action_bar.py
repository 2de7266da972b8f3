"""The last line: what can be done here, with its keys; for a while, or until it is read, what came of something."""

from __future__ import annotations

from textual.timer import Timer

from torc_tui.rendering.cells import Line, fitted, width_of
from torc_tui.widgets.line_widget import LineWidget

SAID_S = 4.0
"""How long a result stays; an error stays until the next key."""


class ActionBar(LineWidget):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._actions: list[tuple[str, str, bool]] = []
        self._said: Line = []
        self._error = self._awaited = False
        self._timer: Timer | None = None

    def show(self, actions: list[tuple[str, str, bool]]) -> None:
        """Key and title of what belongs here, and whether it can be done now: places stay the same, colours tell."""
        if actions != self._actions:
            self._actions = actions
            self.redraw()

    def say(self, text: str, *, error: bool = False, awaited: bool = False) -> None:
        """A line in place of the actions: what came of something, or what is `awaited`."""
        first = " ".join(text.split())
        glyph = ("✖ ", "error") if error else ("◔ ", "pending") if awaited else ("✔ ", "completed")
        self._said = [(" ", ""), glyph, (first, "error" if error else "text")]
        self._error, self._awaited = error, awaited
        if self._timer:
            self._timer.stop()
        self._timer = None if error else self.set_timer(SAID_S, self.silence)
        self.redraw()

    def silence(self) -> None:
        """Show the actions again."""
        if self._said:
            self._said = []
            self.redraw()

    @property
    def said(self) -> str:
        """What it says at this moment."""
        return "".join(text for text, _ in self._said).strip()

    def answered(self) -> None:
        """What was awaited has come."""
        if self._awaited:
            self.silence()

    def key_pressed(self) -> None:
        """An error has been read."""
        if self._error:
            self.silence()

    def line(self, width: int) -> Line:
        return fitted(self._said, width) if self._said else self._action_line(width)

    def _action_line(self, width: int) -> Line:
        line: Line = [(" ", "")]
        for keys, title, possible in self._actions:
            part: Line = [(keys, "key" if possible else "faint"), (f" {title}   ", "text" if possible else "faint")]
            if width_of(line) + width_of(part) - 3 > width:
                break
            line += part
        return line
