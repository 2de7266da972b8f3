"""Textual's driver for terminals; what it writes is reduced to what changes the picture (`rendering/picture.py`)."""

from __future__ import annotations

import curses
import signal
from types import FrameType

from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from torc_tui.rendering.picture import Picture

SMALL = 300
"""Bytes that a terminal draws at once anyway: no need to say where they begin and end."""


def erases_in_ground() -> bool:
    """Whether the terminal says that it erases in the colour of the ground."""
    try:
        curses.setupterm()
        return curses.tigetflag("bce") == 1
    except curses.error:
        return False


class ThriftyDriver(LinuxDriver):
    """See the module."""

    _picture: Picture | None = None
    _begun = False
    """The beginning of an update waits for something to update."""
    _resized = False
    """Told by a signal or another thread, which may come in the middle of an update: the next one heeds it."""

    @property
    def picture(self) -> Picture:
        """What the terminal shows."""
        if self._picture is None:
            self._picture = Picture(erases=erases_in_ground())
        return self._picture

    def start_application_mode(self) -> None:
        """The terminal is the console's (again): nobody knows what it shows."""
        self.picture.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        of_textual = signal.getsignal(signal.SIGWINCH)

        def resized(number: int, frame: FrameType | None) -> None:
            self._resized = True
            if callable(of_textual):
                of_textual(number, frame)

        signal.signal(signal.SIGWINCH, resized)

    def process_message(self, message: Message) -> None:
        """Terminals that tell their size in the input stream are heard here."""
        if isinstance(message, events.Resize):
            self._resized = True
        super().process_message(message)

    def write(self, data: str) -> None:
        """Write what changes the picture; an update that changes nothing is not even begun."""
        if data == SYNC_START:
            self._begun = True
            return
        if data == SYNC_END and self._begun:
            self._begun = False
            return
        if self._resized:
            self._resized = False
            self.picture.forget()
        data = self.picture.reduced(data)
        if len(data) > SMALL and self._begun:
            self._begun, data = False, SYNC_START + data
        if data:
            super().write(data)
