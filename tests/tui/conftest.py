"""A console without a terminal, against a real server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop
from torc_tui import local_runs


@pytest.fixture(scope="session")
def tui_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the console's tests."""
    with ServerProcess(tmp_path_factory.mktemp("tui")) as server:
        yield server


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without files of torc's, whose terminal can show everything."""
    for name in [*os.environ]:
        if name.startswith(("TORC_", "TEXTUAL")) or name in ("NO_COLOR", "SSH_TTY", "TMUX"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def workshop(tui_server: ServerProcess) -> Iterator[Workshop]:
    """Makes workflows and brings their jobs to an end, as a runner would."""
    with tui_server.client() as http:
        yield Workshop(http)


@pytest.fixture
def no_run_left() -> Iterator[None]:
    """A test that fails leaves no runner behind."""
    yield
    for seen in local_runs.active():
        os.kill(seen.run.pid, signal.SIGTERM)
        os.kill(seen.run.pid, signal.SIGINT)


@pytest.fixture
def process() -> Iterator[int]:
    """The pid of a process that could be a runner."""
    with subprocess.Popen(["sleep", "600"]) as sleeps:
        yield sleeps.pid
        sleeps.kill()
