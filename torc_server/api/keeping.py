"""The six endpoints of resources that the server only keeps for its clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import ColumnElement, Connection, String, cast

from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, given, require_workflow, same_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.errors import Invalid
from torc_server.store.batch import Batch


class Kept:
    """Rows of a workflow that change only when a client says so. A list is filtered by the fields of its query."""

    def __init__(self, resource: Resource, query: type[WorkflowPage], required: Sequence[str] = ()) -> None:
        """`required`: optional fields of the wire without which a row cannot be."""
        self.resource = resource
        self.required = required
        self._filters = [f.name for f in msgspec.structs.fields(query) if f.name in resource.table.c]

    def create(self, batch: Batch, body: Any) -> Wire:
        """Store a row; returns what was said. NotFound (workflow), Invalid (a field is missing)."""
        require_workflow(batch.conn, body.workflow_id)
        said = given(body, "id")
        for name in self.required:
            if name not in said:
                raise Invalid(f"{name} is required", field=name)
        row_id = self.resource.insert(batch, said)
        batch.log(body.workflow_id, self.resource.name, id=row_id)
        return {"id": row_id, **said}

    def page(self, conn: Connection, ask: Any) -> Wire:
        """A page of the rows of a workflow. A filter that is text compares as text, whatever the column holds."""
        where: list[ColumnElement[bool]] = []
        for name in self._filters:
            if (value := getattr(ask, name)) is not None:
                column = self.resource.table.c[name]
                where.append((cast(column, String) if isinstance(value, str) else column) == value)
        return self.resource.page(conn, ask, where)

    def update(self, batch: Batch, row_id: int, body: Any) -> Wire:
        """Change what is said; the rest stays. NotFound, Invalid (another workflow)."""
        same_workflow(self.resource.get(batch.conn, row_id), body.workflow_id)
        self.resource.update(batch, row_id, given(body, "id"))
        batch.log(body.workflow_id, self.resource.name, id=row_id)
        return self.resource.get(batch.conn, row_id)

    def delete(self, batch: Batch, row_id: int) -> Wire:
        """Remove a row; returns it. NotFound."""
        row = self.resource.get(batch.conn, row_id)
        self.resource.delete(batch, row_id)
        batch.log(row["workflow_id"], self.resource.name, id=row_id, deleted=True)
        return row


def endpoints(
    path: str,
    kept: Kept,
    model: type[msgspec.Struct],
    query: type[WorkflowPage],
    create: Callable[[Batch, Any], Wire] | None = None,
) -> list[HTTPRouteHandler]:
    """The handlers below `path`; `create` stands in for what `kept` does."""
    new = create or kept.create

    @post(path, body=model, answer=model)
    async def create_one(request: Call) -> Answer:
        """Add one to a workflow."""
        return json_answer(await request.db.write(new, await request.told(model)))

    @get(path, query=query)
    async def list_some(request: Call) -> Answer:
        """A page of those of a workflow."""
        return json_answer(await request.db.read(kept.page, request.ask(query)))

    @get(path + "/{id:str}", answer=model)
    async def get_one(request: Call) -> Answer:
        """One of them."""
        return json_answer(await request.db.read(kept.resource.get, request.number()))

    @put(path + "/{id:str}", body=model, answer=model)
    async def update_one(request: Call) -> Answer:
        """Change one; what is not said stays."""
        row_id = request.number()
        return json_answer(await request.db.write(kept.update, row_id, await request.told(model)))

    @delete(path + "/{id:str}", answer=model)
    async def delete_one(request: Call) -> Answer:
        """Delete one."""
        return json_answer(await request.db.write(kept.delete, request.number()))

    @delete(path, query=OfWorkflow)
    async def delete_all(request: Call) -> Answer:
        """Delete all of a workflow."""
        workflow_id = request.ask(OfWorkflow).workflow_id
        count = await request.server.gradual.clear(kept.resource.delete_some, workflow_id)
        return json_answer({"count": count})

    return [create_one, list_some, get_one, update_one, delete_one, delete_all]
