"""The change log and its live stream (design: section 5): resumable by id, nothing is polled.

A frame: `id: N`, `event: KIND`, `data: {"workflow_id":W,"ms":T,…}`. Kinds: `jobs` ({"status", "ids"}, runs of
ids as [first, last]), `workflow`, `node`, `event`, and others named after the resource that changed. A stream that asks
to resume from before the oldest change that is kept gets `event: reset` first: what it knows must be read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import Connection

from torc_server.engine.groups import VISIBLE
from torc_server.store.batch import Batch
from torc_server.store.database import Database

KEEP_DAYS = 14
PRUNED_AT_ONCE = 5_000
PAGE = 500
KEEP_ALIVE_S = 15.0
COALESCE_S = 0.02
"""A busy stream sends what gathered in this time together."""


class Changes:
    """Wakes the streams after a commit; they read what is new from the log."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Event] = set()
        self._closed = False
        self.streams = 0
        """How many streams are open."""

    def attach(self) -> None:
        """Bind to the running event loop; the writer's commits wake streams from now on."""
        self._loop = asyncio.get_running_loop()
        self._db.writer.committed = self._committed

    def close(self) -> None:
        """End every stream, from the event loop."""
        self._closed = True
        self._wake()

    def _committed(self) -> None:
        if self._waiters and self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for waiter in self._waiters:
            waiter.set()

    async def stream(self, workflow_id: int | None, after: int | None, only: str | None = None) -> AsyncIterator[bytes]:
        """Frames of changes after id `after` (None: from now on), of one workflow or of all, until closed.

        The first frame is a greeting: whatever is committed once it has come is told.
        `only`: the user to whose workflows it is limited.
        """
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        self.streams += 1
        try:
            oldest, newest = await self._db.read(_bounds)
            position = newest if after is None else after
            yield b": torc\n\n"
            if after is not None and (after + 1 < oldest or after > newest):
                yield b"event: reset\ndata: {}\n\n"
                position = newest
            while not self._closed:
                waiter.clear()
                rows = await self._db.read(_page, workflow_id, position, only)
                if rows:
                    position = rows[-1][0]
                    yield b"".join(_frame(*row) for row in rows)
                    if len(rows) < PAGE:
                        await asyncio.sleep(COALESCE_S)
                    continue
                try:
                    await asyncio.wait_for(waiter.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": keep-alive\n\n"
        finally:
            self._waiters.discard(waiter)
            self.streams -= 1


def _bounds(conn: Connection) -> tuple[int, int]:
    """(oldest kept, newest) id."""
    row = conn.exec_driver_sql("SELECT ifnull(min(id), 1), ifnull(max(id), 0) FROM change").one()
    return int(row[0]), int(row[1])


def _page(
    conn: Connection, workflow_id: int | None, after: int, only: str | None
) -> list[tuple[int, int, int, str, str]]:
    where, of = "", list[int | str]()
    if workflow_id is not None:
        where, of = "workflow_id = ? AND", [workflow_id]
    elif only is not None:
        where, of = f"workflow_id IN ({VISIBLE}) AND", [only]
    rows = conn.exec_driver_sql(
        f"SELECT id, workflow_id, ms, kind, data FROM change WHERE {where} id > ? ORDER BY id LIMIT ?",
        (*of, after, PAGE),
    )
    return [tuple(row) for row in rows]


def _frame(change_id: int, workflow_id: int, ms: int, kind: str, data: str) -> bytes:
    rest = f",{data[1:]}" if data != "{}" else "}"
    return f'id: {change_id}\nevent: {kind}\ndata: {{"workflow_id":{workflow_id},"ms":{ms}{rest}\n\n'.encode()


def prune(batch: Batch) -> bool:
    """Forget some of the changes older than KEEP_DAYS, the oldest first; True while there may be more."""
    gone = batch.run(
        "DELETE FROM change WHERE id IN (SELECT id FROM change ORDER BY id LIMIT ?) AND ms < ?",
        PRUNED_AT_ONCE,
        batch.now_ms - KEEP_DAYS * 86_400_000,
    ).rowcount
    return gone == PRUNED_AT_ONCE
