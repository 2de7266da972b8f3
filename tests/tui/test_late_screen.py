"""A screen whose widgets are late or gone already, as on a machine that is busy."""

from __future__ import annotations

import asyncio

from tests.server_process import ServerProcess
from tests.tui.driver import console, driven
from torc_tui.screens.runs import RunsScreen


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


@driven
async def test_what_is_said_before_a_screen_has_its_widgets_is_shown_by_it(tui_server: ServerProcess) -> None:
    async with console(tui_server.url) as driver:
        driver.app.open(RunsScreen(driver.app.store))
        assert not driver.screen.is_mounted
        driver.app.say("it is done")
        await driver.settle()
        assert "✔ it is done" in driver.text


@driven
async def test_a_row_that_the_cursor_was_on_when_its_screen_was_left_does_no_harm(tui_server: ServerProcess) -> None:
    async with console(tui_server.url) as driver:
        left = RunsScreen(driver.app.store)
        await driver.app.open(left)
        await driver.settle()
        await driver.app.pop_screen()
        left.on_paged_table_moved()
        await driver.settle()
        assert driver.app.defects == []
