"""A real torc-server process for tests: started on a free port in a folder of its own, stopped by SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from torc_server.maintenance import check_file

BASE = "/torc-service/v1"
START_S = 30
STOP_S = 10


class ServerProcess:
    """`torc-server run` with a database in `folder`; use it as a context manager.

    `restart` keeps database and port; `crash` kills the process as a power cut would. Whenever the process has ended
    the history checker must find nothing.
    """

    def __init__(
        self, folder: Path, arguments: Sequence[str] = ("--no-auth",), environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.database = folder / "torc.db"
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.checks: dict[str, bool] = {}
        """What the history checker is to take into account (`engine.check.check`)."""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Base URL of the service, as clients take it."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything the server wrote to stderr so far."""
        return (self.folder / "server.log").read_text()

    def start(self) -> ServerProcess:
        """Start it and wait until it says its port."""
        command = [sys.executable, "-m", "torc_server", "run", "--port", str(self.port)]
        command += ["--database", str(self.database), *self.arguments]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TORC_", "RUST_", "DATABASE_"))}
        with open(self.folder / "server.log", "a") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**kept, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.port = self._said_port(self.process)
        return self

    def _said_port(self, process: subprocess.Popen[str]) -> int:
        assert process.stdout is not None
        alarm = threading.Timer(START_S, process.kill)
        alarm.start()
        try:
            for line in process.stdout:
                if line.startswith("TORC_SERVER_PORT="):
                    return int(line.partition("=")[2])
        finally:
            alarm.cancel()
        raise AssertionError(f"the server did not start, exit status {process.wait()}:\n{self.log}")

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        process = self.process
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        status = self._ended(process)
        self.check()
        return status

    def crash(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self._ended(self.process)
        self.check()

    def check(self, **how: bool) -> None:
        """Everything in the database holds together."""
        assert check_file(self.database, **self.checks | how) == []

    def _ended(self, process: subprocess.Popen[str]) -> int:
        self.process = None
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not end within {STOP_S} s:\n{self.log}") from None
        finally:
            assert process.stdout is not None
            process.stdout.close()

    def restart(self) -> ServerProcess:
        """Stop it and start it again on the same port and database."""
        self.stop()
        return self.start()

    def client(self, **options: Any) -> httpx.Client:
        """An httpx client below the base URL, without the certificates of https, whose loading takes 20 ms."""
        return httpx.Client(base_url=self.url, timeout=20, verify=False, trust_env=False, **options)

    def __enter__(self) -> ServerProcess:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
