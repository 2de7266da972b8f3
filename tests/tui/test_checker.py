"""Checking and creating in a process of its own: what is made is what was shown, and a process that dies is told."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from torc_core.client.http import Address
from torc_core.errors import TorcError
from torc_tui.checker import Checker, WatchedFile

NOWHERE = Address("http://127.0.0.1:9")


async def end(checker: Checker) -> None:
    """End its process, and wait for that: the loop of the test is closed then."""
    starting = checker._starting
    checker.close()
    if starting is not None:
        await (await starting).wait()


def test_a_file_that_was_checked_again_is_not_created_as_if_it_were_what_was_shown(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"

    async def script() -> None:
        checker = Checker()
        try:
            path.write_text("name: flow\njobs: [{name: one, command: date}]\n")
            shown = await checker.check(path, tmp_path, "tester")
            path.write_text("name: flow\njobs: [{name: another, command: date}]\n")
            await checker.check(path, tmp_path, "tester")
            with pytest.raises(TorcError, match=r"flow\.yaml has changed since it was shown; nothing was created"):
                await checker.create(NOWHERE, shown, True)
        finally:
            await end(checker)

    asyncio.run(script())


def test_a_process_that_dies_is_told_in_place_of_what_the_file_would_make(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("name: flow\njobs: [{name: one, command: date}]\n")
    start = asyncio.create_subprocess_exec

    def dying(*_: str, **options: Any) -> Any:
        return start(sys.executable, "-c", "import sys; sys.stdin.buffer.read(8)", **options)

    async def script() -> None:
        told, defects = asyncio.Event(), list[Exception]()
        watched = WatchedFile(lambda: "tester", told.set, defects.append)
        try:
            with monkeypatch.context() as patched:
                patched.setattr(asyncio, "create_subprocess_exec", dying)
                watched.watch(path)
                await asyncio.wait_for(told.wait(), 20)
                checked = watched.checked
            assert checked is not None
            [error] = map(str, checked.errors)
            assert error == "flow.yaml: the process that checks workflow files does not work: it ended"
            checked = await watched.current()
            assert checked is not None
            assert not checked.errors
            assert not defects
        finally:
            await end(watched.checker)
            watched.close()

    asyncio.run(script())
