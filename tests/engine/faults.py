"""A store that fails once: at the nth statement of the writer, or at its nth commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


class Faults:
    """When to fail, and how: `undone` as a full disk does, taking the whole transaction back, else only the call."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.undone = False
        self.commits = False
        self.count = 0
        """Statements, or commits, since it was armed."""
        self.failed = False

    def arm(self, nth: int | None, *, undone: bool, commits: bool) -> None:
        """Fail at the nth statement (or commit) from now on; None only counts them."""
        self.left, self.undone, self.commits = nth, undone, commits
        self.count, self.failed = 0, False

    def pass_by(self, connection: sqlite3.Connection, *, commits: bool) -> None:
        """A statement or a commit is about to be carried out. OperationalError when it must fail."""
        if commits != self.commits or threading.current_thread().name != "writer":
            return
        self.count += 1
        if self.left is None or self.count != self.left:
            return
        self.failed = True
        if self.undone and connection.in_transaction:
            sqlite3.Connection.rollback(connection)
        error = sqlite3.OperationalError("database or disk is full" if self.undone else "disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL if self.undone else sqlite3.SQLITE_IOERR
        raise error


@contextmanager
def faulty_store() -> Iterator[Faults]:
    """Every database that is opened meanwhile heeds the faults."""
    faults = Faults()

    class FaultyCursor(sqlite3.Cursor):
        def execute(self, sql: str, *args: Any) -> FaultyCursor:
            faults.pass_by(self.connection, commits=False)
            super().execute(sql, *args)
            return self

        def executemany(self, sql: str, *args: Any) -> FaultyCursor:
            faults.pass_by(self.connection, commits=False)
            super().executemany(sql, *args)
            return self

    class FaultyConnection(sqlite3.Connection):
        def cursor(self, *_: Any) -> FaultyCursor:  # type: ignore[override]  # sqlite3 gives what a factory makes: here always this
            return super().cursor(FaultyCursor)

        def commit(self) -> None:
            faults.pass_by(self, commits=True)
            super().commit()

    def connect(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        parameters["factory"] = FaultyConnection

    event.listen(Engine, "do_connect", connect)
    try:
        yield faults
    finally:
        event.remove(Engine, "do_connect", connect)
