"""The console as a Textual application: it holds store, screens and registry, and passes keys to actions."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import App
from textual.binding import BindingType

from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_tui.actions import Action, Registry
from torc_tui.context import Context
from torc_tui.rendering.glyphs import Characters, terminal_characters
from torc_tui.rendering.palette import MONO, PALETTES, Palette, theme
from torc_tui.screens.console_screen import ConsoleScreen, News
from torc_tui.screens.workflows import WorkflowsScreen
from torc_tui.store import Connection, Connector, Store
from torc_tui.verbs import ACTIONS

FOOTER_ACTIONS = 8
"""So many actions at most are in the last line."""

RUNNING_EVERY_S = 5.0
"""How often durations of what runs are drawn anew."""


class ConsoleApp(App[None], inherit_bindings=False):
    """See the module."""

    CSS_PATH = "app.tcss"
    TITLE = "torc"
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        connector: Connector,
        *,
        palette: str = "torc-dark",
        keymap: Mapping[str, str] | None = None,
        read_only: bool = False,
        view: str = "",
        characters: Characters | None = None,
    ) -> None:
        self.palette: Palette = MONO if os.environ.get("NO_COLOR") else PALETTES[palette]
        super().__init__(ansi_color=True if self.palette.background == "default" else None)
        self.store = Store(connector)
        self.registry = Registry(ACTIONS, keymap)
        self.read_only = read_only
        self.characters = characters or terminal_characters()
        self.first_view = view
        self._store_task: asyncio.Task[None] | None = None
        for each in PALETTES.values():
            self.register_theme(theme(each))
        self.theme = self.palette.name

    async def on_mount(self) -> None:
        self.animation_level = "none"
        self.store.subscribe(self._hear)
        await self.push_screen(WorkflowsScreen(self.store))
        self.set_interval(RUNNING_EVERY_S, self._repaint_running)
        self.call_after_refresh(self._start_store)

    def _start_store(self) -> None:
        """After the first paint: nothing that the network does can delay it."""
        self._store_task = asyncio.ensure_future(self.store.run())

    async def on_unmount(self) -> None:
        if self._store_task:
            self._store_task.cancel()

    @property
    def top_screen(self) -> ConsoleScreen | None:
        """The screen that is seen, dialogs aside."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, ConsoleScreen)), None)

    def _hear(self, news: Change | Connection) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen):
                if isinstance(news, Connection):
                    screen.call_later(screen.connection_changed)
                else:
                    screen.post_message(News(news))

    def _repaint_running(self) -> None:
        screen = self.top_screen
        if screen and screen.table:
            screen.table.repaint_running()

    async def press(self, screen: ConsoleScreen, key: str) -> bool:
        """Do what a key means on a screen; False when it means nothing there."""
        screen.action_bar.key_pressed()
        action = self.registry.for_key(key, screen.places)
        if action is None:
            return False
        self.perform(action, screen)
        return True

    def perform(self, action: Action, screen: ConsoleScreen) -> None:
        """Do an action, or say why it cannot be done."""
        context = Context(self, screen)
        reason = context.why_not(action)
        if reason is not None:
            self.say(f"{action.title}: {reason}", error=True)
            return
        try:
            work = action.effect(context)
        except TorcError as error:
            self.say(str(error), error=True)
            return
        if inspect.isawaitable(work):
            self.run_worker(self._finish(work), group="actions", exit_on_error=False)

    async def _finish(self, work: Any) -> None:
        try:
            await work
        except TorcError as error:
            self.say(str(error), error=True)

    def say(self, text: str, *, error: bool = False) -> None:
        """A line at the bottom: what came of something."""
        screen = self.top_screen
        if screen:
            screen.action_bar.say(text, error=error)

    def footer(self, screen: ConsoleScreen) -> list[tuple[str, str]]:
        """Keys and titles of the actions that matter most on a screen."""
        context = Context(self, screen)
        chosen = [action for action in self.registry.in_places(screen.places) if action.footer is not None]
        chosen = [action for action in chosen if self.registry.keys[action.id] and not context.why_not(action)]
        chosen.sort(key=lambda action: action.footer or 0)
        keys = [(self.registry.shown_keys(action).split()[0], action.title) for action in chosen]
        return keys[:FOOTER_ACTIONS]

    def go_back(self) -> None:
        """Leave the screen for the one before; the first one stays."""
        if len([screen for screen in self.screen_stack if isinstance(screen, ConsoleScreen)]) > 1:
            self.pop_screen()
            if screen := self.top_screen:
                screen.woke()

    def show_help(self, screen: ConsoleScreen) -> None:
        """All keys."""
