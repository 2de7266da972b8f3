"""The paged table over a source in memory: its place belongs to ids, and it asks and draws no more than it must."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.driver import LagProbe
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.models.console import Row, TablePage
from torc_tui.rendering.columns import Column
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.palette import DARK
from torc_tui.widgets.paged_table import PagedTable
from torc_tui.widgets.table_source import Source, View


class Memory(Source):
    """Rows in memory; every question is remembered, and its answer may be held back."""

    columns: Sequence[Column] = (
        Column("id", "ID", 8, lambda row, _: [(str(row["id"]), "")], right=True),
        Column("name", "NAME", 20, lambda row, _: [(row["name"], "")]),
        Column("size", "SIZE", 8, lambda row, _: [(str(row["size"]), "")], right=True),
    )
    sort = "id"
    noun = "row"
    takes_filter = False

    def __init__(self, count: int) -> None:
        self.items: Sequence[Row] = [{"id": n, "name": f"row_{n}", "size": n * 37 % 101} for n in range(1, count + 1)]
        self.asked: list[Part] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def page(self, part: Part) -> TablePage:
        self.asked.append(part)
        key = part.sort.removeprefix("-")
        found = [row for row in self.items if part.filter in row["name"]] if part.filter else self.items
        if key != "id" or part.sort.startswith("-"):
            found = sorted(found, key=lambda row: (row[key], row["id"]), reverse=part.sort.startswith("-"))
        offset, anchor = part.offset, None
        if part.anchor is not None:
            anchor = next((i for i, row in enumerate(found) if row["id"] == part.anchor), None)
            if anchor is not None:
                offset = max(0, anchor - part.before)
        items = [dict(row) for row in found[offset : offset + part.limit]]
        await self.gate.wait()
        return TablePage(items=items, offset=offset, total=len(found), everything=len(self.items), anchor=anchor)

    def concerns(self, change: Change) -> bool:
        return change.event == "jobs"

    def in_place(self, change: Change, view: View) -> bool:
        return change.event == "jobs" and not view.filter

    def title(self, row: Row) -> str:
        return str(row["name"])


class TableApp(App[None]):
    """Nothing but a table."""

    palette = DARK
    characters = Characters()

    def __init__(self, source: Memory) -> None:
        super().__init__()
        self.table = PagedTable(source)

    def compose(self) -> ComposeResult:
        yield self.table


class Stage:
    """A table on a screen of 20 rows and a line of titles."""

    def __init__(self, source: Memory, app: TableApp, pilot: Pilot[None]) -> None:
        self.source = source
        self.table = app.table
        self.pilot = pilot

    async def settle(self) -> None:
        async with asyncio.timeout(5):
            while not self.table.idle or not self.table.loaded:
                await asyncio.sleep(0.005)
        await self.pilot.pause()

    def change(self, *ids: int) -> None:
        """These rows get another size, and the table hears of it as of jobs that moved on."""
        self.source.items = [{**row, "size": 999} if row["id"] in ids else row for row in self.source.items]
        self.table.heard(Change(None, "jobs", {"ids": list(ids)}))

    def size_of(self, row_id: int) -> str:
        """What the table says of a row in sight."""
        return self.table.render_line(row_id - self.table.top).text.split()[-1]

    async def refresh(self) -> None:
        self.table.touch_now()
        await self.settle()

    @property
    def cursor_line(self) -> int:
        return self.table.cursor - self.table.top

    def shown(self) -> list[str]:
        lines = [self.table.render_line(y + 1).text for y in range(min(20, self.table.rows.total))]
        return [next(part for part in line.split() if part.startswith("row_")) for line in lines]


@asynccontextmanager
async def stage(count: int) -> AsyncIterator[Stage]:
    source = Memory(count)
    app = TableApp(source)
    async with app.run_test(size=(60, 21)) as pilot:
        made = Stage(source, app, pilot)
        await made.settle()
        yield made


def test_the_cursor_stays_on_its_row_and_line_while_rows_come_and_go() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.table.move_to(57)
            await s.settle()
            cursor_id, line = s.table.cursor_id, s.cursor_line
            for step in range(20):
                rows = list(s.source.items)
                del rows[3]
                rows.insert(10, {"id": 1000 + step, "name": "new", "size": 1})
                rows.insert(11, {"id": 2000 + step, "name": "new", "size": 1})
                s.source.items = rows
                await s.refresh()
                assert (s.table.cursor_id, s.cursor_line) == (cursor_id, line)
                assert s.table.render_line(line + 1).text.split()[1] == str(cursor_id)

    asyncio.run(run())


def test_at_the_top_what_is_new_shows_above_the_cursor_as_long_as_its_row_is_in_sight() -> None:
    async def run() -> None:
        async with stage(200) as s:
            for step in range(30):
                s.source.items = [{"id": 1000 + step, "name": f"row_new_{step}", "size": 1}, *s.source.items]
                await s.refresh()
                assert s.table.cursor_id == 1
                assert s.cursor_line == min(step + 1, 19)
                assert s.table.top == max(0, step + 1 - 19)
                if s.table.top == 0:
                    assert s.shown()[0] == f"row_new_{step}"

    asyncio.run(run())


def test_when_the_row_under_the_cursor_is_gone_the_next_one_is_under_it() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.table.move_to(57)
            s.source.items = [row for row in s.source.items if row["id"] != 58]
            await s.refresh()
            assert (s.table.cursor, s.table.cursor_id) == (57, 59)

    asyncio.run(run())


def test_an_order_of_the_user_begins_at_the_top_and_a_filter_keeps_the_row() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.table.move_to(100)
            s.table.show(View("-size"))
            await s.settle()
            assert s.table.cursor == 0
            assert s.table.cursor_row is not None
            assert s.table.cursor_row["size"] == 100
            cursor_id = s.table.cursor_id
            s.table.show(View("-size", "row_"))
            await s.settle()
            assert s.table.cursor_id == cursor_id

    asyncio.run(run())


def test_marks_belong_to_ids_through_sorting_and_filtering() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.table.move_to(4)
            s.table.toggle_mark()
            s.table.toggle_mark()
            assert s.table.marks == {5: "row_5", 6: "row_6"}
            s.table.show(View("-id", "row_1"))
            await s.settle()
            assert [*s.table.marks] == [5, 6]
            assert await s.table.mark_all() == 0
            assert s.table.marked == s.table.rows.total
            s.table.clear_marks()
            assert s.table.marks == {}

    asyncio.run(run())


def test_one_changed_row_draws_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with stage(200) as s:
            drawn: list[Region | None] = []
            refresh = s.table.refresh

            def noted(*regions: Region, **options: Any) -> Any:
                drawn.extend(regions or [None])
                return refresh(*regions, **options)

            monkeypatch.setattr(s.table, "refresh", noted)
            s.source.items = [{**row, "size": 999} if row["id"] == 7 else row for row in s.source.items]
            await s.refresh()
            assert [region and (region.y, region.height) for region in drawn] == [(7, 1)]
            drawn.clear()
            await s.refresh()
            assert drawn == []

    asyncio.run(run())


def test_what_is_shown_stays_until_its_replacement_is_there_and_late_answers_are_dropped() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.source.gate.clear()
            before = s.shown()
            s.table.show(View("id", "row_9"))
            await s.pilot.pause()
            assert s.shown() == before
            s.table.show(View("id", "row_19"))
            await s.pilot.pause()
            s.source.gate.set()
            await s.settle()
            assert s.shown() == ["row_19", *(f"row_19{n}" for n in range(10))]

    asyncio.run(run())


def test_a_row_that_changes_while_the_first_rows_are_on_their_way_is_shown_as_it_is() -> None:
    async def run() -> None:
        source = Memory(5)
        source.gate.clear()
        app = TableApp(source)
        async with app.run_test(size=(60, 21)) as pilot:
            s = Stage(source, app, pilot)
            while not source.asked:
                await pilot.pause()
            s.change(3)
            source.gate.set()
            await s.settle()
            assert s.size_of(3) == "999"

    asyncio.run(run())


def test_a_row_that_changes_while_the_page_that_came_into_sight_is_on_its_way_is_shown_as_it_is() -> None:
    async def run() -> None:
        async with stage(1000) as s:
            s.source.gate.clear()
            s.table.move_to(650)
            await s.pilot.pause()
            s.change(651)
            s.source.gate.set()
            await s.settle()
            assert s.size_of(651) == "999"

    asyncio.run(run())


def test_rows_that_changed_out_of_sight_are_asked_for_when_they_come_into_sight() -> None:
    async def run() -> None:
        async with stage(200) as s:
            s.source.asked.clear()
            s.change(50)
            await s.settle()
            assert s.source.asked == []
            s.table.move_to(59)
            await s.settle()
            assert s.size_of(50) == "999"
            assert len(s.source.asked) == 1

    asyncio.run(run())


def test_the_end_of_a_long_table_is_one_question_away() -> None:
    async def run() -> None:
        async with stage(100_000) as s:
            s.source.asked.clear()
            s.table.move_to(s.table.rows.total - 1)
            await s.settle()
            assert len(s.source.asked) == 1
            assert s.shown()[-1] == "row_100000"
            assert s.table.cursor_id == 100_000

    asyncio.run(run())


def test_a_hundred_thousand_rows_scroll_without_stalls_and_without_memory() -> None:
    async def run() -> None:
        async with stage(100_000) as s:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            async with LagProbe() as lag:
                for _ in range(60):
                    s.table.page_move(25)
                    await s.pilot.pause()
                await s.settle()
            assert len(s.table.rows) <= 1700
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
            assert lag.p99_ms < 100

    asyncio.run(run())


def test_a_hidden_table_asks_nothing_until_it_is_seen_again() -> None:
    async def run() -> None:
        async with stage(50) as s:
            s.table.pause()
            s.source.asked.clear()
            s.table.touch()
            await asyncio.sleep(0)
            await s.pilot.pause()
            assert s.source.asked == []
            s.table.resume()
            await s.settle()
            assert len(s.source.asked) == 1

    asyncio.run(run())


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21])
def test_moving_anywhere_stays_in_the_table(count: int) -> None:
    async def run() -> None:
        async with stage(count) as s:
            for rows in (-5, 3, 100, -1, -100, 1000):
                s.table.move(rows)
                assert 0 <= s.table.cursor <= max(0, count - 1)
                assert 0 <= s.table.top <= max(0, count - 20)
            s.table.page_move(1)
            s.table.page_move(-3)
            assert s.table.cursor == 0

    asyncio.run(run())
