"""A table of any length over a source that sorts, filters and pages on the server.

Only the visible rows are drawn, one line each; a row that changed repaints its line. The cursor and the marks belong to
ids: when rows come, go or move, the cursor stays on its row and that row on its line of the screen; only at the top of
the table does what is new show above it, as long as the cursor stays in sight. What is shown stays until its
replacement has arrived.
"""

from __future__ import annotations

from textual import events
from textual.message import Message

from torc_core.client.console import Part
from torc_core.client.stream import Change, names_any
from torc_core.errors import TorcError
from torc_core.models.console import Row
from torc_tui.widgets.marks import Whole
from torc_tui.widgets.page_cache import PAGE
from torc_tui.widgets.row_feed import Arrival, RowFeed
from torc_tui.widgets.table_canvas import MARGIN, TableCanvas
from torc_tui.widgets.table_source import Source, View


class PagedTable(TableCanvas):
    """See the module."""

    DEFAULT_CSS = "PagedTable { height: 1fr; }"

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
        """Rows that were asked for."""

        def __init__(self, arrival: Arrival) -> None:
            super().__init__()
            self.arrival = arrival

    class Failed(Message, bubble=False):
        """Rows could not be had."""

        def __init__(self, error: TorcError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, source: Source, *, view: View | None = None, id: str | None = None) -> None:
        super().__init__(source, view or View(source.sort), id)
        self.cursor_id: int | None = None
        self.error: TorcError | None = None
        self.loaded = False
        """Whether rows have arrived since the beginning."""
        self._to_top = False
        """The next rows are of another view: the cursor begins at the first of them."""
        self._direction = 1
        self._feed = RowFeed(
            source,
            self._shown_part,
            lambda arrival: self.post_message(self.Arrived(arrival)),
            self._fail,
            lambda error: self.app.store.defect(error),
        )

    def on_mount(self) -> None:
        self.touch()

    def on_unmount(self) -> None:
        self._feed.close()

    @property
    def idle(self) -> bool:
        """Whether nothing is asked for and nothing is to be."""
        return self._feed.idle

    @property
    def awaited(self) -> bool:
        """Whether the user waits for rows."""
        return not (self.loaded or self.error) or self._feed.awaited

    def touch(self) -> None:
        """What is shown may be out of date: ask for it again, at the pace that the server can bear."""
        self._feed.touch()

    def heard(self, change: Change) -> None:
        """A change on the server: what is in sight is asked for again now, the rest when it comes into sight."""
        if not self.source.concerns(change):
            return
        in_sight = not self.source.in_place(change, self.view) or names_any(change, self.shown_ids())
        if not in_sight:
            self.rows.age()
        self._feed.changed(in_sight)

    def pause(self) -> None:
        """Nobody looks."""
        self._feed.pause()

    def resume(self) -> None:
        """Somebody looks again."""
        self._feed.resume()

    def show(self, view: View) -> None:
        """Another order or filter; what is shown stays until its rows are there."""
        if view == self.view:
            return
        self._to_top = view.sort != self.view.sort
        self.view = view
        self.begin_anew()

    def begin_anew(self) -> None:
        """The source gives other rows from now on; what is shown stays until they are there."""
        self._feed.begin_anew()
        self.post_message(self.Loaded(self))

    def touch_now(self) -> None:
        """Ask at once: the user waits."""
        self._feed.touch_now()

    def _shown_part(self) -> Part:
        """The visible rows, wherever the row under the cursor now is."""
        return Part(
            offset=0 if self._to_top else self.top,
            limit=max(PAGE, self.page_height),
            sort=self.view.sort,
            filter=self.view.filter,
            anchor=None if self._to_top else self.cursor_id,
            before=self.cursor - self.top if self.top else self.page_height - 1,
        )

    def _fail(self, error: TorcError) -> None:
        self.post_message(self.Failed(error))

    def _want(self, number: int) -> None:
        if 0 <= number * PAGE < self.rows.total:
            self._feed.want(number, self.view)

    def _fetch_missing(self) -> None:
        """Ask for rows in sight that are not at hand, and for the next page in the direction of travel."""
        if not self.loaded:
            return
        hole = self.rows.missing(self.top, self.top + self.page_height)
        if hole is not None:
            self._want(hole // PAGE)
            last = min(self.top + self.page_height, self.rows.total) - 1
            if not self.rows.has(last):
                self._want(last // PAGE)
        ahead = self.top + self._direction * self.page_height * 2
        if 0 <= ahead < self.rows.total and self.rows.row(ahead) is None:
            self._want(ahead // PAGE)

    def on_paged_table_failed(self, message: Failed) -> None:
        self.error = message.error
        self.post_message(self.Loaded(self))

    def on_paged_table_arrived(self, message: Arrived) -> None:
        arrival = message.arrival
        page = arrival.page
        if not self._feed.arrived(arrival):
            return
        before = self._visible_rows()
        old_total, was = self.rows.total, (self.cursor_id, self._row_at_cursor())
        old_top, old_line, shift = self.top, self.cursor - self.top, 0
        if self._to_top:
            self._to_top, self.cursor, self.top, self.cursor_id = False, 0, 0, None
            self.rows.forget()
        elif arrival.anchored is not None and arrival.anchored == self.cursor_id and page.anchor is not None:
            shift = page.anchor - self.cursor
            self.cursor = page.anchor
            if self.top or self.cursor >= self.page_height:
                self.top += shift
        if shift or page.total != old_total:
            self.rows.forget()
        if arrival.news:
            self.rows.age()
        self.rows.total, self.rows.everything = page.total, page.everything
        self.rows.put(page.offset, page.items)
        first_time, self.loaded, self.error = not self.loaded, True, None
        self._settle()
        if first_time or old_top != self._drawn_top or (old_total > self.page_height) != (self._has_bar()):
            self._draw()
        else:
            self._drawn_top = self.top
            self._repaint_changed(before)
            if self.cursor - self.top != old_line:
                self._repaint(self.top + old_line)
                self._repaint(self.cursor)
            if (page.total, self.top) != (old_total, old_top):
                self._repaint_bar()
        self._fetch_missing()
        if was != (self.cursor_id, self._row_at_cursor()) or first_time:
            self.post_message(self.Moved(self))
        self.post_message(self.Loaded(self))

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor, if it is at hand."""
        return self._row_at_cursor()

    def shown_ids(self) -> set[int]:
        """The ids of the rows in sight."""
        return {row["id"] for row in self._visible_rows() if row}

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
        arrival = await self._feed.around(row_id, self.view, self.page_height // 2)
        place = arrival.page.anchor
        if place is None:
            return False
        self.cursor, self.top = place, place - self.page_height // 2
        self.cursor_id = row_id
        self.refresh()
        self.post_message(self.Arrived(arrival))
        return True

    def toggle_mark(self) -> None:
        """Mark the row under the cursor or take its mark, and go on to the next."""
        row = self._row_at_cursor()
        if row is None:
            return
        self._marks.toggle(row, self.view.filter)
        self._repaint(self.cursor)
        self.move(1)
        self.post_message(self.Loaded(self))

    def clear_marks(self) -> None:
        """Nothing is marked any more."""
        if self.marked:
            self._marks.clear()
            self.refresh()
            self.post_message(self.Loaded(self))

    async def mark_all(self) -> int:
        """Mark all that the filter leaves in, also what is not loaded; gives how many rows are over the limit."""
        over = await self._marks.take_all(self.view.filter, self.rows.total)
        self.refresh()
        self.post_message(self.Loaded(self))
        return over

    @property
    def marks(self) -> dict[int, str]:
        """Rows that are marked one by one: id -> what it is called."""
        return self._marks.ids

    @property
    def whole(self) -> Whole | None:
        """All that a filter leaves in, when that is marked instead."""
        return self._marks.whole

    @property
    def marked(self) -> int:
        """How much is marked, in what the source counts."""
        return self._marks.count

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
