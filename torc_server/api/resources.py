"""Rows of a table as a resource of the wire: reading, paging, and the plain writes all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, Row, Select, Table, func, select

from torc_core.models.status import JobStatus
from torc_server.api.parameters import MAX_LIMIT, Page, plain_type
from torc_server.engine.delete import PORTION
from torc_server.errors import Invalid, NotFound
from torc_server.store.batch import Batch
from torc_server.store.schema import workflow

Wire = dict[str, Any]
"""A row as it travels: fields that are null are left out."""


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _label(code: int) -> str:
    return JobStatus(code).label


def _stored(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value


class Resource:
    """A table seen through its struct: fields have the names of columns."""

    def __init__(self, label: str, table: Table, model: type[msgspec.Struct]) -> None:
        """`label` begins the message of a row that is missing: `File not found with ID: 3`."""
        self.label = label
        self.table = table
        self.name: str = table.name
        fields = [f for f in msgspec.structs.fields(model) if f.name in table.c]
        self.columns: list[ColumnElement[Any]] = [table.c[f.name] for f in fields]
        self._codes = {f.name for f in fields if f.name == "status" and isinstance(table.c.status.type, Integer)}
        self._fields = [(f.name, self._reader(f.name, plain_type(f.type))) for f in fields]
        self._json = {name for name, read in self._fields if read is _raw}

    def _reader(self, name: str, kind: Any) -> Callable[[Any], Any] | None:
        if name in self._codes:
            return _label
        if kind is bool:
            return bool
        if kind is Any or getattr(kind, "__origin__", None) in (dict, list):
            return _raw
        return None

    def wire(self, row: Row[Any] | tuple[Any, ...]) -> Wire:
        """A row of `columns` as it travels."""
        return {
            name: value if read is None else read(value)
            for (name, read), value in zip(self._fields, row, strict=False)
            if value is not None
        }

    def stored(self, name: str, value: Any) -> Any:
        """A value of the wire as its column holds it."""
        if value is None:
            return None
        if name in self._json:
            return msgspec.json.encode(value).decode()
        if name in self._codes:
            return int(JobStatus.from_label(value))
        return _stored(value)

    def get(self, conn: Connection, row_id: int) -> Wire:
        """One row. NotFound."""
        row = conn.execute(select(*self.columns).where(self.table.c.id == row_id)).one_or_none()
        if row is None:
            raise self.missing(row_id)
        return self.wire(row)

    def missing(self, row_id: int) -> NotFound:
        """The refusal for a row that does not exist."""
        return NotFound(f"{self.label} not found with ID: {row_id}")

    def page(
        self,
        conn: Connection,
        page: Page,
        where: Iterable[ColumnElement[bool]],
        *,
        total: int | None = None,
        columns: list[Any] | None = None,
        wire: Callable[[Any], Wire] | None = None,
    ) -> Wire:
        """A page in torc's envelope (server.md 0.2). Invalid for a page or a sort column that cannot be.

        The ids of the page are found first, on an index where there is one, so that pages far down stay cheap.
        """
        page.check()
        where = list(where)
        order = self.order(page)
        ids = select(self.table.c.id).where(*where).order_by(*order).limit(page.limit).offset(page.offset)
        rows: Select[Any] = select(*(columns or self.columns)).where(self.table.c.id.in_(ids)).order_by(*order)
        items = [(wire or self.wire)(row) for row in conn.execute(rows)] if page.limit else []
        if total is None:
            total = conn.execute(select(func.count()).select_from(self.table).where(*where)).scalar_one()
        return envelope(items, page.offset, total)

    def order(self, page: Page) -> list[ColumnElement[Any]]:
        """ORDER BY of a page: its column, then the id, so that pages do not overlap."""
        name = (page.sort_by or "id").rpartition(".")[2] if page.sort_by else "id"
        if name not in self.table.c:
            fields = ", ".join(name for name, _ in self._fields)
            raise Invalid(f"cannot sort by {page.sort_by!r}; fields are {fields}")
        columns = [self.table.c[name]] if name == "id" else [self.table.c[name], self.table.c.id]
        return [columns[0].desc() if page.reverse_sort else columns[0].asc(), *columns[1:]]

    def insert(self, batch: Batch, values: dict[str, Any]) -> int:
        """Add a row of wire values; returns its id."""
        names = list(values)
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {self.name} ({', '.join(map(_quoted, names))}) VALUES ({marks}) RETURNING id"
        row_id: int = batch.run(sql, *(self.stored(name, values[name]) for name in names)).scalar_one()
        return row_id

    def update(self, batch: Batch, row_id: int, values: dict[str, Any]) -> None:
        """Write the given columns of a row."""
        if values:
            names = ", ".join(f"{_quoted(name)} = ?" for name in values)
            stored = [self.stored(name, value) for name, value in values.items()]
            batch.run(f"UPDATE {self.name} SET {names} WHERE id = ?", *stored, row_id)

    def delete(self, batch: Batch, row_id: int) -> None:
        """Remove a row."""
        batch.run(f"DELETE FROM {self.name} WHERE id = ?", row_id)

    def delete_some(self, batch: Batch, workflow_id: int) -> int:
        """Remove rows of a workflow, PORTION at most; returns how many."""
        some = f"SELECT id FROM {self.name} WHERE workflow_id = ? LIMIT {PORTION}"
        count = batch.run(f"DELETE FROM {self.name} WHERE id IN ({some})", workflow_id).rowcount
        if count:
            batch.log(workflow_id, self.name)
        return count


def _quoted(name: str) -> str:
    return f'"{name}"'


def given(body: msgspec.Struct, *leave_out: str) -> dict[str, Any]:
    """The fields of a body that were said (null is the same as not said)."""
    return {
        name: value
        for name in body.__struct_fields__
        if name not in leave_out and (value := getattr(body, name)) is not None
    }


def envelope(items: list[Any], offset: int, total: int) -> Wire:
    """torc's list answer (server.md 0.2)."""
    return {
        "items": items,
        "offset": offset,
        "max_limit": MAX_LIMIT,
        "count": len(items),
        "total_count": total,
        "has_more": offset + len(items) < total,
    }


def require_workflow(conn: Connection, workflow_id: int, what: str = "Workflow") -> None:
    """NotFound unless the workflow exists and is visible."""
    found = conn.execute(select(workflow.c.id).where(workflow.c.id == workflow_id, workflow.c.state == "visible"))
    if found.one_or_none() is None:
        raise NotFound(f"{what} not found with ID: {workflow_id}")


def same_workflow(row: Wire, workflow_id: int) -> None:
    """Invalid when an update would move a row to another workflow."""
    if row["workflow_id"] != workflow_id:
        raise Invalid(f"workflow_id cannot change: it is {row['workflow_id']}, not {workflow_id}")
