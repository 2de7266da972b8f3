"""A defect is reported, and what met it goes on."""

from __future__ import annotations

import asyncio

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from torc_core.client.stream import Change
from torc_core.models.console import TablePage
from torc_tui import local_runs
from torc_tui.sources import WorkflowsSource
from torc_tui.store import Connection, State


@driven
async def test_a_table_comes_back_from_a_defect(
    tui_server: ServerProcess, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tui_server.url) as driver:
        page = WorkflowsSource.page

        async def broken(*_: object) -> TablePage:
            raise LookupError("no such column")

        monkeypatch.setattr(WorkflowsSource, "page", broken)
        driver.table.touch()
        await driver.sees("✖ internal error: LookupError: no such column")
        assert isinstance(driver.app.defects[0], LookupError)
        monkeypatch.setattr(WorkflowsSource, "page", page)
        await asyncio.to_thread(workshop.workflow, "after the defect", {})
        await driver.sees("after the defect")


@driven
async def test_the_stream_of_changes_comes_back_from_a_defect(tui_server: ServerProcess, workshop: Workshop) -> None:
    async with console(tui_server.url) as driver:
        heard: list[Change | Connection] = []

        def listen(news: Change | Connection) -> None:
            heard.append(news)
            if len(heard) == 1:
                raise LookupError("no such listener")

        driver.app.store.subscribe(listen)
        await asyncio.to_thread(workshop.workflow, "makes a change", {})
        await driver.until(lambda: driver.app.defects)
        await driver.until(lambda: driver.app.store.connection.state is State.LIVE)
        await asyncio.to_thread(workshop.workflow, "is heard of", {})
        await driver.sees("is heard of")


@driven
async def test_the_look_at_local_runs_comes_back_from_a_defect(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[object]:
        raise LookupError("no such record")

    async with console(tui_server.url) as driver:
        monkeypatch.setattr(local_runs, "active", broken)
        await driver.press("f5")
        await driver.sees("✖ internal error: LookupError: no such record")
        await driver.press("f5")
        monkeypatch.setattr(local_runs, "active", lambda: [object()])
        await driver.press("f5")
        await driver.sees("1 local run")
        assert len(driver.app.defects) == 1
