"""The console ends with its terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

from tests.server_process import ServerProcess


def test_a_terminal_that_goes_away_ends_the_console(shared_server: ServerProcess, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    console = subprocess.Popen(
        [sys.executable, "-m", "torc_core.cli.main", "tui", "--url", shared_server.url],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=tmp_path,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm-256color"},
        start_new_session=True,  # not its controlling terminal: no SIGHUP comes
    )
    try:
        os.close(slave)
        drawn = b""
        while b"Workflows" not in drawn:
            drawn += os.read(master, 4096)
        os.close(master)
        assert console.wait(10) == 129
    finally:
        if console.poll() is None:
            console.kill()
            console.wait()
