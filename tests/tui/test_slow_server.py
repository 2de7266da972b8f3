"""A server that answers late: the console is there at once and heeds keys meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop
from tests.tui.terminal import Terminal

LATE_S = 1.5

ROOT = Path(__file__).parents[2]


@pytest.fixture
def late_url(tui_server: ServerProcess) -> Iterator[str]:
    """The server behind a wire on which every question takes its time."""
    command = [sys.executable, "-m", "tests.bench.slow_proxy", str(tui_server.port), str(LATE_S)]
    proxy = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert proxy.stdin is not None
    assert proxy.stdout is not None
    try:
        yield tui_server.url.replace(str(tui_server.port), proxy.stdout.readline().strip())
    finally:
        proxy.stdin.close()
        proxy.wait(10)
        proxy.stdout.close()


def test_keys_are_heeded_while_answers_are_on_their_way(late_url: str, workshop: Workshop, tmp_path: Path) -> None:
    workflow_id, _ = workshop.workflow("slowly", {"name": "a"}, {"name": "b"})
    console = [sys.executable, "-m", "torc_core.cli.main", "tui", "--url", late_url]
    with Terminal(console, folder=tmp_path) as terminal:
        terminal.sees("Workflows", "CONNECTING")
        terminal.press("?")
        terminal.sees("Keys of this screen", "CONNECTING")
        terminal.press("escape")
        terminal.sees("LIVE", "slowly")
        terminal.type(f":jobs {workflow_id}\r")
        terminal.until(lambda: re.search(r"Workflows › .*\(\d+\)", terminal.text))
        assert "○ ready" not in terminal.text
        terminal.press("?")
        terminal.sees("esc")
        terminal.press("escape")
        terminal.until(lambda: terminal.text.count("○ ready") >= 2)
