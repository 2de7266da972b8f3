"""Checking and creating workflows in a process of its own (`check_worker`), so that the screen never waits for it."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torc_core.client.http import Address
from torc_core.errors import TorcError
from torc_core.models.plan import PlanAnswer
from torc_tui.checking import LENGTH, Checked, identity, stamp
from torc_tui.widgets.lookout import Lookout


class Superseded(Exception):
    """What was being worked on is not wanted any more."""


class Checker:
    """One call at a time; a check that is canceled ends the process, and the next one begins another."""

    def __init__(self) -> None:
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._turn = asyncio.Lock()
        self._creating = False

    def begin(self) -> None:
        """Have the process ready by the time it is needed."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())

    @staticmethod
    async def _start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "torc_tui.check_worker", start_new_session=True,
            env={**os.environ, "PYTHONUTF8": "1"},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def check(self, path: Path, folder: Path, user: str) -> Checked:
        """See `checking.check`. Superseded when it was canceled."""
        found: Checked = await self._call("check", path, folder, user)
        return found

    async def create(self, address: Address, checked: Checked, initialize: bool) -> PlanAnswer:
        """Make the workflow as it was checked. TorcError when the server refuses it, or the file was checked again."""
        self._creating = True
        name = checked.outline.name if checked.outline else ""
        try:
            made: PlanAnswer = await self._call("create", address, name, initialize, identity(checked))
        finally:
            self._creating = False
        return made

    async def _call(self, name: str, *arguments: Any) -> Any:
        async with self._turn:
            return await self._call_now(name, *arguments)

    async def _call_now(self, name: str, *arguments: Any) -> Any:
        self.begin()
        starting = self._starting
        assert starting is not None
        try:
            process = await asyncio.shield(starting)
            assert process.stdin is not None
            assert process.stdout is not None
            call = pickle.dumps((name, arguments))
            process.stdin.write(len(call).to_bytes(LENGTH, "big") + call)
            await process.stdin.drain()
            length = int.from_bytes(await process.stdout.readexactly(LENGTH), "big")
            answer = await process.stdout.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            if self._starting is not starting:
                raise Superseded from None
            self.close()
            why = error.strerror if isinstance(error, OSError) else "it ended"
            raise TorcError(f"the process that checks workflow files does not work: {why}") from None
        made, refused = pickle.loads(answer)
        if refused is not None:
            raise refused
        return made

    def cancel(self) -> None:
        """End the check under way; a workflow that is being made is waited for."""
        if not self._creating:
            self.close()

    def close(self) -> None:
        """End the process."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.add_done_callback(_kill)


def _kill(starting: asyncio.Task[asyncio.subprocess.Process]) -> None:
    if not starting.cancelled() and starting.exception() is None and starting.result().returncode is None:
        starting.result().kill()


def _not_checked(path: Path, folder: Path, error: TorcError) -> Checked:
    from torc_core.spec.document import Problem

    return Checked(path, folder, None, errors=[Problem(str(error), path.name)])


class WatchedFile:
    """A workflow file, checked anew whenever it or the folder that jobs work in changes."""

    def __init__(
        self, user: Callable[[], str], told: Callable[[], object], defect: Callable[[Exception], None]
    ) -> None:
        """`told` hears that `checked` is new, `defect` of what is no error of the user."""
        self._user = user
        self._defect = defect
        self._told = told
        self.path: Path | None = None
        self.folder = Path.cwd()
        self.checked: Checked | None = None
        self.checker = Checker()
        self._wanted = 0
        self._checking: asyncio.Task[None] | None = None
        self._lookout: Lookout[tuple[int, int] | None] | None = None

    def watch(self, path: Path) -> None:
        """From now on this file is meant."""
        self.path = path
        self.recheck()
        if self._lookout:
            self._lookout.close()
        self._lookout = Lookout(lambda: stamp(path), self._seen, self._defect)

    def _seen(self, seen: tuple[int, int] | TorcError | None) -> None:
        if self.checked is None or self.checked.path != self.path or self.checked.stamp != seen:
            self.recheck()

    def work_in(self, folder: Path) -> None:
        """Jobs work in another folder."""
        if folder != self.folder:
            self.folder = folder
            self.recheck()

    def recheck(self) -> None:
        """Read and check the file again, whatever is being checked; what is known stays until that is done."""
        self._wanted += 1
        if self._checking and not self._checking.done():
            self.checker.cancel()
        else:
            self._checking = asyncio.ensure_future(self._check())

    async def _check(self) -> None:
        done = -1
        while done != self._wanted and self.path:
            done = self._wanted
            try:
                checked = await self.checker.check(self.path, self.folder, self._user())
            except Superseded:
                continue
            except TorcError as error:
                checked = _not_checked(self.path, self.folder, error)
            if done == self._wanted:
                self.checked = checked
                self._told()

    async def current(self) -> Checked | None:
        """The file as it is now, checked; None when no file is meant. That it cannot be checked is among its errors."""
        if self.path is None:
            return None
        if self.checked is None or await asyncio.to_thread(stamp, self.path) != self.checked.stamp:
            self.recheck()
        if self._checking:
            await self._checking
        return self.checked

    @property
    def idle(self) -> bool:
        return self._checking is None or self._checking.done()

    def touch(self) -> None:
        """See now whether the file is another."""
        if self._lookout:
            self._lookout.touch()

    def pause(self) -> None:
        """Nobody sees it."""
        if self._lookout:
            self._lookout.pause()

    def resume(self) -> None:
        """It is seen again."""
        if self._lookout:
            self._lookout.resume()

    def close(self) -> None:
        """Never again."""
        self.checker.close()
        if self._lookout:
            self._lookout.close()
