"""torc's live events of a workflow (server.md 7.1): sent after the commit, to those who listen then, and not kept.

The change log (`changes.py`) is what misses nothing; this is for torc's own clients.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

import msgspec

from torc_server.store.batch import LiveEvent
from torc_server.store.writer import Writer

LEVELS = ("debug", "info", "warning", "error")

KEEP_ALIVE_S = 15.0

MOST = 10_000
"""Frames that wait for a slow listener; what comes beyond them is counted, and it is told how much it missed."""


class Listener:
    """One open stream: its frames, until it is closed."""

    def __init__(self, workflow_id: int, level: str) -> None:
        self.workflow_id = workflow_id
        self.level = LEVELS.index(level)
        self._frames: deque[bytes] = deque()
        self._dropped = 0
        self._news = asyncio.Event()
        self._closed = False

    def put(self, frame: bytes) -> None:
        """Send it when there is room."""
        if len(self._frames) < MOST:
            self._frames.append(frame)
        else:
            self._dropped += 1
        self._news.set()

    def close(self) -> None:
        """Send what waits and end."""
        self._closed = True
        self._news.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """What is sent: frames as they come, a comment when there are none for a while."""
        while True:
            if self._frames:
                waiting = b"".join(self._frames)
                self._frames.clear()
                yield waiting
            elif self._dropped:
                dropped, self._dropped = self._dropped, 0
                yield b'event: warning\ndata: {"dropped":%d}\n\n' % dropped
            elif self._closed:
                return
            else:
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": keep-alive\n\n"


class Broadcast:
    """Brings events from the writer to the listeners of their workflow."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._listeners: dict[int, set[Listener]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """Bind to the running event loop; the writer's events come from now on."""
        self._loop = asyncio.get_running_loop()
        self._writer.told = self._told

    def open(self, workflow_id: int, level: str) -> Listener:
        """A new listener; events of batches that begin from now on reach it."""
        listener = Listener(workflow_id, level)
        self._listeners.setdefault(workflow_id, set()).add(listener)
        self._writer.listened.add(workflow_id)
        return listener

    def leave(self, listener: Listener) -> None:
        """The listener is gone."""
        mine = self._listeners[listener.workflow_id]
        mine.discard(listener)
        if not mine:
            del self._listeners[listener.workflow_id]
            self._writer.listened.discard(listener.workflow_id)

    def close(self) -> None:
        """End every stream, from the event loop."""
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()

    def _told(self, events: Sequence[LiveEvent]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._deliver, events)

    def _deliver(self, events: Sequence[LiveEvent]) -> None:
        for event in events:
            listeners = self._listeners.get(event.workflow_id, ())
            frame = b"event: %b\ndata: %b\n\n" % (event.event_type.encode(), msgspec.json.encode(event))
            level = LEVELS.index(event.severity)
            for listener in listeners:
                if level >= listener.level:
                    listener.put(frame)
