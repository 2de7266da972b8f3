"""torc's live events of a workflow as server-sent events (server.md 7.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from torc_server.api.answers import Answer
from torc_server.api.call import Call
from torc_server.api.changes import Stream
from torc_server.api.resources import require_workflow
from torc_server.api.routes import get
from torc_server.broadcast import LEVELS, Broadcast, Listener


class LevelQuery(msgspec.Struct, kw_only=True):
    """The least severity to be told of: debug, info, warning or error; anything else is info."""

    level: str = "info"


class EventStream(Stream):
    """The frames of a listener, which leaves when they end or the caller is gone."""

    def __init__(self, broadcast: Broadcast, listener: Listener) -> None:
        super().__init__(listener.frames())
        self._broadcast = broadcast
        self._listener = listener

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._broadcast.leave(self._listener)


@get("/workflows/{id:str}/events/stream", query=LevelQuery)
async def get_event_stream(request: Call) -> Answer:
    """What happens in a workflow from now on."""
    workflow_id = request.number()
    level = request.ask(LevelQuery).level.lower()
    await request.db.read(require_workflow, workflow_id)
    broadcast = request.server.broadcast
    return EventStream(broadcast, broadcast.open(workflow_id, level if level in LEVELS else "info"))


HANDLERS = [get_event_stream]
