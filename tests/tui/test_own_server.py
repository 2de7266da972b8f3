"""The server screen: the user's own server is started and stopped there, one that was named is not."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from torc_core import local_server
from torc_core.client.http import Address
from torc_core.client.request import API_PATH
from torc_tui.app import ConsoleApp
from torc_tui.connect import OwnServer
from torc_tui.rendering.glyphs import Characters
from torc_tui.store import Connector, State

SERVER_S = 40.0
"""How long a server may take to start beside everything else."""


@pytest.fixture
def own_server() -> Iterator[None]:
    """The user's own server, gone at the end."""
    yield
    local_server.stop()


@pytest.mark.usefixtures("own_server")
def test_the_own_server_is_shown_stopped_started_and_restarted() -> None:
    async def run() -> None:
        app = ConsoleApp(OwnServer(), characters=Characters())
        async with app.run_test(size=(140, 40)) as pilot:
            d = Driver(app, pilot)
            await d.until(lambda: app.idle, SERVER_S)
            await d.go("server")
            await d.sees("● running   pid ")
            await d.sees("torc.db  ")
            await d.sees("listening on")
            assert re.fullmatch(r" *\d\d:\d\d:\d\d  listening on .*", d.line("listening on"))
            record = local_server.read_record()
            assert record is not None
            assert record.url in d.text
            assert "none at work" in d.text
            url, who = f"{record.url}{API_PATH}", ("tester", record.token)
            with httpx.Client(base_url=url, auth=who, timeout=20) as http:
                shop = Workshop(http)
                runner = shop.runner(shop.workflow("at work", {"name": "a"})[0])
                await d.sees("1 at work")
                for key, verb in (("x", "Stop"), ("R", "Restart")):
                    await d.press(key)
                    await d.sees(f"{verb} the server?")
                    await d.sees("1 runner is at work: their jobs go on")
                    await d.press("enter")
                    assert "nothing was done" in d.said
                assert local_server.read_record() == record
                runner.leave()
                await d.sees("none at work")
            await d.pilot.press("x")
            await d.sees("stopped   s starts it")
            assert local_server.find() is None
            await d.until(lambda: "the server was stopped" in app.store.connection.reason)
            assert local_server.find() is None
            await d.pilot.press("s")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await d.sees("● running   pid ")
            assert "it runs already" in (d.screen.context.why_not(app.registry.actions["server.start"]) or "")
            first = local_server.read_record()
            await d.pilot.press("R")
            await d.until(lambda: local_server.read_record() != first and local_server.find() is not None, SERVER_S)
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            second = local_server.read_record()
            assert first is not None
            assert second is not None
            assert (second.url, second.pid != first.pid) == (first.url, True)
            await d.sees(f"pid {second.pid}")

    asyncio.run(run())


@pytest.mark.usefixtures("own_server")
def test_a_server_that_was_stopped_stays_so_in_every_console_and_one_that_died_is_started_again() -> None:
    async def run() -> None:
        app = ConsoleApp(OwnServer(), characters=Characters())
        async with app.run_test(size=(140, 40)) as pilot:
            d = Driver(app, pilot)
            await d.until(lambda: app.idle, SERVER_S)
            dead = local_server.read_record()
            assert dead is not None
            os.kill(dead.pid, signal.SIGKILL)
            await d.until(lambda: local_server.find() is not None, SERVER_S)
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await torc("server", "stop")
            await d.sees("OFFLINE")
            await d.sees("the server was stopped; 's' on ':server' starts it")
            reason = app.store.connection.reason
            tries = app.store._connector = Tries(app.store._connector)
            await d.until(lambda: tries.count >= 2)
            assert local_server.find() is None
            assert app.store.connection.reason == reason
            await torc("workflows", "list")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await torc("server", "stop")
            await d.sees("the server was stopped")
            app.obey("server", d.screen)
            await d.sees("stopped   s starts it")
            await d.pilot.press("s")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await d.sees("● running   pid ")

    asyncio.run(run())


class Tries:
    """Counts how often the server is looked for."""

    def __init__(self, connector: Connector) -> None:
        self.label, self.way_out = connector.label, connector.way_out
        self.count = 0
        self._connector = connector

    def address(self) -> Address:
        """Where it is."""
        self.count += 1
        return self._connector.address()


async def torc(*arguments: str) -> None:
    """Run a command of torc in a shell."""
    command = [sys.executable, "-m", "torc_core.cli.main", *arguments]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


def test_a_server_that_was_named_is_not_stopped_from_here(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("server")
        await d.sees("given by --url")
        for key in ("s", "x", "R"):
            await d.press(key)
            assert "it was given by --url" in d.said

    drive(tui_server.url, script)
