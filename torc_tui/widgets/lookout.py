"""Looks at files again and again while somebody sees what is made of them, in a thread, and tells what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from torc_core.errors import TorcError
from torc_tui.store import unforeseen

T = TypeVar("T")

EVERY_S = 0.5
"""Between two looks."""


class Lookout(Generic[T]):
    """`look` is called in a thread, never twice at once; `told` hears on the event loop what it gives, when it is new.

    What `look` raises (TorcError) is told as it is. A defect in `look` or `told` is told to `defect`, and the next look
    is made all the same. `every_s` None: only when touched.
    """

    def __init__(
        self,
        look: Callable[[], T],
        told: Callable[[T | TorcError], None],
        defect: Callable[[Exception], None],
        *,
        every_s: float | None = EVERY_S,
    ) -> None:
        self._look = look
        self._told = told
        self._defect = defect
        self.every_s = every_s
        """Seconds between two looks."""
        self._last: T | TorcError | None = None
        self._wanted = asyncio.Event()
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._wanted.set()
        self._looking = False
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            await self._allowed.wait()
            self._wanted.clear()
            self._looking = True
            try:
                await self._look_once()
            except Exception as error:
                self._defect(error)
            finally:
                self._looking = False
            try:
                await asyncio.wait_for(self._wanted.wait(), self.every_s)
            except TimeoutError:
                continue

    async def _look_once(self) -> None:
        defect = None
        try:
            seen: T | TorcError = await asyncio.to_thread(self._look)
        except TorcError as error:
            seen = error
        except Exception as error:
            seen, defect = unforeseen(error), error
        if not _same(seen, self._last):
            self._last = seen
            if defect:
                self._defect(defect)
            self._told(seen)

    def touch(self) -> None:
        """Look now."""
        self._wanted.set()

    def pause(self) -> None:
        """Nobody sees it."""
        self._allowed.clear()

    def resume(self) -> None:
        """It is seen again."""
        self._allowed.set()
        self._wanted.set()

    def close(self) -> None:
        """Never again."""
        self._task.cancel()

    @property
    def idle(self) -> bool:
        """Whether what was there when it was asked for has been told."""
        return not self._wanted.is_set() and not self._looking


def _same(one: object, other: object) -> bool:
    """Errors are the same when they say the same."""
    if isinstance(one, TorcError) and isinstance(other, TorcError):
        return str(one) == str(other)
    return one == other
