"""A terminal that is gone ends the console: Textual would read its end again and again, with a whole core."""

from __future__ import annotations

import asyncio
import select
import sys
import threading
from collections.abc import Callable

HUNG_UP = 128 + 1
"""Exit code, as after SIGHUP."""


def watch(hung_up: Callable[[], None]) -> None:
    """Call `hung_up` in the running event loop once the terminal that keys come from has gone."""
    loop = asyncio.get_running_loop()
    poll = select.poll()
    poll.register(sys.__stdin__ or 0, 0)  # no events asked for: hang-ups and errors are always told

    def wait() -> None:
        poll.poll()
        if not loop.is_closed():
            loop.call_soon_threadsafe(hung_up)

    threading.Thread(target=wait, name="hang-up", daemon=True).start()
