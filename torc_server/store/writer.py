"""The single writer: one thread owns the one writing connection and takes what waits as one batch.

Three phases in one transaction (design: section 3): *apply* (all reports of runners together and set-wise, then each
administrative call in a savepoint of its own: one that fails, for whatever reason, leaves nothing and hurts no other),
*unblock* (once for all the reports; a call that ends jobs unblocks inside its savepoint, so that later calls find the
counters right), *serve* (jobs for the runners that wait). Then commit, then tell everybody. When the commit fails every
caller of the batch gets the error; memory is changed after the commit only. A batch is bounded: by the rows of its
reports, by the time that administrative calls take.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from torc_core.crash import crash_point
from torc_core.errors import TorcError
from torc_server.engine.actions import count, with_actions
from torc_server.engine.announce import announce
from torc_server.engine.unblock import propagate
from torc_server.errors import Busy, Refusal
from torc_server.store.batch import Batch, LiveEvent, driver_connection

T = TypeVar("T")
log = logging.getLogger("torc_server.writer")

QUEUE_LIMIT = 10_000
"""Calls that may wait; beyond it callers are told to try again."""

BUDGET_S = 0.020
"""How long administrative calls may keep a batch open; the rest goes into the next one."""

BATCH_ROWS = 1_000
"""Reports of so many jobs end a batch: about 20 ms of work. A single call is never cut."""

BUSY_MS = 5_000
"""How long to wait for a lock of another program (a backup, a shell) before a statement fails."""

TRUNCATE_BYTES = 64 << 20
"""The log is truncated when it has grown past this."""

LOG_BYTES = 32 << 20
"""Growth of the log after which a checkpoint comes in the middle of work."""

KEPT_BYTES = 8 << 20
"""So much of the log's file is kept when it begins anew, so that its size tells how much is in it."""

CHECKPOINT_EVERY = 500
"""Batches between checkpoints while there is work."""

IDLE_S = 1.0
"""One also comes when the queue has been empty for so long."""

LONGEST_WAIT_S = 3600.0


class Exchanges(Protocol):
    """What the writer asks of the runners' side (`engine.exchange`): the two phases that are theirs, and timers."""

    def apply(self, batch: Batch, calls: list[Any]) -> None: ...
    def serve(self, batch: Batch, calls: list[Any]) -> Callable[[], None]: ...
    def failed(self, calls: list[Any], error: BaseException) -> None: ...
    def rows(self, call: Any) -> int: ...
    def due(self) -> float: ...
    def tick(self, batch: Batch) -> None: ...


class _Call:
    """An administrative call: a function of the batch, and where its answer goes."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Batch], Any], future: Future[Any]) -> None:
        self.work = work
        self.future = future


class Writer:
    """Owns the writing connection. `call` and `exchange` may be used from any thread or task."""

    def __init__(self, engine: Engine) -> None:
        self.exchanges: Exchanges | None = None
        self.committed: Callable[[], None] = lambda: None
        """Called (in the writer's thread) after a commit that logged changes."""
        self.listened: set[int] = set()
        """Workflows whose events somebody wants to be told live."""
        self.told: Callable[[Sequence[LiveEvent]], None] = lambda _: None
        """Called (in the writer's thread) after a commit with what is to be told live."""
        self._engine = engine
        self._watched: set[int] = set()
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._later: deque[_Call] = deque()
        self._stopping = False
        self._batches = 0
        self._log = Path(f"{engine.url.database}-wal")
        self._log_bytes = 0
        """Size of the log at the last checkpoint, 0 when it has begun anew since."""
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to work; after `exchanges` and `committed` are set. TorcError when the database cannot be written."""
        try:
            with self._engine.connect() as conn, conn.begin():
                self._watched |= with_actions(conn)
        except DBAPIError as error:
            raise TorcError(f"cannot write to the database: {error.orig}; choose another with --database") from None
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, refuse what comes later, close the connection."""
        if self._thread.is_alive() and not self._stopping:
            self._stopping = True
            self._queue.put(None)
            self._thread.join()
        self._engine.dispose()

    async def call(self, work: Callable[[Batch], T]) -> T:
        """Run `work` in the next batch, in a savepoint of its own; returns after the commit."""
        future: Future[T] = Future()
        self._put(_Call(work, future))
        return await asyncio.wrap_future(future)

    def wake(self) -> None:
        """Look at the timers now."""
        self._queue.put(None)

    def exchange(self, call: Any) -> None:
        """Queue a runner's call; `exchanges` answers it."""
        self._put(call)

    def _put(self, item: Any) -> None:
        if self._stopping:
            raise Busy("the server is stopping; try again")
        if self._queue.qsize() + len(self._later) >= QUEUE_LIMIT:
            raise Busy("too many requests wait to be written; try again in a second")
        self._queue.put(item)

    def _run(self) -> None:
        with self._engine.connect() as conn:
            idle = True
            while True:
                exchanges, calls = self._take(idle)
                if exchanges or calls or (self.exchanges and self.exchanges.due() <= 0):
                    self._batch(conn, exchanges, calls)
                    idle = False
                elif not idle:
                    self._checkpoint(conn)
                    idle = True
                if not idle and (self._batches % CHECKPOINT_EVERY == 0 or self._log_has_grown()):
                    self._checkpoint(conn)
                if self._stopping and self._queue.empty() and not self._later:
                    self._checkpoint(conn)
                    return

    def _take(self, idle: bool) -> tuple[list[Any], list[_Call]]:
        """What waits, as much as makes a batch, runners' calls apart.

        Blocks until there is something or a timer is due; if it is not `idle` yet, for IDLE_S at most.
        """
        exchanges: list[Any] = []
        calls = list(self._later)
        self._later.clear()
        wait_s = 0.0 if calls else LONGEST_WAIT_S if idle else IDLE_S
        rows = 0
        while rows < BATCH_ROWS:
            try:
                item = self._next(wait_s)
            except queue.Empty:
                break
            wait_s = 0.0
            if isinstance(item, _Call):
                calls.append(item)
            elif item is not None and self.exchanges is not None:
                exchanges.append(item)
                rows += self.exchanges.rows(item)
        return exchanges, calls

    def _next(self, wait_s: float) -> Any:
        """The next item; queue.Empty when there is none within `wait_s`, or before a timer is due."""
        if wait_s and self.exchanges is not None:
            wait_s = min(wait_s, self.exchanges.due())
        return self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()

    def _batch(self, conn: Connection, exchanges: list[Any], calls: list[_Call]) -> None:
        self._batches += 1
        outcomes: list[tuple[_Call, Any, Exception | None]] = []
        try:
            with conn.begin():
                batch = Batch(conn, self._watched, frozenset(self.listened))
                if self.exchanges:
                    self.exchanges.apply(batch, exchanges)
                    self.exchanges.tick(batch)
                    if batch.listened:
                        announce(batch)
                crash_point("server.applied")
                self._apply_calls(batch, calls, outcomes)
                if self._watched:
                    count(batch)
                answer = self.exchanges.serve(batch, exchanges) if self.exchanges else _nothing
                logged = batch.flush()
                crash_point("server.commit.before")
        except BaseException as failure:
            log.exception("a batch was not committed")
            _roll_back(conn)
            if self.exchanges:
                self.exchanges.failed(exchanges, failure)
            for call in calls:
                _resolve(call.future, None, failure)
            return
        crash_point("server.commit.after")
        if batch.live:
            batch.after_commit.append(partial(self.told, batch.live))
        for action in [*batch.after_commit, *([self.committed] if logged else []), answer]:
            try:
                action()
            except Exception:
                log.exception("after a commit something failed; what was committed stays")
        for call, value, error in outcomes:
            _resolve(call.future, value, error)

    def _apply_calls(
        self, batch: Batch, calls: list[_Call], outcomes: list[tuple[_Call, Any, Exception | None]]
    ) -> None:
        until = time.monotonic() + BUDGET_S
        for i, call in enumerate(calls):
            if i and time.monotonic() > until:
                self._later.extend(calls[i:])
                del calls[i:]
                return
            try:
                with batch.part() as part:
                    value = call.work(part)
                    propagate(part)
                    if part.listened:
                        announce(part)
            except Exception as error:
                if not driver_connection(batch.conn).in_transaction:  # SQLite has undone the whole batch: disk full
                    raise
                if not isinstance(error, Refusal):
                    log.exception("a call failed")
                outcomes.append((call, None, error))
            else:
                outcomes.append((call, value, None))

    def _log_has_grown(self) -> bool:
        """Whether a checkpoint is due, by the size of the log."""
        size = self._size_of_log()
        if size < self._log_bytes:
            self._log_bytes = 0
        return size - self._log_bytes > LOG_BYTES

    def _size_of_log(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _checkpoint(self, conn: Connection) -> None:
        """Move the log into the database, outside any transaction; truncate it when it has grown large."""
        raw = driver_connection(conn)
        crash_point("server.checkpoint")
        try:
            pages = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
            if pages * 4096 > TRUNCATE_BYTES:
                raw.execute("PRAGMA busy_timeout = 0")  # a long read makes it wait for another time, nobody for it
                try:
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    raw.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except Exception:
            log.warning("checkpoint failed; it is tried again", exc_info=True)
        self._log_bytes = self._size_of_log()


def _roll_back(conn: Connection) -> None:
    """End what a failed COMMIT leaves open: SQLAlchemy takes the transaction for ended then."""
    raw = driver_connection(conn)
    if raw.in_transaction:
        try:
            raw.rollback()
        except Exception:
            log.exception("a batch could not be rolled back")


def _nothing() -> None:
    """There are no runners to answer."""


def _resolve(future: Future[Any], value: Any, error: BaseException | None) -> None:
    if future.set_running_or_notify_cancel():
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)
