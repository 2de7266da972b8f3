"""The console's settings: which files say them, what they are, and what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from textual.widget import Widget

from torc_core.errors import InputError
from torc_tui import settings
from torc_tui.actions import Place
from torc_tui.rendering.cells import Line
from torc_tui.rendering.settings_view import settings_lines
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.settings import Found
from torc_tui.widgets.lines_view import LinesView


class SettingsScreen(ConsoleScreen):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.view = LinesView(id="inspector", focusable=True)
        self.found: Found | None = None
        self.mistake = ""

    @property
    def places(self) -> frozenset[Place]:
        return frozenset({Place.SETTINGS})

    @property
    def main(self) -> Widget:
        return self.view

    @property
    def address(self) -> str:
        return "settings"

    def copyable(self) -> dict[str, str]:
        return {"file": str(settings.user_file())}

    def body(self) -> Iterator[Widget]:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()
        self.run_worker(self.read())

    async def read(self, *, apply: bool = False) -> None:
        """Read them, and do as they say now where that is wanted; a mistake in them is shown, and changes nothing."""
        self.found = await asyncio.to_thread(settings.look)
        self.mistake = self.found.mistake
        said = self.found.settings
        if apply and said:
            try:
                self.app.configure(said.palette, said.keys)
            except InputError as error:
                self.mistake = str(error)
        self.draw()

    def draw(self) -> None:
        """Show what is known."""
        if self.found:
            app, width = self.app, self.view.size.width
            self.view.show(settings_lines(self.found, self.mistake, app.registry, app.palette.name, width))
            self.refresh_lines()

    def on_lines_view_resized(self) -> None:
        self.draw()

    def title_lines(self) -> tuple[Line, Line]:
        return [("Settings", "strong"), ("  of this console", "dim")], []

    @property
    def idle(self) -> bool:
        return super().idle and self.found is not None
