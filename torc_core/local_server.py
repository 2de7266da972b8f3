"""The user's own server: found, checked, started and stopped without any set-up (design: local by default).

Everything is in one folder per host, $XDG_STATE_HOME/torc/HOST: the database, the server's log, `server.json` (mode
0600) that says where the server is and what opens it, `token` for clients that do not read it, and `stopped` while the
user wants none. The server is a detached process, `torc-server run` on loopback; it ends by itself when idle. A later
one gets the same port and token, so that runners and consoles that lost it find it again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from torc_core import VERSION
from torc_core.client.endpoints import ServerInfo, server_info
from torc_core.client.http import Address, Client
from torc_core.config import state_dir
from torc_core.errors import TorcError
from torc_core.host import process_space

IDLE_EXIT_S = 15 * 60
"""A server started here ends when nothing has used it for so long."""

START_LIMIT_S = 60.0
"""How long a server may take to start: migrations of a large database included."""

SILENT_LIMIT_S = 15.0
"""How long a server may live without answering: it has this time to stop."""

STOP_LIMIT_S = 60.0
"""How long a server may take to stop."""

LEAST_ROOM = 1 << 16
"""With less free bytes on its disk a server cannot start."""

COMMAND_MARK = b"\0torc_server\0run\0"
"""In the command line of every server that is started here."""

PORT_LINE = b"TORC_SERVER_PORT="
"""What the server says on stdout once it listens (server.md 8)."""


class Record(Struct):
    """Contents of `server.json`."""

    url: str
    port: int
    token: str
    pid: int
    process_space: str
    version: str

    @property
    def address(self) -> Address:
        return Address(self.url, self.token)


def home() -> Path:
    """The folder of this host's own server."""
    return state_dir() / socket.gethostname()


def log_path() -> Path:
    """Where the server writes its log."""
    return home() / "server.log"


def log_of(url: str) -> Path | None:
    """The log of the server at this address, if it is the user's own."""
    record = read_record()
    return log_path() if record and record.url == url else None


def read_record() -> Record | None:
    """What `server.json` says, whether that server lives or not; None without a readable one."""
    try:
        return msgspec.json.decode((home() / "server.json").read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def find() -> tuple[Record, ServerInfo] | None:
    """The user's own server if it is alive and is what the record says; starts nothing."""
    record = read_record()
    info = _ask(record) if record else None
    return (record, info) if record and info else None


def silent() -> Record | None:
    """What is recorded of a server that lives and does not answer, or does not know its token."""
    record = read_record()
    return record if record and _is_server(record) and _ask(record) is None else None


def ensure(say: Callable[[str], None] = lambda _: None) -> Address:
    """The address of the user's own server, which is started when it is not there.

    `say` gets a line about what the user should know: an old server that is busy, workflows kept on other hosts.
    Raises TorcError with the end of the server's log when it does not start.
    """
    found = find()
    if found and not _outdated(found[0]):
        return found[0].address
    with _lock():
        found = find()
        if found and not _outdated(found[0]):
            return found[0].address
        if found and not _replaceable(found[1]):
            say(f"the server here is torc {found[0].version} and busy; it is replaced by {VERSION} once it is idle")
            return found[0].address
        old = read_record()
        if found:
            _end(found[0].pid)
        elif old and _is_server(old):
            _await_silent(old)
        _tell_other_hosts(say)
        return _start(old).address


def stop() -> Record | None:
    """Stop the user's own server and wait for its end; None when none is running.

    It is noted as stopped on purpose until it is started again.
    """
    with _lock():
        with suppress(OSError):  # a full disk keeps no server from being stopped
            _stop_mark().touch()
        record = read_record()
        if record is None or not _is_server(record):
            return None
        _end(record.pid)
        return record


def stopped() -> bool:
    """Whether the user's own server was stopped on purpose and not started since."""
    return _stop_mark().exists()


def _stop_mark() -> Path:
    return home() / "stopped"


def _ask(record: Record) -> ServerInfo | None:
    """What the recorded server says about itself; None when it is gone, or stopping."""
    if not _is_server(record):
        return None
    try:
        with Client(record.address) as client:
            info = client.send(server_info())
    except TorcError:
        return None
    return info if info.pid == record.pid else None


def _outdated(record: Record) -> bool:
    return _numbers(record.version) < _numbers(VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("+")[0].split(".") if part.isdigit())


def _replaceable(info: ServerInfo) -> bool:
    return not info.active_nodes


def _start(old: Record | None) -> Record:
    """Start a server, wait until it listens, and record it. The caller holds the lock."""
    token = old.token if old else secrets.token_urlsafe(32)
    port = old.port if old and _is_free(old.port) else 0
    command = [sys.executable, "-P", "-m", "torc_server", "run", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--database", str(home() / "torc.db"), "--idle-exit-s", str(IDLE_EXIT_S)]
    with log_path().open("ab") as log:
        log_start = log.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=home(),
            env={**os.environ, "TORC_SERVER_TOKEN": token},
            start_new_session=True,
        )
    try:
        import httpx  # noqa: F401  the caller needs it next: loaded while the server starts

        port = _read_port(process, log_start)
        record = Record(f"http://127.0.0.1:{port}", port, token, process.pid, process_space(), VERSION)
        _write_record(record)
        _stop_mark().unlink(missing_ok=True)
    except BaseException:
        process.terminate()
        raise
    return record


def _read_port(process: subprocess.Popen[bytes], log_start: int) -> int:
    """The port on the server's first line; TorcError when it ends or takes too long instead."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_LIMIT_S
    said = b""
    while b"\n" not in said.partition(PORT_LINE)[2]:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise TorcError(f"the server did not listen within {START_LIMIT_S:.0f} s; see {log_path()}")
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise TorcError(f"the server did not start: {_why(log_start)}")
        said += chunk
    process.stdout.close()
    return int(said.partition(PORT_LINE)[2].split()[0])


def _why(log_start: int) -> str:
    """The last words of a server that did not start; on a full disk it could not write them."""
    if shutil.disk_usage(home()).free < LEAST_ROOM:
        return f"the disk of {home()} is full; make room there, or set XDG_STATE_HOME to a folder elsewhere"
    return f"{_last_line(log_start)}; see {log_path()}"


def _last_line(log_start: int) -> str:
    with log_path().open("rb") as log:
        log.seek(log_start)
        lines = log.read().decode(errors="replace").strip().splitlines()
    if not lines:
        return "it ended without a word"
    return lines[-1].removeprefix("torc-server: ").replace("with --database", "by XDG_STATE_HOME")  # it has no option


def token_path() -> Path:
    """The file with the server's token alone, for clients that are given it as their password."""
    return home() / "token"


def _write_record(record: Record) -> None:
    """Record a server, and its token beside."""
    _write_private(token_path(), record.token.encode() + b"\n")
    _write_private(home() / "server.json", msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def _write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; only the user may read it. TorcError when it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        way_out = (
            "make room there" if error.errno == errno.ENOSPC else "set XDG_STATE_HOME to a folder that can be used"
        )
        raise TorcError(f"{path} cannot be written: {error.strerror}; {way_out}") from None


def _await_silent(record: Record) -> None:
    """A server that lives and does not answer is about to end; TorcError when it does not end either."""
    if not _wait_for_end(record.pid, SILENT_LIMIT_S):
        raise TorcError(
            f"your server at {record.url} (pid {record.pid}) does not answer; "
            f"'torc server stop' ends it, its log is {log_path()}"
        )


def _end(pid: int) -> None:
    """SIGTERM and wait: the server finishes its batch, tells its callers and leaves."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    if not _wait_for_end(pid, STOP_LIMIT_S):
        raise TorcError(f"the server (pid {pid}) did not stop within {STOP_LIMIT_S:.0f} s; see {log_path()}")


def _wait_for_end(pid: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    if hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        else:
            with os.fdopen(descriptor) as file:
                return bool(select.select([file], [], [], limit_s)[0])
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except OSError:
            return True
        time.sleep(0.02)
    return False


@contextmanager
def _lock() -> Iterator[None]:
    """Held while a server is started or stopped, so that two at once start one."""
    folder = home()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / "start.lock").open("w")
    except OSError as error:
        raise TorcError(
            f"the folder for torc's own files, {folder}, cannot be used: {error.strerror}; "
            "set XDG_STATE_HOME to one that can"
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell_other_hosts(say: Callable[[str], None]) -> None:
    """Before a first database is made here: workflows may be where the user worked before."""
    if (home() / "torc.db").exists():
        return
    others = sorted(path.parent.name for path in state_dir().glob("*/torc.db"))
    if others:
        say(f"a new database is made for this host; workflows you made on {', '.join(others)} are kept there")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_server(record: Record) -> bool:
    """Whether the recorded process lives and is a server of this user: nobody else gets to see the token."""
    if record.process_space != process_space():
        return False
    if not Path("/proc/self/cmdline").exists():
        try:
            os.kill(record.pid, 0)
        except OSError:
            return False
        return True
    process = Path(f"/proc/{record.pid}")
    try:
        return process.stat().st_uid == os.getuid() and COMMAND_MARK in (process / "cmdline").read_bytes()
    except OSError:
        return False
