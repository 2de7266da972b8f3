"""A console that has never seen its server: it says so, goes on, and is there when the server is."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import SAID_S, Driver, Workshop, console, driven
from torc_core.client import endpoints
from torc_core.client.errors import ServerUnreachableError
from torc_core.client.request import Request
from torc_tui.app import ConsoleApp
from torc_tui.connect import NamedServer
from torc_tui.rendering.glyphs import Characters
from torc_tui.store import State

NOBODY = "http://127.0.0.1:9"


@asynccontextmanager
async def offline(url: str, view: str = "") -> AsyncIterator[Driver]:
    """A console that has found no server."""
    app = ConsoleApp(NamedServer(url, None), view=view, characters=Characters())
    async with app.run_test(size=(140, 40)) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.store.connection.state is State.OFFLINE)
        yield driver


async def leaves(driver: Driver) -> None:
    """`q` is heeded."""
    await driver.pilot.press("q")
    await driver.until(lambda: not driver.app.is_running)


@pytest.mark.parametrize("address", ["wf train", "jobs train status=failed"])
@driven
async def test_what_only_the_server_knows_is_refused_and_keys_go_on(address: str) -> None:
    async with offline(NOBODY) as driver:
        await driver.pilot.press("colon")
        await driver.type(address)
        await driver.pilot.press("enter")
        await driver.until(lambda: f"no server at {NOBODY}" in driver.said)
        await leaves(driver)


@driven
async def test_a_view_that_is_asked_for_at_the_start_holds_no_key_up() -> None:
    async with offline(NOBODY, view="wf train") as driver:
        await driver.until(lambda: f"no server at {NOBODY}" in driver.said)
        await leaves(driver)


@driven
async def test_a_file_is_checked_and_nothing_is_created() -> None:
    Path("alone.yaml").write_text("name: alone\njobs: [{name: a, command: 'true'}]\n")
    async with offline(NOBODY) as driver:
        driver.app.obey("new alone.yaml", driver.screen)
        await driver.sees("✔ alone")
        await driver.pilot.press("ctrl+r")
        await driver.until(lambda: f"no server at {NOBODY}" in driver.said)
        await driver.pilot.press("escape")
        await driver.until(lambda: driver.screen.address == "workflows")
        await leaves(driver)


@driven
async def test_a_server_that_comes_later_is_found_and_until_then_it_is_said_what_can_be_done(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        server.stop()
        async with offline(server.url) as driver:
            await driver.sees("and TORC_API_URL to use your own")
            assert "✖ no server at http://127.0.0.1:" in driver.text
            assert "'b' shows the local runs" in driver.text
            await asyncio.to_thread(server.start)
            with server.client() as http:
                await asyncio.to_thread(Workshop(http).workflow, "made first", {})
            await driver.sees("made first")
            await driver.sees("● LIVE")
            assert "no server at" not in driver.text
            await asyncio.to_thread(server.stop)
            await driver.until(lambda: driver.app.store.connection.state is not State.LIVE)
            driver.screen.refresh_now()
            await driver.until(lambda: driver.table.error)
            await driver.sees("all  1 · 0 active")
            assert "made first" in driver.text


@driven
async def test_what_a_hung_server_keeps_waiting_is_given_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with server.client() as http:
            workflow_id, _ = Workshop(http).workflow("hangs", {"name": "a"})
        async with console(server.url) as driver:
            await driver.go(f"jobs {workflow_id}")
            os.kill(server.pid, signal.SIGSTOP)
            try:
                await driver.pilot.press("w")
                await driver.until(lambda: "waiting for the server; esc gives it up" in driver.said)
                await driver.pilot.press("escape")
                await driver.until(lambda: "given up" in driver.said)
                await driver.pilot.press("escape")
                await driver.until(lambda: driver.screen.address == "workflows")
                await leaves(driver)
            finally:
                os.kill(server.pid, signal.SIGCONT)


@driven
async def test_that_keys_wait_is_said_no_longer_than_they_do(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with server.client() as http:
            workflow_id, _ = Workshop(http).workflow("hangs", {"name": "a"})
        async with console(server.url) as driver:
            os.kill(server.pid, signal.SIGSTOP)
            try:
                driver.app.obey(f"jobs {workflow_id}", driver.screen)
                await driver.until(lambda: "waiting for the server; esc gives it up" in driver.said)
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await driver.until(lambda: not driver.said, limit_s=SAID_S - 1)
            assert driver.screen.address == f"jobs {workflow_id}"


@driven
async def test_a_question_that_nobody_waits_for_any_more_fails_without_a_word(tui_server: ServerProcess) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: told.append(said["message"]))
    async with console(tui_server.url) as driver:
        gate = asyncio.Event()

        async def gone(_: Request[Any]) -> Any:
            await gate.wait()
            raise ServerUnreachableError("gone")

        store = driver.app.store
        store._send = gone  # type: ignore[assignment, method-assign]
        asked = asyncio.ensure_future(store.ask(endpoints.server_info()))
        await driver.until(lambda: store._asked)
        asked.cancel()
        await asyncio.wait([asked])
        del asked
        gate.set()
        await driver.until(lambda: not store._asked)
        gc.collect()
        assert told == []
