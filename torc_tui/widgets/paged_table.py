"""A table of any length over a source that sorts, filters and pages on the server.

Only the visible rows are drawn, one line each; a row that changed repaints its line. The cursor and the marks belong to
ids: when rows come, go or move, the cursor stays on its row and that row on its line of the screen. What is shown stays
until its replacement has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.errors import TorcError
from torc_core.models.console import Row, TablePage
from torc_tui.rendering.cells import Line, fitted
from torc_tui.rendering.columns import Column, Look, Placed, cells, fit, header
from torc_tui.rendering.strips import strip
from torc_tui.store import Pacer
from torc_tui.widgets.page_cache import PAGE, PageCache

if TYPE_CHECKING:
    from torc_tui.console import Console

MARGIN = 2
"""Columns left of the first: the cursor's mark and the mark of the row."""

EDGE = 2
"""Columns right of the last: a gap and the scroll bar."""

PATIENCE_S = 0.12
"""Rows that have to be fetched may take so long before dots stand in their place."""

MARK_LIMIT = 10_000
"""So many rows can be marked at once."""


class Source(Protocol):
    """Where the rows come from."""

    columns: Sequence[Column]
    sort: str
    """The order at the beginning."""
    noun: str
    """What a row is called."""

    async def page(self, part: Part) -> TablePage:
        """A part of the table. Raises TorcError."""

    takes_filter: bool
    """What is done to its rows can be done to all that a filter leaves in, without naming them."""

    def concerns(self, change: Change, table: PagedTable) -> bool:
        """Whether a change can be seen in this table as it is sorted, filtered and scrolled."""

    def title(self, row: Row) -> str:
        """What a row is called in a sentence."""


@dataclass(slots=True)
class Whole:
    """All that a filter left in when it was marked, but for some rows."""

    filter: str
    total: int
    but: set[int] = field(default_factory=set)

    @property
    def count(self) -> int:
        return self.total - len(self.but)

    @property
    def terms(self) -> str:
        """As a filter that also leaves out those rows."""
        return " ".join([self.filter, *(f"id!={number}" for number in sorted(self.but))]).strip()

    def toggle(self, number: int) -> None:
        """Leave a row out, or take it in again."""
        self.but ^= {number}


@dataclass(frozen=True, slots=True)
class View:
    """Order and filter."""

    sort: str
    filter: str = ""


class PagedTable(Widget, can_focus=True):
    """See the module."""

    DEFAULT_CSS = "PagedTable { height: 1fr; }"

    app: Console

    class Moved(Message):
        """The cursor is on another row, or that row has changed."""

        def __init__(self, table: PagedTable) -> None:
            super().__init__()
            self.table = table

    class Loaded(Message):
        """Rows or totals are new, or the order, the filter or the marks."""

        def __init__(self, table: PagedTable) -> None:
            super().__init__()
            self.table = table

    class Opened(Message):
        """A row was chosen with the mouse."""

        def __init__(self, table: PagedTable) -> None:
            super().__init__()
            self.table = table

    class Arrived(Message, bubble=False):
        """Rows for the view of this generation."""

        def __init__(self, generation: int, page: TablePage, anchored: int | None) -> None:
            super().__init__()
            self.generation = generation
            self.page = page
            self.anchored = anchored

    class Failed(Message, bubble=False):
        """Rows could not be had."""

        def __init__(self, error: TorcError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, source: Source, *, view: View | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self.source = source
        self.view = view or View(source.sort)
        self.rows = PageCache()
        self.cursor = 0
        self.cursor_id: int | None = None
        self.top = 0
        self.marks: dict[int, str] = {}
        """Marked rows: id -> what it is called."""
        self.whole: Whole | None = None
        """Instead of rows all that a filter leaves in is marked."""
        self.error: TorcError | None = None
        self.loaded = False
        """Whether rows have arrived since the beginning."""
        self._generation = 0
        self._to_top = False
        """The next rows are of another view: the cursor begins at the first of them."""
        self._pacer = Pacer(self._ask_window, self._fail)
        self._fetching: dict[int, asyncio.Task[None]] = {}
        self._placed: tuple[int, list[Placed]] = (-1, [])
        self._direction = 1
        self._drawn_top = 0
        """The first row of the screen as it was drawn last."""

    def on_mount(self) -> None:
        self.touch()

    def on_unmount(self) -> None:
        self._pacer.close()
        for task in list(self._fetching.values()):
            task.cancel()

    @property
    def page_height(self) -> int:
        """Rows that fit on the screen."""
        return max(1, self.size.height - 1)

    @property
    def idle(self) -> bool:
        """Whether nothing is asked for and nothing is to be."""
        return self._pacer.idle and not self._fetching

    def touch(self) -> None:
        """What is shown may be out of date: ask for it again, at the pace that the server can bear."""
        self._pacer.touch()

    def pause(self) -> None:
        """Nobody looks."""
        self._pacer.pause()

    def resume(self) -> None:
        """Somebody looks again."""
        self._pacer.resume()

    def show(self, view: View) -> None:
        """Another order or filter; what is shown stays until its rows are there."""
        if view == self.view:
            return
        self._to_top = view.sort != self.view.sort
        self.view = view
        self._generation += 1
        self.touch_now()
        self.post_message(self.Loaded(self))

    def touch_now(self) -> None:
        """Ask at once: the user waits."""
        self._pacer.close()
        self._pacer = Pacer(self._ask_window, self._fail)
        self._pacer.touch()

    async def _ask_window(self) -> None:
        """Ask for the visible rows, wherever the row under the cursor now is."""
        anchor = None if self._to_top else self.cursor_id
        part = Part(
            offset=0 if self._to_top else self.top,
            limit=max(PAGE, self.page_height),
            sort=self.view.sort,
            filter=self.view.filter,
            anchor=anchor,
            before=self.cursor - self.top,
        )
        generation = self._generation
        page = await self.source.page(part)
        self.post_message(self.Arrived(generation, page, anchor))

    def _fail(self, error: TorcError) -> None:
        self.post_message(self.Failed(error))

    async def _ask_page(self, number: int) -> None:
        """Ask for a page that came into sight."""
        generation = self._generation
        part = Part(offset=number * PAGE, limit=PAGE, sort=self.view.sort, filter=self.view.filter)
        try:
            page = await self.source.page(part)
            self.post_message(self.Arrived(generation, page, None))
        except TorcError as error:
            self._fail(error)
        finally:
            self._fetching.pop(number, None)

    def _want(self, number: int) -> None:
        if number not in self._fetching and 0 <= number * PAGE < self.rows.total:
            self._fetching[number] = asyncio.ensure_future(self._ask_page(number))

    def _fetch_missing(self) -> None:
        """Ask for rows in sight that are not at hand, and for the next page in the direction of travel."""
        if not self.loaded:
            return
        hole = self.rows.missing(self.top, self.top + self.page_height)
        if hole is not None:
            self._want(hole // PAGE)
            last = min(self.top + self.page_height, self.rows.total) - 1
            if self.rows.row(last) is None:
                self._want(last // PAGE)
        ahead = self.top + self._direction * self.page_height * 2
        if 0 <= ahead < self.rows.total and self.rows.row(ahead) is None:
            self._want(ahead // PAGE)

    def on_paged_table_failed(self, message: Failed) -> None:
        self.error = message.error
        self.post_message(self.Loaded(self))

    def on_paged_table_arrived(self, message: Arrived) -> None:
        page = message.page
        if message.generation != self._generation:
            return
        before = self._visible_rows()
        old_total, was = self.rows.total, (self.cursor_id, self._row_at_cursor())
        shift = 0
        if self._to_top:
            self._to_top, self.cursor, self.top, self.cursor_id = False, 0, 0, None
            self.rows.forget()
        elif message.anchored is not None and message.anchored == self.cursor_id and page.anchor is not None:
            shift = page.anchor - self.cursor
            self.cursor, self.top = page.anchor, self.top + shift
        if shift or page.total != old_total:
            self.rows.forget()
        self.rows.total, self.rows.everything = page.total, page.everything
        self.rows.put(page.offset, page.items)
        first_time, self.loaded, self.error = not self.loaded, True, None
        self._settle()
        if first_time or self.top != self._drawn_top + shift or (old_total > self.page_height) != (self._has_bar()):
            self._draw()
        else:
            self._drawn_top = self.top
            self._repaint_changed(before)
            if page.total != old_total or shift:
                self._repaint_bar()
        self._fetch_missing()
        if was != (self.cursor_id, self._row_at_cursor()) or first_time:
            self.post_message(self.Moved(self))
        self.post_message(self.Loaded(self))

    def _visible_rows(self) -> list[Row | None]:
        return [self.rows.row(self.top + line) for line in range(self.page_height)]

    def _row_at_cursor(self) -> Row | None:
        return self.rows.row(self.cursor)

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, if it is at hand."""
        return self._row_at_cursor()

    def shown_ids(self) -> set[int]:
        """The ids of the rows in sight."""
        return {row["id"] for row in self._visible_rows() if row}

    def _repaint_changed(self, before: list[Row | None]) -> None:
        for line, (old, new) in enumerate(zip(before, self._visible_rows(), strict=False)):
            if old != new:
                self._repaint(self.top + line)

    def _draw(self) -> None:
        """Draw everything."""
        self._drawn_top = self.top
        self.refresh()

    def _draw_when_there(self) -> None:
        """Draw what came into sight; when its rows have to be fetched first, what is shown may stay a moment."""
        if self.rows.missing(self.top, self.top + self.page_height) is None:
            self._draw()
        else:
            self.set_timer(PATIENCE_S, self._draw_if_moved)

    def _draw_if_moved(self) -> None:
        if self.top != self._drawn_top:
            self._draw()

    def _repaint(self, position: int) -> None:
        if self.top <= position < self.top + self.page_height:
            self.refresh(Region(0, position - self.top + 1, self.size.width, 1))

    def _repaint_bar(self) -> None:
        if self._has_bar():
            self.refresh(Region(self.size.width - 1, 1, 1, self.page_height))

    def _has_bar(self) -> bool:
        return self.rows.total > self.page_height

    def _settle(self) -> None:
        """Put cursor and top where they can be, and learn the id under the cursor."""
        last = max(0, self.rows.total - 1)
        self.cursor = min(max(self.cursor, 0), last)
        self.top = min(max(self.top, 0), max(0, self.rows.total - self.page_height))
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.page_height:
            self.top = self.cursor - self.page_height + 1
        row = self._row_at_cursor()
        self.cursor_id = row["id"] if row else None

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self.move_to(self.cursor + rows)

    def move_to(self, position: int) -> None:
        """Put the cursor on a row by its position."""
        was = self.cursor
        self._direction = 1 if position >= was else -1
        self.cursor = position
        self._settle()
        if self.top != self._drawn_top:
            self._draw_when_there()
        elif self.cursor != was:
            self._repaint(was)
            self._repaint(self.cursor)
        self._fetch_missing()
        if self.cursor != was:
            self.post_message(self.Moved(self))

    def page_move(self, pages: int) -> None:
        """Move the cursor and what is shown by whole screens."""
        self._direction = pages
        step = pages * max(1, self.page_height - 1)
        self.top = min(max(self.top + step, 0), max(0, self.rows.total - self.page_height))
        self.move_to(self.cursor + step)

    def scroll_rows(self, rows: int) -> None:
        """Move what is shown; the cursor stays as long as it is in sight."""
        top = min(max(self.top + rows, 0), max(0, self.rows.total - self.page_height))
        if top == self.top:
            return
        self._direction, self.top = rows, top
        self.move_to(min(max(self.cursor, top), top + self.page_height - 1))

    async def go_to(self, row_id: int) -> bool:
        """Put the cursor on the row of this id, wherever it is; False when the filter leaves it out."""
        part = Part(
            limit=PAGE, sort=self.view.sort, filter=self.view.filter, anchor=row_id, before=self.page_height // 2
        )
        page = await self.source.page(part)
        if page.anchor is None:
            return False
        self.cursor, self.top = page.anchor, page.anchor - self.page_height // 2
        self.cursor_id = row_id
        self.refresh()
        self.post_message(self.Arrived(self._generation, page, row_id))
        return True

    def toggle_mark(self) -> None:
        """Mark the row under the cursor or take its mark, and go on to the next."""
        row = self._row_at_cursor()
        if row is None:
            return
        if self.whole and self.whole.filter == self.view.filter:
            self.whole.toggle(row["id"])
        elif self.marks.pop(row["id"], None) is None:
            self.whole = None
            self.marks[row["id"]] = self.source.title(row)
        self._repaint(self.cursor)
        self.move(1)
        self.post_message(self.Loaded(self))

    def clear_marks(self) -> None:
        """Nothing is marked any more."""
        if self.marks or self.whole:
            self.marks.clear()
            self.whole = None
            self.refresh()
            self.post_message(self.Loaded(self))

    @property
    def marked(self) -> int:
        """How many rows are marked."""
        return self.whole.count if self.whole else len(self.marks)

    def _is_marked(self, row: Row) -> bool:
        if self.whole:
            return self.whole.filter == self.view.filter and row["id"] not in self.whole.but
        return row["id"] in self.marks

    async def mark_all(self) -> int:
        """Mark all that the filter leaves in, also what is not loaded; gives how many are marked then.

        Where actions take a filter none of the rows is asked for.
        """
        if self.source.takes_filter:
            self.marks.clear()
            self.whole = Whole(self.view.filter, self.rows.total)
        else:
            part = Part(limit=MARK_LIMIT, sort="id", filter=self.view.filter)
            page = await self.source.page(part)
            self.marks = {row["id"]: self.source.title(row) for row in page.items}
        self.refresh()
        self.post_message(self.Loaded(self))
        return self.marked

    @property
    def placed(self) -> list[Placed]:
        """The columns that fit, with their widths."""
        width = self.size.width
        if self._placed[0] != width:
            self._placed = (width, fit(self.source.columns, width - MARGIN - EDGE))
        return self._placed[1]

    def on_resize(self) -> None:
        self._settle()
        self._fetch_missing()

    def on_focus(self) -> None:
        self._repaint(self.cursor)

    def on_blur(self) -> None:
        self._repaint(self.cursor)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-3)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            self._sort_at(event.x - MARGIN)
        elif self.top + event.y - 1 < self.rows.total:
            self.move_to(self.top + event.y - 1)
            if event.chain == 2:
                self.post_message(self.Opened(self))

    def _sort_at(self, x: int) -> None:
        start = 0
        for column, width in self.placed:
            if start <= x < start + width and column.sortable:
                self.sort_by(column.name)
            start += width + 2

    def sort_by(self, name: str) -> None:
        """Sort by a column; the other way round when it is sorted by that one already."""
        self.show(View(f"-{name}" if self.view.sort == name else name, self.view.filter))

    @property
    def shows_running(self) -> bool:
        """Whether something that runs is in sight."""
        return any(
            row and (row.get("status") == "running" or row.get("silent") is not None) for row in self._visible_rows()
        )

    def repaint_running(self) -> None:
        """Draw anew what shows how long it has been running by now."""
        for line, row in enumerate(self._visible_rows()):
            if row and row.get("status") == "running":
                self._repaint(self.top + line)

    def render_line(self, y: int) -> Strip:
        palette = self.app.palette
        characters = self.app.characters
        width = self.size.width
        if y == 0:
            head = header(self.placed, self.view.sort, characters)
            return strip([(" " * MARGIN, ""), *head], palette.styles, width)
        position = self.top + y - 1
        row = self.rows.row(position)
        styles = palette.styles
        at_cursor = position == self.cursor and position < self.rows.total
        if at_cursor:
            styles = palette.cursor_styles if self.has_focus else palette.quiet_styles
        mark = characters.text("▌") if at_cursor else " "
        line: Line = [(mark, "accent")]
        if row is not None:
            line.append((characters.text("│") if self._is_marked(row) else " ", "accent"))
            line += cells(self.placed, row, Look(characters, datetime.now()))
        elif position < self.rows.total:
            line.append((characters.text(" …"), "faint"))
        bar = self._bar(y - 1)
        if characters.ascii:
            line = [(characters.text(text), role) for text, role in line]
        return strip([*fitted(line, width - 1), (bar, "faint")], styles, width)

    def _bar(self, line: int) -> str:
        if not self._has_bar():
            return " "
        height, total = self.page_height, self.rows.total
        size = max(1, height * height // total)
        start = (height - size) * self.top // max(1, total - height)
        return self.app.characters.text("▐") if start <= line < start + size else " "
