"""What the console is apart from its screens: it holds store and registry, passes keys to actions, and asks the user.

Widgets, screens and verbs know it as `Console`; `app.py` adds the screens and the actions there are.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from textual import events
from textual.screen import Screen
from textual.widget import AwaitMount
from textual.worker import Worker

from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_core.run_records import LocalRun
from torc_tui import launch
from torc_tui.actions import Action, Registry, key_name
from torc_tui.context import Context
from torc_tui.crash import reported
from torc_tui.entered import Entered
from torc_tui.plans import Plan, Started
from torc_tui.rendering.glyphs import Characters, terminal_characters
from torc_tui.rendering.palette import PALETTES, palette_called, theme
from torc_tui.screens.chooser import Choice, Chooser
from torc_tui.screens.confirm import ConfirmDialog
from torc_tui.screens.console_screen import ConsoleScreen, News
from torc_tui.screens.notice import Notice
from torc_tui.store import Connection, Connector, State, Store
from torc_tui.terminal_app import TerminalApp
from torc_tui.type_ahead import GIVE_UP_AFTER_S, TypeAhead
from torc_tui.widgets.action_bar import ActionBar
from torc_tui.widgets.box import Dialog

T = TypeVar("T")

CATCH_UP_S = 2.0
"""So long at most keys wait for the rows of the screen that the key before has opened."""

LEADS_S = 5.0
"""So long at most keys wait for the screen that an action leads to once it is done."""

FOOTER_ACTIONS = 8
"""So many actions at most are in the last line."""

RUNNING_EVERY_S = 5.0
"""How often durations of what runs are drawn anew."""


class Console(TerminalApp):
    """See the module."""

    CSS_PATH = "app.tcss"
    TITLE = "torc"

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
        self.palette = palette_called(palette)
        super().__init__(ansi_color=self.palette.ansi or None)
        self.connector = connector
        self.store = Store(connector)
        self.store.defect = self._failed
        self.registry = Registry(self.actions(), keymap)
        self.read_only = read_only
        self.characters = characters or terminal_characters()
        self.first_view = view
        self.entered = Entered()
        self.type_ahead = TypeAhead(self, self._take)
        self._awaiting: ActionBar | None = None
        """Where it was said last that keys wait."""
        self.defects: list[Exception] = []
        """What was raised that is no error of the user or the server."""
        self.astray: TorcError | None = None
        """Why the last address led nowhere."""
        self._store_task: asyncio.Task[None] | None = None
        for each in PALETTES.values():
            self.register_theme(theme(each))
        self.theme = self.palette.name

    def configure(self, palette: str, keymap: Mapping[str, str]) -> None:
        """Take other colours and other keys. InputError for keys of no action: all is then as it was."""
        self.registry = Registry(self.actions(), keymap)
        self.palette = palette_called(palette)
        self.ansi_color = self.palette.ansi or None
        self.theme = self.palette.name
        self.draw_anew()

    async def on_mount(self) -> None:
        self.animation_level = "none"
        if not self.is_headless:
            self.end_in_order()
        self.store.subscribe(self._hear)
        await self.push_screen(self.home())
        if self.registry.clashes:
            self.say(self.registry.clashes[0], error=True)
        if self.first_view:
            self.call_after_refresh(self._go_first)
        self.set_interval(RUNNING_EVERY_S, self._repaint_running)
        self.call_after_refresh(self._start_store)

    def _go_first(self) -> None:
        view, self.first_view = self.first_view, ""
        if screen := self.top_screen:
            self.obey(view, screen)

    def _start_store(self) -> None:
        """After the first paint: nothing that the network does can delay it."""
        self._store_task = asyncio.ensure_future(self.store.run())
        self.run_worker(self.entered.recall(), group="history", exit_on_error=False)
        if not self.is_headless:
            self.spare_the_collector()

    async def on_unmount(self) -> None:
        if self._store_task:
            self._store_task.cancel()

    @property
    def top_screen(self) -> ConsoleScreen | None:
        """The screen that is seen, dialogs aside."""
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, ConsoleScreen)), None)

    def _hear(self, news: Change | Connection) -> None:
        """Tell the screen on top; those below hear of it when they are on top again.

        A message to a screen below makes Textual draw the whole terminal.
        """
        top: object = self.screen
        for screen in self.screen_stack:
            if not isinstance(screen, ConsoleScreen):
                continue
            if screen is not top:
                screen.stale = True
            elif isinstance(news, Connection):
                screen.call_later(screen.connection_changed)
            else:
                screen.post_message(News(news))

    def _repaint_running(self) -> None:
        screen = self.screen
        if isinstance(screen, ConsoleScreen):
            screen.ticked()

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for has arrived and is shown."""
        screen = self.top_screen
        acting = any(worker.group == "actions" and not worker.is_finished for worker in self.workers)
        quiet = self.type_ahead.is_empty and not (self.first_view or acting)
        return self.store.connection.state is State.LIVE and screen is not None and screen.idle and quiet

    async def settled(self) -> None:
        """Wait until there is nothing left to do."""
        while True:
            if self.idle:
                await asyncio.sleep(0.02)
                if self.idle:
                    return
            await asyncio.sleep(0.01)

    async def on_event(self, event: events.Event) -> None:
        """Keys are dealt with here, before they are passed to widgets (`type_ahead`)."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key in ("escape", "ctrl+c") and self.type_ahead.give_up():
            self.say("given up: the server has not answered yet", error=True)
        else:
            await self.type_ahead.add(event)

    async def _take(self, event: events.Key | events.Paste, screen: Screen[Any]) -> None:
        """Give it to the field that takes what is typed, to the registry of actions, or to Textual."""
        key = event.key if isinstance(event, events.Key) else None
        dialog = isinstance(screen, Dialog)
        if isinstance(screen, Dialog) and key and screen.step(key):
            return
        field = screen.typing if isinstance(screen, Dialog | ConsoleScreen) else None
        if (key in ("enter", "tab") and field is not None) or (dialog and (key == "escape" or field is None)):
            self.type_ahead.decide(screen)
        typed = field is not None and (isinstance(event, events.Paste) or event.is_printable or key == "enter")
        if key and not typed and isinstance(screen, ConsoleScreen) and await self.press(screen, key):
            return
        if field is not None:
            field._forward_event(event)  # as App does for the focused widget; the focus may be still on its way
        else:
            await super().on_event(event)

    async def press(self, screen: ConsoleScreen, key: str) -> bool:
        """Do what a key means on a screen; False when it means nothing there."""
        if screen.typing is not None:
            return screen.press_while_typing(key)
        screen.action_bar.key_pressed()
        action = self.registry.for_key(key, screen.places)
        if action is None:
            if any(key in keys for keys in self.registry.keys.values()):
                self.say(f"{key_name(key)} means nothing here; ? shows the keys of this screen", error=True)
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
        except Exception as error:
            self._failed(error)
            return
        if inspect.isawaitable(work):
            self._begin(work)

    def _begin(self, work: Awaitable[object]) -> None:
        """Do what takes some time; until it is known where it leads keys wait for it."""
        self.type_ahead.hold()
        worker = self.run_worker(self._finish(work), group="actions", exit_on_error=False)
        self.type_ahead.begun(worker)
        self.set_timer(GIVE_UP_AFTER_S, lambda: self._say_that_keys_wait(worker))

    def _say_that_keys_wait(self, worker: Worker[None]) -> None:
        screen = self.top_screen
        if screen and worker is self.type_ahead.kept_by():
            self._awaiting = screen.action_bar
            self._awaiting.say("waiting for the server; esc gives it up", awaited=True)

    async def _finish(self, work: Awaitable[object]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(error)
        finally:
            if self._awaiting:
                self._awaiting.answered()
            self.type_ahead.let_go()
            self.type_ahead.go_on()

    def _failed(self, error: Exception) -> None:
        """An action could not be done; a defect of ours is reported, and the console goes on."""
        if isinstance(error, TorcError):
            self.say(str(error), error=True)
        else:
            self.defects.append(error)
            self.say(reported(error), error=True)

    async def caught_up(self) -> None:
        """Wait for what was gone to, though not for long: what was typed meanwhile is for what is there then."""
        deadline = time.monotonic() + CATCH_UP_S
        while time.monotonic() < deadline:
            screen = self.top_screen
            if screen is None or (
                screen.is_mounted and not (screen.table.awaited if screen.table else not screen.idle)
            ):
                return
            await asyncio.sleep(0.005)

    def say(self, text: str, *, error: bool = False) -> None:
        """A line at the bottom: what came of something."""
        screen = self.top_screen
        if screen:
            screen.action_bar.say(text, error=error)

    def footer(self, screen: ConsoleScreen) -> list[tuple[str, str, bool]]:
        """Key and title of the actions that matter most on a screen, and whether they can be done now."""
        context = Context(self, screen)
        chosen = [action for action in self.registry.in_places(screen.places) if action.footer is not None]
        chosen = [action for action in chosen if self.registry.keys[action.id]]
        chosen.sort(key=lambda action: action.footer or 0)
        return [
            (
                self.registry.shown_keys(action, screen.places, self.characters.ascii).split()[0],
                action.title,
                context.why_not(action) is None,
            )
            for action in chosen[:FOOTER_ACTIONS]
        ]

    def open(self, screen: ConsoleScreen) -> AwaitMount:
        """Go to a screen; escape comes back to the one that is left. It is there when what is given is awaited."""
        return self.push_screen(screen)

    def go_back(self) -> bool:
        """Leave the screen for the one before; the first one stays: False."""
        if len([screen for screen in self.screen_stack if isinstance(screen, ConsoleScreen)]) < 2:
            return False
        self.pop_screen()
        return True

    async def choose(
        self, title: str, choices: list[Choice], *, current: str | None = None, narrow_by: str = "type to narrow"
    ) -> str | None:
        """Let the user choose; None when they do not. To be awaited by an action."""
        return await self.fill(Chooser(title, choices, current=current, narrow_by=narrow_by))

    async def fill(self, dialog: Dialog[T]) -> T | None:
        """Show a dialog and give what the user makes of it; None when they leave it. To be awaited by an action."""
        self.type_ahead.let_go()  # until it is answered, when it holds them again, keys are for it
        return await self.push_screen_wait(dialog)

    async def tell(self, title: str, lines: list[str]) -> None:
        """Show some lines until they are read."""
        await self.fill(Notice(title, lines))

    async def carry_out(self, plan: Plan) -> bool:
        """Ask where the plan says so, do it, and say what came of it; False when the user would rather not."""
        if plan.confirm and not await self.fill(ConfirmDialog(plan)):
            self.say("nothing was done")
            return False
        applying = asyncio.ensure_future(plan.apply())
        if plan.leads:
            await asyncio.wait([applying], timeout=LEADS_S)
        self.type_ahead.let_go()  # it is decided: keys are for the screen again
        self.type_ahead.go_on()
        try:
            done = await applying
        finally:
            self.type_ahead.hold()
        if isinstance(done, Started):
            self.say(done.said)
            self.run_worker(self._look_back(done.run), group="afterwards", exit_on_error=False)
        else:
            self.say(done)
        return True

    async def _look_back(self, run: LocalRun) -> None:
        """Say what kept a run that was just started from going on."""
        try:
            wrong = await launch.ended_at_once(run)
        except Exception as error:
            self._failed(error)
        else:
            if wrong:
                self.say(wrong, error=True)

    def obey(self, text: str, screen: ConsoleScreen) -> None:
        """Do what was typed after `:`: an action by its name, or go to an address."""
        name = ".".join(text.split())
        action = self.registry.actions.get(name)
        if action is None:
            action = next((each for each in self.registry.possible(screen.places) if each.title == text.strip()), None)
        if action is not None:
            if action not in self.registry.possible(screen.places):
                self.say(f"{text.strip()} is not possible on this screen", error=True)
            else:
                self.perform(action, screen)
        elif text.strip():
            self._begin(self._arrive(text))

    async def _arrive(self, address: str) -> None:
        self.astray = None
        try:
            await self.go(address)
        except TorcError as error:
            self.astray = error
            raise
        await self.caught_up()

    def actions(self) -> Iterable[Action]:
        """Everything that the user can do."""
        raise NotImplementedError

    def home(self) -> ConsoleScreen:
        """The screen to begin with."""
        raise NotImplementedError

    async def go(self, address: str) -> None:
        """Go where an address (`address.py`) says. InputError when there is no such place or thing."""
        raise NotImplementedError
