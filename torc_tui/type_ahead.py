"""What was typed, in its order, and what it waits for: a key never overtakes the one before it.

A key may open a dialog or lead to another screen, and what is typed after it is for what is there then. So keys wait
while an action holds them, while it is undecided where a key leads, and for a screen that has not got its widgets yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.screen import Screen
from textual.worker import Worker

from torc_tui.widgets.box import Dialog

GIVE_UP_AFTER_S = 1.0
"""An action that keeps keys waiting for so long can be given up."""

Typed = events.Key | events.Paste


class TypeAhead:
    """See the module. Used by the event loop only."""

    def __init__(self, app: App[None], take: Callable[[Typed, Screen[Any]], Awaitable[None]]) -> None:
        """`take` deals with one of them, on the screen that it is for."""
        self._app = app
        self._take = take
        self._waiting: deque[Typed] = deque()
        self._holds = 0
        """Actions that are about to open a dialog or to go elsewhere."""
        self._holder: tuple[Worker[None], float] | None = None
        """The action that was begun last, and when: the one that keys may wait for."""
        self._deciding: Screen[Any] | None = None
        """Where a key was pressed that may lead elsewhere."""

    @property
    def is_empty(self) -> bool:
        """Whether all that was typed has been dealt with."""
        return not self._waiting

    async def add(self, event: Typed) -> None:
        """This was typed now; deal with it, and with what waits before it, as far as that is possible."""
        self._waiting.append(event)
        await self._go_on()

    async def _go_on(self) -> None:
        while self._waiting:
            screen = self._app.screen
            if self._holds or screen is self._deciding or (isinstance(screen, Dialog) and not screen.ready_for_keys):
                return
            if not screen.is_mounted:  # its widgets are on their way
                screen.call_later(self.go_on)
                return
            await self._take(self._waiting.popleft(), screen)

    def go_on(self) -> None:
        """Where the user is may be known now: deal with what was typed meanwhile."""
        self._app.call_later(self._go_on)

    def decide(self, screen: Screen[Any]) -> None:
        """A key may lead away from where it was pressed: what is typed after it waits until that is `decided`."""
        self._deciding = screen

    def decided(self) -> None:
        """What a key has led to is known."""
        self._deciding = None
        self.go_on()

    def hold(self) -> None:
        """What is typed is for what comes of an action, which says when that is there (`let_go`)."""
        self._holds += 1

    def let_go(self) -> None:
        """An action holds keys no longer. Those that wait are dealt with when the next one comes, or by `go_on`."""
        self._holds -= 1

    def begun(self, worker: Worker[None]) -> None:
        """It is this action that holds the keys from now on."""
        self._holder = worker, time.monotonic()

    def kept_by(self) -> Worker[None] | None:
        """The action that keys have been waiting for so long that it can be given up."""
        if not self._holds or self._holder is None:
            return None
        worker, since = self._holder
        return worker if not worker.is_finished and time.monotonic() - since >= GIVE_UP_AFTER_S else None

    def give_up(self) -> bool:
        """The user will not wait any longer for what an action asks; False when none keeps them waiting."""
        worker = self.kept_by()
        if worker is None:
            return False
        self._waiting.clear()
        worker.cancel()
        return True
