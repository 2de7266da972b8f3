"""A fake server, and real `torc-runner` processes that speak with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.runner.fake_server import FakeServer
from tests.runner.processes import Run, RunnerProcess, Start


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer()
    yield fake
    fake.leave()


@pytest.fixture
def start(server: FakeServer, tmp_path: Path) -> Iterator[Start]:
    """Starts `torc-runner` for the server's workflow with more options, in tmp_path; ends it after the test."""
    with _starter(server, tmp_path) as start_runner:
        yield lambda *options, **environment: start_runner("-m", "torc_core.runner.main", *options, **environment)


@pytest.fixture
def start_python(server: FakeServer, tmp_path: Path) -> Iterator[Start]:
    """Starts `torc-runner` by some lines of Python; ends it after the test."""
    with _starter(server, tmp_path) as start_runner:
        yield lambda code: start_runner("-c", code)


@contextmanager
def _starter(server: FakeServer, folder: Path) -> Iterator[Start]:
    running: list[RunnerProcess] = []

    def start_runner(how: str, what: str, *options: str, **environment: str) -> RunnerProcess:
        process = subprocess.Popen(
            [sys.executable, how, what, "--url", server.url, "--workflow", "1", *options],
            cwd=folder,
            env=os.environ | {"TORC_PASSWORD": "secret", "USER": "me"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start_runner
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)


@pytest.fixture
def run(start: Start) -> Run:
    """Runs `torc-runner` to its end and returns what it printed and its exit code."""

    def run_to_end(*options: str, **environment: Any) -> subprocess.CompletedProcess[str]:
        process = start(*options, **environment)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run_to_end
