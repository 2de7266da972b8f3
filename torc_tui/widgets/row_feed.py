"""Asks a source for rows: the part of the table that is shown, kept fresh, and the pages that come into sight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from torc_core.client.console import Part
from torc_core.errors import TorcError
from torc_core.models.console import TablePage
from torc_tui.store import Pacer, unforeseen
from torc_tui.widgets.page_cache import PAGE
from torc_tui.widgets.table_source import Source, View


@dataclass(frozen=True, slots=True)
class Arrival:
    """Rows that were asked for in the view of this generation, around the row with this id."""

    generation: int
    page: TablePage
    changes: int
    """How many changes were heard of before it was asked for."""
    anchored: int | None = None
    news: bool = False
    """Asked for because something may have changed: so may what is at hand from before."""


class RowFeed:
    """See the module; `told` and `failed` hear of what comes, `defect` of what must not be."""

    def __init__(
        self,
        source: Source,
        shown: Callable[[], Part],
        told: Callable[[Arrival], object],
        failed: Callable[[TorcError], None],
        defect: Callable[[Exception], None],
    ) -> None:
        """`shown` says which part is looked at now."""
        self._source = source
        self._shown = shown
        self._told = told
        self._failed = failed
        self._defect = defect
        self._generation = 0
        self._changes = 0
        self.awaited = False
        """The user waits for rows."""
        self._pacer = Pacer(self._ask_shown, self._fail, self._defect)
        self._fetching: dict[int, asyncio.Task[None]] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is asked for and nothing is to be."""
        return self._pacer.idle and not self._fetching

    def touch(self) -> None:
        """What is shown may be out of date: ask for it again, at the pace that the server can bear."""
        self._pacer.touch()

    def changed(self, in_sight: bool) -> None:
        """A change on the server, seen in what is shown or not; what is on its way may be from before it."""
        self._changes += 1
        if in_sight:
            self.touch()

    def touch_now(self) -> None:
        """Ask at once: the user waits."""
        self.awaited = True
        self._pacer.close()
        self._pacer = Pacer(self._ask_shown, self._fail, self._defect)
        self._pacer.touch()

    def begin_anew(self) -> None:
        """Another order or filter: what is under way for the one before counts no more."""
        self._generation += 1
        self.touch_now()

    def pause(self) -> None:
        """Nobody looks."""
        self._pacer.pause()

    def resume(self) -> None:
        """Somebody looks again."""
        self._pacer.resume()

    def close(self) -> None:
        """Never again."""
        self._pacer.close()
        for task in list(self._fetching.values()):
            task.cancel()

    def _fail(self, error: TorcError) -> None:
        self.awaited = False
        self._failed(error)

    async def _ask_shown(self) -> None:
        part, generation, changes = self._shown(), self._generation, self._changes
        self._told(Arrival(generation, await self._source.page(part), changes, part.anchor, news=True))

    def arrived(self, arrival: Arrival) -> bool:
        """Rows are there; whether they are of the view that is shown now."""
        if arrival.generation != self._generation:
            return False
        self.awaited = False
        if arrival.changes != self._changes:
            self.touch()
        return True

    def want(self, number: int, view: View) -> None:
        """Ask for a page that came into sight, unless it is under way."""
        if number not in self._fetching:
            self._fetching[number] = asyncio.ensure_future(self._ask_page(number, view))

    async def _ask_page(self, number: int, view: View) -> None:
        generation, changes = self._generation, self._changes
        part = Part(offset=number * PAGE, limit=PAGE, sort=view.sort, filter=view.filter)
        try:
            self._told(Arrival(generation, await self._source.page(part), changes))
        except TorcError as error:
            self._failed(error)
        except Exception as error:
            self._defect(error)
            self._failed(unforeseen(error))
        finally:
            self._fetching.pop(number, None)

    async def around(self, row_id: int, view: View, before: int) -> Arrival:
        """Rows around one, wherever it is. TorcError."""
        part = Part(limit=PAGE, sort=view.sort, filter=view.filter, anchor=row_id, before=before)
        changes = self._changes
        return Arrival(self._generation, await self._source.page(part), changes, row_id)
