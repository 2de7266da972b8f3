"""torc's own events: notes in a workflow's list (server.md 1.6, 7.2). The change log is another thing (changes.py)."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func

from torc_core.models.resources import Event
from torc_server.api.answers import Answer, json_answer
from torc_server.api.call import Call
from torc_server.api.parameters import OfWorkflow, WorkflowPage
from torc_server.api.resources import Resource, Wire, require_workflow
from torc_server.api.routes import delete, get, post, put
from torc_server.store import schema
from torc_server.store.batch import Batch

EVENTS = Resource("Event", schema.event, Event)


class NewEvent(msgspec.Struct, kw_only=True):
    """Body of a creation; the server sets the time whatever is said."""

    id: int | None = None
    workflow_id: int
    timestamp: int | None = None
    data: Any


class EventQuery(WorkflowPage, kw_only=True):
    """Filters of the list of events; time in milliseconds since 1970."""

    after_timestamp: int | None = None
    category: str | None = None


@post("/events", body=NewEvent, answer=Event)
async def create_event(request: Call) -> Answer:
    """Add a note to a workflow's events."""
    body = await request.told(NewEvent)

    def work(batch: Batch) -> Wire:
        require_workflow(batch.conn, body.workflow_id)
        data = batch.json(body.data)
        event_id = batch.run(
            "INSERT INTO event (workflow_id, timestamp, data) VALUES (?, ?, ?) RETURNING id",
            body.workflow_id,
            batch.now_ms,
            data,
        ).scalar_one()
        batch.log(body.workflow_id, "event", id=event_id)
        return EVENTS.get(batch.conn, event_id)

    return json_answer(await request.db.write(work))


@get("/events", query=EventQuery)
async def list_events(request: Call) -> Answer:
    """A page of the events of a workflow."""
    return json_answer(await request.db.read(_page, request.ask(EventQuery)))


def _page(conn: Connection, ask: EventQuery) -> Wire:
    c = schema.event.c
    where: list[ColumnElement[bool]] = [c.workflow_id == ask.workflow_id]
    if ask.after_timestamp is not None:
        where.append(c.timestamp > ask.after_timestamp)
    if ask.category is not None:
        where.append(func.json_extract(c.data, "$.category") == ask.category)
    return EVENTS.page(conn, ask, where)


@get("/events/{id:str}", answer=Event)
async def get_event(request: Call) -> Answer:
    """One event."""
    return json_answer(await request.db.read(EVENTS.get, request.number()))


@put("/events/{id:str}", body=Any, answer=Event)
async def update_event(request: Call) -> Answer:
    """The whole body becomes the event's data (server.md 1.6)."""
    event_id = request.number()
    data = await request.told_anything()

    def work(batch: Batch) -> Wire:
        row = EVENTS.get(batch.conn, event_id)
        batch.run("UPDATE event SET data = ? WHERE id = ?", batch.json(data), event_id)
        batch.log(row["workflow_id"], "event", id=event_id)
        return EVENTS.get(batch.conn, event_id)

    return json_answer(await request.db.write(work))


@delete("/events/{id:str}", answer=Event)
async def delete_event(request: Call) -> Answer:
    """Delete an event."""
    event_id = request.number()

    def work(batch: Batch) -> Wire:
        row = EVENTS.get(batch.conn, event_id)
        EVENTS.delete(batch, event_id)
        batch.log(row["workflow_id"], "event", id=event_id, deleted=True)
        return row

    return json_answer(await request.db.write(work))


@delete("/events", query=OfWorkflow)
async def delete_events(request: Call) -> Answer:
    """Delete all events of a workflow."""
    workflow_id = request.ask(OfWorkflow).workflow_id
    return json_answer({"count": await request.server.gradual.clear(EVENTS.delete_some, workflow_id)})


HANDLERS = [create_event, list_events, get_event, update_event, delete_event, delete_events]
