"""The console's terminal: it gets few bytes, is left clean however the console ends, and never waits for memory."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from torc_tui import hangup
from torc_tui.crash import farewell
from torc_tui.memory import COLLECT_EVERY_S, collect, spare_the_collector
from torc_tui.terminal_driver import ThriftyDriver


class TerminalApp(App[None], inherit_bindings=False):
    """See the module."""

    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def get_driver_class(self) -> type[Driver]:
        """The driver that writes the least, where the terminal's own one would be taken."""
        found = super().get_driver_class()
        return ThriftyDriver if found is LinuxDriver else found

    def _fatal_error(self) -> None:
        """Textual would fill the terminal with its insides, and the locals of every function with them."""
        error = sys.exc_info()[1]
        if error is None or "debug" in self.features:
            super()._fatal_error()
            return
        if not self._exit_renderables:
            self._exit_renderables.append(Text(farewell(error)))
        self._close_messages_no_wait()

    def draw_anew(self) -> None:
        """Draw everything, whatever the terminal shows: another program may have written over it."""
        if isinstance(self._driver, ThriftyDriver):
            self._driver.picture.forget()
        self.screen.refresh()

    def end_in_order(self) -> None:
        """End when told to, or when the terminal is gone."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        hangup.watch(lambda: self.exit(None, hangup.HUNG_UP))

    def send(self, sequence: str) -> None:
        """Send the terminal what is not drawn."""
        if self._driver:
            self._driver.write(sequence)

    def screen_text(self) -> str:
        """What is on the screen, as lines of text."""
        lines = self.screen._compositor.render_strips()
        return "\n".join(line.text.rstrip() for line in lines)

    def spare_the_collector(self) -> None:
        """Let it look at what is new every few seconds, rather than while something is drawn."""
        spare_the_collector()
        self.set_interval(COLLECT_EVERY_S, collect)
