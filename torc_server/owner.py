"""One server process owns a database: a lock beside the file says which (design: section 3)."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from types import TracebackType

from torc_core.errors import TorcError


def boot_id() -> str:
    """Of this host since it started; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class OwnerLock:
    """Held for as long as the server runs; the kernel lets it go with the process."""

    def __init__(self, database: Path) -> None:
        """Take the lock. TorcError names the owner when another server has it."""
        self._path = database.with_name(database.name + ".lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TorcError(f"cannot open database {database}: {error}; choose another with --database") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = self._owner()
            os.close(self._fd)
            raise TorcError(
                f"database {database} belongs to a running server ({owner}); use that one, or choose another database"
                " with --database"
            ) from None
        me = {"host": socket.gethostname(), "boot_id": boot_id(), "pid": os.getpid()}
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps(me).encode(), 0)

    def _owner(self) -> str:
        try:
            owner = json.loads(os.pread(self._fd, 4096, 0))
            return f"pid {owner['pid']} on {owner['host']}"
        except (ValueError, KeyError, TypeError):
            return "it has not said which"

    def __enter__(self) -> OwnerLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._fd)
