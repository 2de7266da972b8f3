"""What a tab of the plot screen draws: it asks for what it needs, keeps it fresh, and makes lines of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from torc_tui.context import Thing
from torc_tui.rendering.cells import Line, wrapped
from torc_tui.rendering.glyphs import Characters
from torc_tui.store import Store, Watch

if TYPE_CHECKING:
    from torc_tui.screens.plot import PlotScreen


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where it is drawn, in columns and lines."""

    width: int
    height: int
    characters: Characters


class Drawing(NamedTuple):
    """What is said above it, left and right, and the lines themselves."""

    facts: Line
    reading: Line
    lines: Sequence[Line]


def said(texts: Sequence[str], canvas: Canvas) -> Drawing:
    """Some lines of text in place of a drawing, the first one the most important."""
    lines: list[Line] = [[]]
    for number, text in enumerate(texts):
        lines += [[("  ", ""), (part, "dim" if number else "text")] for part in wrapped(text, canvas.width - 2)]
    return Drawing([], [], lines)


Finder = Callable[[], int | None]
"""The id of what is drawn; None while it is not known."""


class Graph:
    """Base of them. A graph may be drawn in several views, each of which is a tab."""

    views: tuple[str, ...] = ()
    has_rows = False
    """Whether there are rows to move in."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.view = self.views[0]
        self.screen: PlotScreen | None = None
        """Where it is shown."""
        self.cursor: int | None = None
        """The point that is read; None: the newest, whichever that is."""
        self.watches: list[Watch[Any]] = []

    def ask(self) -> None:
        """Begin to ask for what it needs, as far as it is known what that is."""

    def close(self) -> None:
        """Ask no more; what is known stays, and `ask` begins again."""
        for watch in self.watches:
            watch.close()
        self.watches = []

    def told(self, watch: Watch[Any]) -> None:
        """Something arrived, in the middle of anything."""
        if self.screen:
            self.screen.call_later(self.screen.show, self, watch)

    def arrived(self) -> None:
        """Something arrived, and can be looked at."""

    @property
    def is_live(self) -> bool:
        """Whether it goes on changing without news of it."""
        return False

    def ticked(self) -> None:
        """Some seconds went by."""
        if self.is_live:
            for watch in self.watches:
                watch.touch()

    def draw(self, canvas: Canvas) -> Drawing | None:
        """What is known, as it is now; None when that is nothing yet."""
        raise NotImplementedError

    def things(self, kind: str) -> list[Thing]:  # noqa: ARG002
        """The job or workflow that is meant."""
        return []

    def place(self, characters: Characters) -> Line:  # noqa: ARG002
        """What it is about, for the first line of the screen."""
        return []

    def which(self) -> Line:
        """Which part of that is drawn."""
        return []

    def address(self) -> str:
        """What `:` takes to come here again."""
        return ""

    def leave_state(self) -> bool:
        """Read the newest again; False when that is so already."""
        if self.cursor is None:
            return False
        self.cursor = None
        return True

    def move_cursor(self, columns: int) -> None:
        """Read the point so many columns beside; right of the last one it is the newest again."""

    def read(self, point: int | None) -> None:
        """Read a point; None: the newest, whichever that is."""
        self.cursor = point

    def why_no_neighbour(self, by: int) -> str | None:
        """Why there is nothing of its kind before (-1) or after (1) it, or None when there is."""
        return "there is no earlier one" if by < 0 else "there is no later one"

    def step(self, by: int) -> None:
        """Draw the one before or after."""

    def move_row(self, rows: int, pages: int = 0) -> None:
        """Move in its rows."""

    def open_row(self) -> None:
        """Open what is under the cursor of the rows."""

    def zoom(self, factor: float) -> None:
        """Show so many times as much of the time."""
