"""Moving, sorting, filtering and marking in tables."""

from __future__ import annotations

from collections.abc import Callable

from torc_tui.actions import Action, Effect, Group, Place
from torc_tui.context import Context
from torc_tui.rendering.numbers import many
from torc_tui.screens.chooser import Choice
from torc_tui.widgets.paged_table import PagedTable

TABLE = frozenset({Place.TABLE})


def _on_table(work: Callable[[PagedTable], object]) -> Effect:
    def effect(context: Context) -> None:
        if context.table is not None:
            work(context.table)

    return effect


def _filter(context: Context) -> None:
    context.screen.ask_filter()


async def _sort(context: Context) -> None:
    table = context.table
    if table is None:
        return
    columns = [column for column in table.source.columns if column.sortable and column.title]
    choices = [Choice(column.name, column.title.lower()) for column in columns]
    chosen = await context.app.choose("Sort by", choices, current=table.view.sort.removeprefix("-"))
    if chosen is not None:
        table.sort_by(chosen)


async def _mark_all(context: Context) -> None:
    table = context.table
    if table is None:
        return
    over = await table.mark_all()
    more = f"; {over:,} more are over the limit" if over else ""
    context.app.say(f"{many(table.marked, table.source.noun)} marked{more}")


def _unmarked(context: Context) -> str | None:
    return None if context.table and context.table.marked else "nothing is marked"


ACTIONS = (
    Action("table.down", "down", "Next row", "down,j", TABLE, _on_table(lambda t: t.move(1)), Group.MOVE),
    Action("table.up", "up", "Row before", "up,k", TABLE, _on_table(lambda t: t.move(-1)), Group.MOVE),
    Action(
        "table.page_down", "page down", "A screen down", "pagedown,ctrl+f", TABLE,
        _on_table(lambda t: t.page_move(1)), Group.MOVE,
    ),
    Action(
        "table.page_up", "page up", "A screen up", "pageup,ctrl+u", TABLE,
        _on_table(lambda t: t.page_move(-1)), Group.MOVE,
    ),
    Action("table.first", "first", "First row", "home,g", TABLE, _on_table(lambda t: t.move_to(0)), Group.MOVE),
    Action(
        "table.last", "last", "Last row", "end,G", TABLE,
        _on_table(lambda t: t.move_to(t.rows.total - 1)), Group.MOVE,
    ),
    Action(
        "table.filter", "filter", "Show only some rows: words, or FIELD OP VALUE such as status=failed mem>4g",
        "/", TABLE, _filter, Group.LOOK, footer=80,
    ),
    Action("table.sort", "sort", "Sort by a column; by the same one again: the other way round", "s", TABLE, _sort,
           Group.LOOK),
    Action(
        "table.mark", "mark", "Mark the row, or take its mark, and go a row down; actions then mean all that is marked",
        "space", TABLE, _on_table(lambda t: t.toggle_mark()), Group.MARK, footer=70,
    ),
    Action("table.mark_all", "all in filter", "Mark every row that the filter leaves in", "*", TABLE, _mark_all,
           Group.MARK),
    Action("table.unmark", "unmark", "Take all marks", "u", TABLE, _on_table(lambda t: t.clear_marks()), Group.MARK,
           reason=_unmarked),
)  # fmt: skip
