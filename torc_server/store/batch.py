"""A write transaction as the engine sees it: its connection, and what has to be said when it is committed."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from torc_core.models.status import JobStatus

encode = msgspec.json.encode


def json_text(value: Any) -> str:
    """The text of a JSON parameter or column."""
    return encode(value).decode()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Move:
    """Jobs of a workflow that went to a status together."""

    workflow_id: int
    status: JobStatus
    forced: bool
    ids: list[int]

    def wire(self) -> dict[str, Any]:
        """The data of the change."""
        told: dict[str, Any] = {"status": self.status.label, "ids": pack(self.ids)}
        return {**told, "forced": True} if self.forced else told


class LiveEvent(msgspec.Struct):
    """Something that listeners are told once it is committed (server.md 7.1)."""

    workflow_id: int
    timestamp: int
    event_type: str
    severity: str
    data: dict[str, Any]


class Batch:
    """The transaction under way (or one administrative call in it).

    The engine's functions write through `run` and record beside it what the rows cannot say: jobs that ended and have
    yet to be propagated, changes to log, workflows and nodes whose waiting runners must be looked at. Nothing outside
    the transaction is touched before the commit: what must happen then is added to `after_commit`.
    """

    def __init__(
        self, conn: Connection, watched: set[int] | None = None, listened: frozenset[int] = frozenset()
    ) -> None:
        """`watched`: workflows that have actions, added to before the commit; it may name too many, never too few.

        `listened`: workflows of whose events somebody wants to be told live.
        """
        self.conn = conn
        self.watched = set() if watched is None else watched
        self.listened = listened
        self.now_ms = now_ms()
        self.ended: dict[int, bool] = {}
        """Jobs that ended and whose dependents do not know yet: id -> was it a success."""
        self.counts: defaultdict[tuple[int, int], int] = defaultdict(int)
        """(workflow, status) -> by how much its kept count changes."""
        self.moves: list[Move] = []
        """Moves of jobs in the order in which they happened, for the change log."""
        self._last_move: dict[int, Move] = {}
        """The last of each workflow: what follows in the same way joins it."""
        self.changes: list[tuple[int, str, Any]] = []
        """(workflow, kind, data) for the change log."""
        self.wake_workflows: set[int] = set()
        """Workflows in which waiting runners may get something (jobs became ready, completion, cancellation)."""
        self.wake_nodes: set[int] = set()
        """Nodes to be told something (an attempt to stop)."""
        self.new_actions: set[int] = set()
        """Workflows in which an action can now be claimed."""
        self.unseen: set[int] = set()
        """Jobs of listened workflows that ended before their runner told that they started."""
        self.live: list[LiveEvent] = []
        """What listeners are told after the commit."""
        self.after_commit: list[Callable[[], object]] = []
        self._outer: Batch | None = None

    @contextmanager
    def part(self) -> Iterator[Batch]:
        """A savepoint: what is done in the batch it gives counts when that ends well, and is undone when it raises."""
        raw = driver_connection(self.conn)
        made = Batch(self.conn, self.watched, self.listened)
        made._outer = self
        raw.execute("SAVEPOINT part")
        try:
            yield made
            raw.execute("RELEASE part")
        except BaseException:
            if raw.in_transaction:  # otherwise SQLite has undone the whole batch: disk full, I/O error
                raw.execute("ROLLBACK TO part")
                raw.execute("RELEASE part")
            raise
        self.absorb(made)

    def count_changes(self, workflow_id: int) -> Iterator[tuple[int, int]]:
        """(status, by how much its kept count changes) of a workflow, as noted so far and not yet written."""
        batch: Batch | None = self
        while batch is not None:
            for (workflow, status), n in batch.counts.items():
                if workflow == workflow_id:
                    yield status, n
            batch = batch._outer

    def run(self, sql: str, *params: Any) -> CursorResult[*tuple[Any, ...]]:
        """Execute constant SQL with `?` parameters; sets of ids travel as one JSON array read by json_each."""
        return self.conn.exec_driver_sql(sql, params)

    def run_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute constant SQL once for each row of parameters."""
        if rows:
            self.conn.exec_driver_sql(sql, list(rows))

    def json(self, value: Any) -> str:
        """The text of a JSON parameter."""
        return json_text(value)

    def record_move(
        self, workflow_id: int, ids: Sequence[int], old: JobStatus, new: JobStatus, *, forced: bool = False
    ) -> None:
        """Keep counts and change log in step with jobs that went from `old` to `new`.

        `forced`: by a request that may do what the transition table does not allow.
        """
        if not ids or old == new:
            return
        self.counts[workflow_id, old] -= len(ids)
        self.counts[workflow_id, new] += len(ids)
        self.log_move(Move(workflow_id, new, forced, list(ids)))

    def record_new(self, workflow_id: int, ids: Sequence[int]) -> None:
        """Jobs were added, uninitialized."""
        self.counts[workflow_id, JobStatus.UNINITIALIZED] += len(ids)
        self.log_move(Move(workflow_id, JobStatus.UNINITIALIZED, False, list(ids)))

    def log_move(self, move: Move) -> None:
        """Append a move to the change log, where it can to the one before it."""
        last = self._last_move.get(move.workflow_id)
        if last is not None and (last.status, last.forced) == (move.status, move.forced):
            last.ids.extend(move.ids)
            return
        self.moves.append(move)
        self._last_move[move.workflow_id] = move

    def log(self, workflow_id: int, kind: str, **data: Any) -> None:
        """Append to the change log."""
        self.changes.append((workflow_id, kind, data))

    def tell(self, workflow_id: int, event_type: str, severity: str = "info", **data: Any) -> None:
        """Tell those who listen to the workflow, after the commit."""
        if workflow_id in self.listened:
            self.live.append(LiveEvent(workflow_id, self.now_ms, event_type, severity, data))

    def absorb(self, part: Batch) -> None:
        """Take over what a finished call recorded."""
        self.ended.update(part.ended)
        for key, n in part.counts.items():
            self.counts[key] += n
        for move in part.moves:
            self.log_move(move)
        self.changes += part.changes
        self.wake_workflows |= part.wake_workflows
        self.wake_nodes |= part.wake_nodes
        self.new_actions |= part.new_actions
        self.unseen |= part.unseen
        self.live += part.live
        self.after_commit += part.after_commit

    def flush(self) -> int:
        """Write kept counts and change log; returns how many changes were logged."""
        counts = [(w, s, n, w) for (w, s), n in self.counts.items() if n]
        self.run_many(
            "INSERT INTO status_count (workflow_id, status, n)"
            " SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM workflow WHERE id = ?)"
            " ON CONFLICT (workflow_id, status) DO UPDATE SET n = n + excluded.n",
            counts,
        )
        rows: list[tuple[Any, ...]] = [
            (move.workflow_id, self.now_ms, "jobs", self.json(move.wire())) for move in self.moves
        ]
        rows += [(w, self.now_ms, kind, self.json(data)) for w, kind, data in self.changes]
        self.run_many("INSERT INTO change (workflow_id, ms, kind, data) VALUES (?, ?, ?, ?)", rows)
        self.counts.clear()
        self.moves.clear()
        self._last_move.clear()
        self.changes.clear()
        return len(rows)


_NOT_THE_STORE = {0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
"""Codes of errors that come from what was asked; 0: it never came to SQLite."""


def driver_connection(conn: Connection) -> sqlite3.Connection:
    """SQLite's own connection, for what must cost nothing."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def store_fails(conn: Connection, error: BaseException) -> bool:
    """Whether the database cannot do it now (full disk, I/O error, lock), or has undone the whole batch."""
    if not driver_connection(conn).in_transaction:
        return True
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", 0) & 0xFF not in _NOT_THE_STORE


def pack(ids: Iterable[int]) -> list[int | list[int]]:
    """Ascending ids with runs of three and more as [first, last]: a bulk transition stays one small row."""
    packed: list[int | list[int]] = []
    run: list[int] = []
    for i in sorted(set(ids)):
        if run and i == run[-1] + 1:
            run = [run[0], i]
            continue
        _close(run, packed)
        run = [i]
    _close(run, packed)
    return packed


def _close(run: list[int], packed: list[int | list[int]]) -> None:
    if len(run) == 2 and run[1] - run[0] > 1:
        packed.append([run[0], run[1]])
    else:
        packed.extend(run)


def unpack(packed: Iterable[int | list[int]]) -> Iterator[int]:
    """The ids that `pack` made this of."""
    for each in packed:
        if isinstance(each, list):
            yield from range(each[0], each[1] + 1)
        else:
            yield each
