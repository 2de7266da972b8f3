"""The first line: where the console is, whether what it shows is true now, and the state of the thing on screen."""

from __future__ import annotations

from datetime import datetime

from torc_tui.rendering.cells import Line, between, fitted, width_of
from torc_tui.store import Connection, State
from torc_tui.widgets.line_widget import LineWidget

_LOOK = {
    State.LIVE: ("●", "completed"),
    State.CONNECTING: ("◌", "dim"),
    State.RECONNECTING: ("◌", "warning"),
    State.OFFLINE: ("✖", "error"),
}

REASON = 62
"""Columns at most for why it is OFFLINE."""


def connection_line(connection: Connection) -> Line:
    """`local  ● LIVE`; while it is away also since when what is shown has not been confirmed."""
    glyph, role = _LOOK[connection.state]
    line: Line = [(f"{connection.label}  ", "text"), (f"{glyph} {connection.state.value}", role)]
    if connection.fresh and connection.state in (State.RECONNECTING, State.OFFLINE):
        line.append((f"  as of {datetime.fromtimestamp(connection.fresh):%H:%M:%S}", "warning"))
    return line


class TitleBar(LineWidget):
    """See the module. `show` is called with what the screen wants to say."""

    def __init__(self) -> None:
        super().__init__()
        self._place: Line = []
        self._facts: Line = []

    def show(self, place: Line, facts: Line) -> None:
        """Where the screen is (left), and facts about its thing (right)."""
        if (place, facts) != (self._place, self._facts):
            self._place, self._facts = place, facts
            self.redraw()

    def line(self, width: int) -> Line:
        connection = connection_line(self.app.store.connection)
        left: Line = [(" torc  ", "key"), *connection, ("      ", ""), *self._place]
        if width < 100:
            left = [(" ", ""), *connection, ("  ", ""), *self._place]
        reason = self.app.store.connection.reason
        if self.app.store.connection.state is State.OFFLINE and reason:
            left += fitted([(f"   {reason}", "warning")], min(REASON, len(reason) + 3))
        facts = self._facts
        while facts and width_of(left) + width_of(facts) + 3 > width:
            facts = _without_first(facts)
        return between(left, [*facts, (" ", "")], width)


def _without_first(facts: Line) -> Line:
    """What is left of facts, those between blanks, where there is no room for all; the last ones tell most."""
    gap = next((place for place, (text, _) in enumerate(facts) if not text.strip()), len(facts))
    return facts[gap + 1 :]
