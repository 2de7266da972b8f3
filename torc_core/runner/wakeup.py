"""What wakes the main loop from outside: other threads, signals, and the death of the guard."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from types import FrameType

from torc_core.runner.guard import heeded_signals
from torc_core.wording import STOPPED

SAME_S = 0.25
"""A signal that comes twice so close together came two ways: from the terminal and passed on by the guard."""


class Wakeup:
    """A pipe in the selector, written to by `wake` and by the interpreter when a signal arrives."""

    def __init__(self, selector: selectors.BaseSelector, guard_pipe: int | None = None) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self._selector = selector
        selector.register(self._read, selectors.EVENT_READ)
        if guard_pipe is not None:
            os.set_inheritable(guard_pipe, False)
            selector.register(guard_pipe, selectors.EVENT_READ)
        self._last = float("-inf")
        self.interrupts = 0
        """0: work; 1: stop the jobs and leave; more: kill the jobs and leave."""
        self.reason = ""
        self.orphaned = False
        """The guard died."""

    def handle_signals(self) -> None:
        """From now on a first INT, TERM or HUP asks to stop, and a second one to kill."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in heeded_signals():
            signal.signal(number, self._on_signal)

    def wake(self) -> None:
        """Wake the loop; from any thread."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._write, b"\0")

    def drain(self, fd: int) -> None:
        """Take what made `fd` readable: wake-ups, or the end of the guard."""
        if fd == self._read:
            with contextlib.suppress(BlockingIOError):
                os.read(fd, 4096)
        elif not os.read(fd, 1):
            self._selector.unregister(fd)
            self.interrupts += 2
            self.orphaned = True

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last > SAME_S:
            self.interrupts += 1
            self.reason = f"{STOPPED}{signal.Signals(number).name}"
            self._last = now
