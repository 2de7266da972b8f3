"""Starting the console from the command line."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import TYPE_CHECKING

from torc_core.errors import InputError
from torc_tui import settings
from torc_tui.connect import NamedServer, OwnServer
from torc_tui.store import State

if TYPE_CHECKING:
    from torc_tui.app import ConsoleApp

SLOW_LINE_FPS = "15"
"""Repaints a second at most over a slow line; Textual reads it when it is imported."""

ONCE_LIMIT_S = 20.0
"""How long `--once` waits for the server."""


def start(*, url: str | None, password: str | None, view: str, read_only: bool, low_bandwidth: bool, once: bool) -> int:
    """Run the console until the user leaves; gives the exit code. InputError for settings that cannot be."""
    if not once and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError("torc tui needs a terminal; 'torc tui --once' prints what its first screen shows")
    if low_bandwidth or os.environ.get("SSH_TTY"):
        os.environ.setdefault("TEXTUAL_FPS", SLOW_LINE_FPS)
    if low_bandwidth:
        os.environ["TORC_TUI__THEME"] = "ansi"
    from torc_tui.app import ConsoleApp

    chosen = settings.load()
    app = ConsoleApp(
        NamedServer(url, password) if url else OwnServer(),
        palette=chosen.palette,
        keymap=chosen.keys,
        read_only=read_only,
        view=view,
    )
    if once:
        return asyncio.run(_print_once(app))
    app.run(mouse=chosen.mouse)
    return app.return_code or 0


async def _print_once(app: ConsoleApp) -> int:
    """Print what the first screen shows once everything has arrived; 1 when the server cannot be reached.

    Raises what keeps it from being shown: an address that leads nowhere, a filter that cannot be.
    """
    size = shutil.get_terminal_size((140, 40))
    async with app.run_test(size=(size.columns, size.lines)):
        try:
            await asyncio.wait_for(_settled_or_offline(app), ONCE_LIMIT_S)
            why = app.store.connection.reason
        except TimeoutError:
            why = app.store.connection.reason or f"nothing came within {ONCE_LIMIT_S:.0f} s"
        if not app.idle:
            sys.stderr.write(f"torc: the server does not answer: {why}\n")
            return 1
        table = app.top_screen.table if app.top_screen else None
        if wrong := app.astray or (table.error if table else None):
            raise wrong
        sys.stdout.write(app.screen_text() + "\n")
    return 0


async def _settled_or_offline(app: ConsoleApp) -> None:
    """Wait until all is shown, or until it is known that there is no server."""
    settled = asyncio.ensure_future(app.settled())
    try:
        while not settled.done() and app.store.connection.state is not State.OFFLINE:
            await asyncio.wait([settled], timeout=0.05)
    finally:
        settled.cancel()
