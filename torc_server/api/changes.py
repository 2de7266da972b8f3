"""The change log as a stream of server-sent events (design: section 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from torc_server.api.answers import Answer, Headers, Malformed
from torc_server.api.call import Call
from torc_server.api.parameters import integer
from torc_server.api.routes import get

_HEADERS: Headers = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)


class ChangesQuery(msgspec.Struct, kw_only=True):
    workflow_id: int | None = None
    after: int | None = None


class Stream(Answer):
    """Sends frames until they end or the caller is gone."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        super().__init__(headers=_HEADERS)
        self._frames = frames

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": list(self.fields)})
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Any) -> None:
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@get("/changes", query=ChangesQuery)
async def get_changes(request: Call) -> Answer:
    """Changes of one workflow or of all, from now on or after an id; `Last-Event-ID` resumes without a gap."""
    ask = request.ask(ChangesQuery)
    after = ask.after
    if (last := request.headers.get("last-event-id")) is not None:
        try:
            after = integer(last)
        except ValueError as error:
            raise Malformed(f"Couldn't parse header Last-Event-ID: {error}") from None
    only = request.server.access.visible_to(request.caller)
    return Stream(request.server.changes.stream(ask.workflow_id, after, only))


HANDLERS = [get_changes]
