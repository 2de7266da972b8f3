"""What needs attention and the runners at work, under the list of workflows where there is room for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_core.client import console, failures
from torc_core.client.stream import Change
from torc_core.models.console import LiveNodes
from torc_core.models.failures import Failures
from torc_tui.rendering.columns import Look
from torc_tui.rendering.pulse_view import pulse_lines
from torc_tui.statuses import FAILED
from torc_tui.store import Store, Watch
from torc_tui.widgets.lines_view import LinesView
from torc_tui.widgets.rule import Rule

if TYPE_CHECKING:
    from torc_tui.console import Console

MOVES = ("jobs", "job", "workflow", "resource_requirements")
"""Changes after which a failure may be gone, or a workflow go on."""

ROOM = (120, 30)
"""Columns and lines of a screen from which on it is shown."""


class Pulse(Vertical):
    """See the module. It asks for nothing while it is not shown."""

    DEFAULT_CSS = "Pulse { height: auto; display: none; } Pulse > LinesView { height: 6; }"

    app: Console

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.view = LinesView(id="pulse")
        self._failed: Watch[Failures] | None = None
        self._alive: Watch[LiveNodes] | None = None
        self._stale: set[Watch[Any]] = set()
        """What may have got better since it was asked for."""

    def compose(self) -> ComposeResult:
        yield Rule("┄")
        yield self.view

    @property
    def watches(self) -> list[Watch[Any]]:
        """What it asks for, to be kept fresh by its screen."""
        return [watch for watch in (self._failed, self._alive) if watch]

    def on_mount(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Show it when there is room."""
        width, height = self.app.size
        self.display = width >= ROOM[0] and height >= ROOM[1]
        self.view.styles.height = max(5, min(10, height // 5))
        if self.display and not self.watches:
            self._failed = Watch(self._store, failures.failure_groups(), self._concerns_failures, self._told)
            self._alive = Watch(self._store, console.live_nodes(10), self._concerns_nodes, self._told)
        elif not self.display:
            self._close()

    def _close(self) -> None:
        for watch in self.watches:
            watch.close()
        self._failed = self._alive = None
        self._stale.clear()

    def _concerns_failures(self, change: Change) -> bool:
        """New failures at once; whether old ones are gone is looked at with the next tick."""
        if change.event == "jobs" and change.data.get("status") in FAILED:
            return True
        if change.event in MOVES and self._failed and self._failed.value and self._failed.value.jobs:
            self._stale.add(self._failed)
        return False

    def _concerns_nodes(self, change: Change) -> bool:
        """Runners that come and go at once, as then workflows get stuck; the end of that with the next tick."""
        if change.event in MOVES and self._alive and self._alive.value and self._alive.value.stuck:
            self._stale.add(self._alive)
        return change.event == "node"

    def ticked(self) -> None:
        """Some seconds went by."""
        stale, self._stale = self._stale, set()
        for watch in stale:
            watch.touch()
        if self._alive and self._alive.value and self._alive.value.total:
            self._alive.touch()

    def _told(self, _: Watch[Any]) -> None:
        self.call_later(self.draw)

    def on_lines_view_resized(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Draw what is known."""
        if self._failed and self._alive:
            size = self.view.size
            look = Look(self.app.characters, datetime.now())
            self.view.show(pulse_lines(self._failed.value, self._alive.value, size.width, size.height, look))
