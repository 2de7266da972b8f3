"""`torc-server check` and `torc-server backup`: both may run beside a live server."""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, create_engine

from torc_core.errors import InputError, TorcError
from torc_server.engine.check import check
from torc_server.store.database import damage, newer_schema
from torc_server.store.schema import SCHEMA_VERSION


def run(command: str, arguments: Sequence[str], database_of: Callable[[str | None], Path]) -> int:
    """Run `check` or `backup`; returns the exit code. TorcError when that cannot be done.

    `database_of` says which file is meant when --database is this, or is not there.
    """
    options = _parser(command).parse_args(arguments)
    database = database_of(options.database)
    if command == "backup":
        back_up(database, options.file.absolute())
        return 0
    problems = check_file(database, integrity=options.integrity)
    for problem in problems:
        print(problem)
    told = f"{len(problems)} problem{'s' * (len(problems) > 1)} in {database}"
    print(told if problems else f"{database} is in order")
    return int(bool(problems))


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"torc-server {command}")
    parser.add_argument("-d", "--database", help="SQLite file (DATABASE_URL, else torc.db in this folder)")
    if command == "check":
        parser.description = "Check that everything in the database holds together; exit code 1 when it does not."
        parser.add_argument("--integrity", action="store_true", help="also read every page of the file (slow)")
    else:
        parser.description = "Copy the database while the server runs."
        parser.add_argument("file", type=Path, metavar="FILE", help="where to; must not exist")
    return parser


def check_file(database: Path, *, integrity: bool = False, **how: bool) -> list[str]:
    """Everything that is wrong in a database file, see `engine.check.check`; `integrity` reads every page of it."""
    with _reading(database) as conn:
        damaged = damage(conn, thorough=integrity)
        return [f"the file is damaged: {line}" for line in damaged] or check(conn, **how)


def back_up(database: Path, target: Path) -> None:
    """Copy a database, also one in use, whole and as of one moment. InputError when `target` exists."""
    if target.exists():
        raise InputError(f"{target} exists; name a file that does not")
    part = target.with_name(target.name + ".part")
    with _reading(database) as conn:
        source = conn.connection.driver_connection
        try:
            copy = sqlite3.connect(part)
            try:
                source.backup(copy)  # type: ignore[union-attr]
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            finally:
                copy.close()
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            part.rename(target)
        except (OSError, sqlite3.Error) as error:
            part.unlink(missing_ok=True)
            raise TorcError(f"cannot write the backup {target}: {error}") from None


@contextlib.contextmanager
def _reading(database: Path) -> Iterator[Connection]:
    """A connection that only reads. TorcError when there is no torc database, or one of a newer torc."""
    if not database.is_file():
        raise InputError(f"there is no database {database}; choose another with --database")
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 30, "isolation_level": None})
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("PRAGMA query_only = ON")
            version = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version > SCHEMA_VERSION:
                raise newer_schema(database, version)
            if not conn.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'owner'").scalar():
                raise InputError(f"{database} is no torc database; choose another with --database")
            conn.exec_driver_sql("BEGIN")
            yield conn
            conn.exec_driver_sql("ROLLBACK")
    except TorcError:
        raise
    except Exception as error:
        reason = getattr(error, "orig", None) or error
        raise TorcError(f"cannot read database {database}: {reason}") from None
    finally:
        engine.dispose()
