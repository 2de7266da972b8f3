"""A file on the screen, whatever its size. What is needed is read in threads; only what changed is drawn.

Every move is a function that gives the place it leads to (`logs/rows.py`); when it needs what is not read yet, that is
read and the move is made then.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from textual.message import Message

from torc_core.errors import TorcError
from torc_tui.logs.file import LogError, LogFile, NotLoaded
from torc_tui.logs.rows import MARGIN, LogRows, Place
from torc_tui.logs.search import Pattern, Search
from torc_tui.rendering.cells import Line
from torc_tui.widgets.lines_view import LinesView

Move = Callable[[], Place]

LOOK_EVERY_S = 0.25
"""How often a file that is followed is looked at."""

TELL_EVERY_S = 0.25
"""How often progress of counting and searching is shown."""


class LogView(LinesView):
    """See the module."""

    class Changed(Message):
        """What the view shows, or what it knows about its file, is different."""

        def __init__(self, view: LogView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, focusable=True)
        self.path: Path | None = None
        self.file: LogFile | None = None
        self.follows = False
        """The end is shown, also when it moves."""
        self.folds = False
        self.grows = False
        """Somebody writes it: at its end it is followed."""
        self.error: TorcError | None = None
        self.search: Search | None = None
        self.hit: int | None = None
        self.note = ""
        """What happened to the file."""
        self._left = 0
        self._at: Place = (0, 0)
        self._ends = True
        """The end of the file is in sight."""
        self._moves: deque[Move] = deque()
        self._of_file: LogRows | None = None
        self._instead: Callable[[LogError], Sequence[Line]] = lambda error: [[(str(error), "text")]]
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._awake = True
        self._jumps = False
        """The first hit of a search that began is still to be gone to."""

    def on_unmount(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for is shown, following aside."""
        return not self._moves and all(task.done() for name, task in self._tasks.items() if name != "follow")

    def _begin(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Begin a task unless it is under way."""
        task = self._tasks.get(name)
        if task is None or task.done():
            self._tasks[name] = asyncio.ensure_future(work())

    def _end_tasks(self, *names: str) -> None:
        for name in names:
            if task := self._tasks.pop(name, None):
                task.cancel()

    def pause(self) -> None:
        """Nobody looks."""
        self._awake = False
        self._end_tasks("follow", "work")

    def resume(self) -> None:
        """Somebody looks again."""
        self._awake = True
        self._go_on()

    def _go_on(self) -> None:
        if not self._awake:
            return
        if self.follows:
            self._begin("follow", self._follow)
        if self.file and (not self.file.index.complete(self.file.size) or (self.search and not self.search.complete)):
            self._begin("work", self._work)

    def show_path(self, path: Path, instead: Callable[[LogError], Sequence[Line]], *, follow: bool) -> None:
        """Show the end of a file, and follow it; `instead` gives what to show when it cannot be read."""
        self._end_tasks("open", "read", "work", "follow")
        self.path, self._instead, self.follows, self.grows = path, instead, follow, follow
        self.file, self.error, self.note, self.hit, self.search = None, None, "", None, None
        self._left = 0
        self._begin("open", self._open)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show something else than a file."""
        self._end_tasks("open", "read", "work", "follow")
        self.path, self.file, self.search, self.follows = None, None, None, False
        self.show(lines)
        self.post_message(self.Changed(self))

    async def _open(self) -> None:
        assert self.path is not None
        try:
            log = await asyncio.to_thread(LogFile, self.path)
        except LogError as error:
            if self.error is None or str(error) != str(self.error):
                self.error = error
                self.show(self._instead(error))
                self.post_message(self.Changed(self))
            self._go_on()
            return
        self.file, self.error = log, None
        self._of_file = LogRows(log)
        self._arrange()
        self._moves.clear()
        self._end_tasks("read")
        self._move(self._rows.end)

    def _move(self, move: Move) -> None:
        if self.file is not None:
            self._moves.append(move)
            self._advance()

    def _advance(self) -> None:
        """Make the moves that are asked for, as far as what they need is there."""
        while self._moves and self.file and self.size.height:
            try:
                place = self._moves[0]()
                lines = self._rows.lines_from(place, self.hit)
                end = self._rows.end()
            except NotLoaded as missing:
                numbers = missing.numbers
                self._begin("read", lambda numbers=numbers: self._read(numbers))  # type: ignore[misc]
                return
            self._moves.popleft()
            self._at = place
            self._ends = place == end
            self.show(lines)
        self.post_message(self.Changed(self))
        self._go_on()

    async def _read(self, numbers: Sequence[int]) -> None:
        log = self.file
        assert log is not None
        try:
            blocks = await asyncio.to_thread(log.read, numbers)
        except LogError:
            self._moves.clear()  # it was cut: it is opened anew
            self._begin("open", self._open)
            return
        log.put(blocks)
        self._tasks.pop("read", None)
        self._advance()

    async def _follow(self) -> None:
        while self.follows and self._awake:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """See whether the file has grown, or is there by now, or began anew."""
        log = self.file
        if log is None:
            if self.path is not None:
                await self._open()
            return
        seen = await asyncio.to_thread(log.look)
        if log is not self.file:
            return
        if log.replaced(seen):
            self.note = "began anew"
            pattern = self.search.pattern if self.search else None
            await self._open()
            if pattern:
                self.search = Search(pattern, 0)
                self._arrange()
        elif log.take(seen):
            if self.search:
                self.search.grown()
            self._move(self._rows.end if self.follows else lambda: self._at)

    async def _work(self) -> None:
        """Count lines and search, until both are done."""
        told = 0.0
        while log := self.file:
            search = self.search
            if search and not search.complete:
                await asyncio.to_thread(lambda s=search, f=log: s.step(f.descriptor, f.size))  # type: ignore[misc]
            elif not log.index.complete(log.size):
                await asyncio.to_thread(lambda f=log: f.index.step(f.descriptor, f.size))  # type: ignore[misc]
            else:
                break
            if self._jumps:
                self._jump_when_found()
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                self.post_message(self.Changed(self))
        self.post_message(self.Changed(self))

    @property
    def _rows(self) -> LogRows:
        assert self._of_file is not None
        return self._of_file

    def _arrange(self) -> None:
        """What is drawn differently from now on."""
        if self._of_file:
            pattern = self.search.pattern if self.search else None
            self._of_file.arrange((self.size.width, self.size.height), self._left, self.folds, pattern)

    def _same(self) -> Place:
        """Where the view is, in other dimensions: the end stays the end."""
        end = self._rows.end()
        return end if self._ends else min((self._at[0], 0), end)

    def scroll_rows(self, rows: int) -> None:
        """Move by so many lines; going up ends following, coming to the end of a growing file begins it."""
        if self.file is None:
            super().scroll_rows(rows)
        elif rows < 0:
            self.follows = False
            self._move(lambda: self._rows.up(self._at, -rows))
        elif not self.follows:
            self._move(lambda: self._downwards(rows))

    def _downwards(self, rows: int) -> Place:
        end = self._rows.end()
        place = min(self._rows.down(self._at, rows), end)
        self.follows = self.follows or (self.grows and place == end)
        return place

    def to_start(self) -> None:
        """Show the beginning."""
        self.follows = False
        self._move(lambda: (0, 0))

    def to_end(self) -> None:
        """Show the end, and follow it when somebody writes it."""
        self.follows = self.grows
        self._move(lambda: self._rows.end())

    def to_line(self, line: int) -> None:
        """Show a line by its number, once lines are counted so far."""
        self.follows = False
        self._begin("line", lambda: self._to_line(line))

    async def _to_line(self, line: int) -> None:
        while log := self.file:
            try:
                start = log.start_of_line(line)
            except NotLoaded as missing:
                try:
                    log.put(await asyncio.to_thread(log.read, missing.numbers))
                except LogError:
                    return
                continue
            if start is not None:
                self._to_hit(start)
                return
            await asyncio.sleep(0.02)

    def follow(self, wanted: bool) -> None:
        """Follow the end, or stop it."""
        self.follows = wanted
        if wanted:
            self._move(lambda: self._rows.end())
            self._go_on()
        self.post_message(self.Changed(self))

    def fold(self, wanted: bool) -> None:
        """Fold long lines, or cut them."""
        self.folds, self._left = wanted, 0
        self._arrange()
        self._move(self._same)

    def shift(self, columns: int) -> None:
        """Show what is further right or left in lines that are cut."""
        left = max(0, self._left + columns)
        if not self.folds and left != self._left:
            self._left = left
            self._arrange()
            self._move(lambda: self._at)

    def find(self, pattern: Pattern | None) -> None:
        """Search the whole file from what is shown on; None ends the search."""
        self._end_tasks("work")
        self.search = self.hit = None
        if pattern and self.file:
            self.search = Search(pattern, self._at[0])
            self._jumps = True
        self._arrange()
        self._move(lambda: self._at)

    def _jump_when_found(self) -> None:
        search = self.search
        assert search is not None
        hit = search.following(self._at[0])
        if hit is None and search.complete:
            hit = search.preceding(self._at[0])
        if hit is not None or search.complete:
            self._jumps = False
        if hit is not None:
            self._to_hit(hit)

    def step_hit(self, forwards: bool) -> str | None:
        """Go to the next hit, or the one before; gives what there is to say about it."""
        search = self.search
        if search is None or self.file is None:
            return "nothing is searched for; '/' does"
        here = self.hit if self.hit is not None else self._at[0]
        hit = search.following(here + 1) if forwards else search.preceding(here)
        said = None
        if hit is None and search.complete and search.count:
            hit = search.following(0) if forwards else search.preceding(self.file.size)
            said = "on from the beginning" if forwards else "on from the end"
        if hit is None:
            return "nothing found" if search.complete else "nothing more so far; the search goes on"
        self._to_hit(hit)
        return said

    def _to_hit(self, hit: int) -> None:
        self.follows = False
        self.hit = hit

        def move() -> Place:
            assert self.file is not None
            return self._rows.around(self._at, self.file.start_at(hit))

        self._move(move)

    def on_resize(self) -> None:
        self._arrange()
        if self.file is None:
            super().on_resize()
        else:
            self._move(self._same)

    @property
    def line_numbers(self) -> tuple[int, bool, int, bool]:
        """(Number of the last line shown, is it exact, lines in all, is that exact)."""
        log = self.file
        if log is None:
            return 0, True, 0, True
        total, exact = log.index.lines(log.size)
        try:
            bottom = self._rows.bottom(self._at)[0] if log.size else 0
            line = log.line_number(bottom) if log.size else 0
        except NotLoaded:
            line, bottom = None, self._at[0]
        if line is not None:
            return line, True, max(total, line), exact
        return round(total * bottom / max(1, log.size)), False, total, exact

    @property
    def shown_text(self) -> str:
        """The text on the screen."""
        return "\n".join("".join(text for text, _ in line)[MARGIN:].rstrip() for line in self.lines)
