"""How a page of a table is found: sorted, filtered, with totals, as one cheap request.

A page is found by its ids first, on an index where there is one and without the joins that nothing needs, then its rows
are read.
`anchor` asks for the page around a row wherever it now is, so that a list that changed does not move its reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from torc_core.models.console import TablePage
from torc_core.models.status import JobStatus
from torc_server.api.filters import Column, Kind, where
from torc_server.api.parameters import MAX_LIMIT
from torc_server.errors import Invalid


class TableQuery(msgspec.Struct, kw_only=True):
    """Which part of a table: `sort` is a column, `-` before it reverses.

    With `anchor`, the id of a row, the part begins `before` rows above that row, wherever it now is; `offset` counts
    when the row is not there any more.
    """

    offset: int = 0
    limit: int = 100
    sort: str = "id"
    filter: str = ""
    anchor: int | None = None
    before: int = 0


@dataclass(frozen=True, slots=True)
class ConsoleTable:
    """A table: where its rows come from and which columns they have."""

    source: str
    """The table of `key`."""
    columns: Mapping[str, Column]
    key: str
    """The id column, qualified."""
    scope: str
    """Condition on its rows, with parameters for what the table is asked about: a workflow, a user."""
    word: str = "name"
    """The column in which a bare word of a filter is looked for."""
    joins: Mapping[str, str] = field(default_factory=dict)
    """Alias -> LEFT JOIN, each for what its columns need; a later one may use those before it."""
    with_: str = ""
    """WITH clause that `source` builds on."""

    def page(self, conn: Connection, of: Sequence[int | str], ask: TableQuery) -> TablePage:
        """A page of what the scope is about, `of` being its parameters. Invalid for a sort or filter that cannot be."""
        check_limit(ask)
        condition, filter_values = where(ask.filter, self.columns, self.word)
        narrowed = f"{self.scope} AND {condition}" if condition else self.scope
        values = [*of, *filter_values]
        everything = self._count(conn, self.scope, [*of])
        total = self._count(conn, narrowed, values) if condition else everything
        offset, anchor = max(ask.offset, 0), None
        if ask.anchor is not None:
            anchor = self._position(conn, narrowed, values, ask)
            if anchor is not None:
                offset = max(0, anchor - ask.before)
        order = self._order(ask.sort)
        ids = f"SELECT {self.key} FROM {self._from(narrowed, order)} WHERE {narrowed} ORDER BY {order} LIMIT ? OFFSET ?"
        shown = {name: column for name, column in self.columns.items() if column.shown}
        names = ", ".join(f"{column.sql} AS {name}" for name, column in shown.items())
        rows = conn.exec_driver_sql(
            f"{self.with_} SELECT {names} FROM {self._from(names, order)} WHERE {self.key} IN ({ids}) ORDER BY {order}",
            (*values, ask.limit, offset),
        )
        items = [self._wire(shown, row) for row in rows]
        return TablePage(items=items, offset=offset, total=total, everything=everything, anchor=anchor)

    def ids(self, conn: Connection, of: Sequence[int | str], filter: str, within: str = "1") -> list[int]:
        """The ids, ascending, of all rows that a filter leaves in; `within` is a condition of the server's own."""
        condition, values = where(filter, self.columns, self.word)
        narrowed = " AND ".join(part for part in (self.scope, condition, within) if part)
        sql = f"{self.with_} SELECT {self.key} FROM {self._from(narrowed)} WHERE {narrowed} ORDER BY {self.key}"
        return list(conn.exec_driver_sql(sql, (*of, *values)).scalars())

    def _wire(self, shown: Mapping[str, Column], row: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (name, column), value in zip(shown.items(), row, strict=True):
            if value is None:
                continue
            if column.kind is Kind.STATUS:
                value = JobStatus(value).label
            elif column.kind is Kind.FLAG:
                value = bool(value)
            elif column.kind is Kind.COUNTS:
                value = {JobStatus(int(code)).label: n for code, n in msgspec.json.decode(value).items()}
            found[name] = value
        return found

    def _from(self, *used: str) -> str:
        """FROM with the joins that these expressions need."""
        needed: list[str] = []
        text = " ".join(used)
        for alias, join in reversed(list(self.joins.items())):
            if f"{alias}." in text:
                needed.insert(0, join)
                text = f"{text} {join}"
        return " ".join([self.source, *needed])

    def _count(self, conn: Connection, condition: str, values: list[Any]) -> int:
        sql = f"{self.with_} SELECT count(*) FROM {self._from(condition)} WHERE {condition}"
        return int(conn.exec_driver_sql(sql, tuple(values)).scalar_one())

    def _column(self, sort: str) -> tuple[Column, str]:
        """The column to sort by and the direction."""
        name = sort.removeprefix("-") or "id"
        column = self.columns.get(name)
        if column is None:
            raise Invalid(f"cannot sort by {name!r}; columns are {', '.join(self.columns)}")
        return column, "DESC" if sort.startswith("-") else "ASC"

    def _order(self, sort: str) -> str:
        """ORDER BY: nulls last, ties by id in the same direction, so that an index can be read either way."""
        column, direction = self._column(sort)
        if column.sql == self.key:
            return f"{self.key} {direction}"
        nulls = f"{column.sql} IS NULL, " if column.nullable else ""
        return f"{nulls}{column.sql} {direction}, {self.key} {direction}"

    def _position(self, conn: Connection, condition: str, values: list[Any], ask: TableQuery) -> int | None:
        """How many rows come before the row with id `anchor`; None when the filter leaves it out or it is gone."""
        column, direction = self._column(ask.sort)
        own = conn.exec_driver_sql(
            f"{self.with_} SELECT {column.sql} FROM {self._from(column.sql, condition)}"
            f" WHERE {condition} AND {self.key} = ?",
            (*values, ask.anchor),
        ).one_or_none()
        if own is None:
            return None
        sign = ">" if direction == "DESC" else "<"
        if column.sql == self.key:
            before, bound = f"{self.key} {sign} ?", [ask.anchor]
        elif own[0] is None:
            bound = [ask.anchor]
            before = f"({column.sql} IS NOT NULL OR ({column.sql} IS NULL AND {self.key} {sign} ?))"
        else:
            before, bound = f"({column.sql}, {self.key}) {sign} (?, ?)", [own[0], ask.anchor]
        return self._count(conn, f"{condition} AND {before}", [*values, *bound])


def check_limit(ask: TableQuery) -> None:
    """Invalid for more rows than an answer may have, or none."""
    if not 0 < ask.limit <= MAX_LIMIT:
        raise Invalid(f"limit {ask.limit} must be from 1 to {MAX_LIMIT}")
