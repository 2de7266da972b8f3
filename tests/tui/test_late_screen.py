"""A screen whose widgets are late, as on a machine that is busy: what is typed waits for them."""

from __future__ import annotations

import asyncio

from tests.server_process import ServerProcess
from tests.tui.driver import console, driven


@driven
async def test_keys_wait_for_a_screen_that_has_no_widgets_yet(tui_server: ServerProcess) -> None:
    async with console(tui_server.url) as driver:
        heeded = asyncio.Event()
        driver.screen._is_mounted = False
        driver.at_once("home", "question_mark")
        driver.app.call_later(heeded.set)
        await heeded.wait()
        assert not driver.dialog
        driver.screen._is_mounted = True
        await driver.sees("Keys of this screen")
