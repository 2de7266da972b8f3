"""The database file: opening and checking it, its one writing and its many reading connections."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from torc_core.errors import TorcError
from torc_server.engine.inputs import digest, input_state
from torc_server.store.batch import Batch
from torc_server.store.columns import metadata
from torc_server.store.schema import SCHEMA_VERSION
from torc_server.store.writer import BUSY_MS, KEPT_BYTES, Writer

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
"""Reading connections and threads; a read never waits for the writer."""

CHECKED_BYTES = 256 << 20
"""Files up to this size are looked over at start (0.4 s for 100 MB); `torc-server check` does it for larger ones."""


class Database:
    """All state, in one SQLite file (WAL, FULL): `write` goes through the single writer, `read` through a pool."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; TorcError when it is no database or was made by a newer version."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.uuid = _prepare(path)
        except OSError as error:
            raise TorcError(f"cannot open database {path}: {error}; choose another with --database") from None
        self.writer = Writer(_engine(path, read_only=False))
        self._read_engine = _engine(path, read_only=True)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    async def write(self, work: Callable[Concatenate[Batch, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(batch, …)` in the writer's next transaction; returns after the commit.

        Raises what `work` raised (a Refusal: its savepoint was rolled back) or what the commit raised.
        """
        return await self.writer.call(lambda batch: work(batch, *args, **kwargs))

    async def read(self, work: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(connection, …)` on a reading connection in a thread: a consistent view of what is committed."""

        def in_thread() -> T:
            with self._read_engine.connect() as conn:
                return work(conn, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)

    def close(self) -> None:
        """Finish what is queued, then close every connection."""
        self.writer.stop()
        self._threads.shutdown()
        self._read_engine.dispose()


def _engine(path: Path, *, read_only: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=READERS if read_only else 1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000, "cached_statements": 256},
    )

    @event.listens_for(engine, "connect")
    def configure(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # the driver opens no transactions of its own
        dbapi.create_function("digest", 1, digest, deterministic=True)
        dbapi.create_function("input_state", -1, input_state, deterministic=True)
        dbapi.execute("PRAGMA foreign_keys = ON")
        dbapi.execute("PRAGMA synchronous = FULL")
        dbapi.execute("PRAGMA temp_store = MEMORY")
        dbapi.execute(f"PRAGMA cache_size = {-8_000 if read_only else -64_000}")  # kB
        if read_only:
            dbapi.execute("PRAGMA query_only = ON")
        else:
            dbapi.execute("PRAGMA wal_autocheckpoint = 0")  # the writer does it, off the commit path
            dbapi.execute(f"PRAGMA journal_size_limit = {KEPT_BYTES}")

    @event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def is_defect(error: OperationalError) -> bool:
    """Whether a statement is wrong, which no waiting helps: SQLite calls that an operational error, too."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return bool(code & 0xFF == sqlite3.SQLITE_ERROR)


def damage(conn: Connection, *, thorough: bool = False) -> list[str]:
    """What SQLite finds wrong with the file itself; `thorough` also compares indexes with their tables."""
    found = conn.exec_driver_sql("PRAGMA integrity_check" if thorough else "PRAGMA quick_check").scalars()
    return [line for line in found if line != "ok"]


def newer_schema(path: Path, version: int) -> TorcError:
    """The refusal of a database that a newer version made."""
    return TorcError(
        f"database {path} was made by a newer torc (schema {version}, this one knows {SCHEMA_VERSION});"
        " upgrade torc or choose another with --database"
    )


def lacks(conn: Connection) -> str | None:
    """The first table or column of the schema that the database does not have."""
    for table in metadata.sorted_tables:
        have = {row[1] for row in conn.exec_driver_sql(f"PRAGMA table_info({table.name})")}
        if missing := [column.name for column in table.columns if column.name not in have]:
            return f"table {table.name}" if not have else f"column {table.name}.{missing[0]}"
    return None


def _prepare(path: Path) -> str:
    """Create the tables of a new file, check the version of an old one; returns the database's UUID."""
    engine = _engine(path, read_only=False)
    try:
        with engine.connect() as conn:
            raw = conn.connection.driver_connection
            assert raw is not None
            raw.execute("ROLLBACK") if raw.in_transaction else None
            raw.execute("PRAGMA journal_mode = WAL")
            version = raw.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise newer_schema(path, version)
        with engine.begin() as conn:
            if version == 0:
                tables = conn.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE type = 'table'").scalar_one()
                if tables:
                    raise TorcError(f"{path} is a database of another program; choose another with --database")
                metadata.create_all(conn)
                conn.exec_driver_sql("INSERT INTO owner VALUES (1, ?)", (str(uuid.uuid4()),))
                conn.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif path.stat().st_size <= CHECKED_BYTES and (found := damage(conn)):
                raise TorcError(
                    f"database {path} is damaged ({found[0]}); restore a backup, or save what can be read with"
                    f" `sqlite3 {path} .recover` and choose another with --database"
                )
            elif lacking := lacks(conn):
                raise TorcError(
                    f"database {path} lacks {lacking}: an unreleased torc made it; move it away, or choose another with"
                    " --database"
                )
            return str(conn.exec_driver_sql("SELECT database_uuid FROM owner").scalar_one())
    except TorcError:
        raise
    except Exception as error:
        reason = getattr(error, "orig", None) or error
        raise TorcError(f"cannot use database {path}: {reason}; choose another with --database") from None
    finally:
        engine.dispose()
