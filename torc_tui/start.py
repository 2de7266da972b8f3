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
    from torc_tui.app import ConsoleApp

    chosen = settings.load()
    palette = f"torc-{chosen.theme}"
    if low_bandwidth:
        palette = "torc-ansi"
    app = ConsoleApp(
        NamedServer(url, password) if url else OwnServer(),
        palette=palette,
        keymap=chosen.keys,
        read_only=read_only,
        view=view,
    )
    if once:
        return asyncio.run(_print_once(app))
    app.run(mouse=chosen.mouse)
    return app.return_code or 0


async def _print_once(app: ConsoleApp) -> int:
    """Print what the first screen shows once everything has arrived."""
    size = shutil.get_terminal_size((140, 40))
    async with app.run_test(size=(size.columns, size.lines)):
        try:
            await asyncio.wait_for(app.settled(), ONCE_LIMIT_S)
        except TimeoutError:
            sys.stderr.write(f"torc: the server does not answer: {app.store.connection.reason}\n")
            return 1
        sys.stdout.write(app.screen_text() + "\n")
    return 0
