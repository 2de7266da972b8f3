"""The console in tmux, as many use it: create, run, watch, read a log, cancel and retry on a server of one's own."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.terminal import CONSOLE
from torc_core import local_server

LIMIT_S = 30.0

WORKFLOW = """\
name: in tmux
jobs:
  - {name: greets, command: echo hello from greets}
  - {name: fails, command: "echo it went wrong >&2; test -e mended"}
  - {name: waits, command: "until test -e go; do sleep 0.02; done"}
  - {name: last, command: "true", depends_on: [waits]}
"""


class Tmux:
    """A tmux server of its own, with one window of 140 by 40."""

    def __init__(self, socket: Path, folder: Path, command: list[str]) -> None:
        self._socket = socket
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "40", "-c", folder, shlex.join(command))

    def _tmux(self, *arguments: str | Path) -> str:
        command = ["tmux", "-S", str(self._socket), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout

    def type(self, *keys: str) -> None:
        """Type keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def write(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-l", text)

    @property
    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def line(self, text: str) -> str:
        return next((line for line in self.text.splitlines() if text in line), "")

    def sees(self, text: str, *, beside: str = "") -> None:
        """Wait until a text is shown, in the line of another one where that is given."""
        deadline = time.monotonic() + LIMIT_S
        while text not in (self.line(beside) if beside else self.text):
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.text}"
            time.sleep(0.02)

    def close(self) -> None:
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, check=False)


@pytest.fixture
def tmux(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    (own_home / "flow.yaml").write_text(WORKFLOW)
    window = Tmux(tmp_path_factory.mktemp("s") / "t", own_home, [*map(str, CONSOLE)])
    yield window
    window.close()
    (own_home / "go").touch()
    local_server.stop()


def test_a_workflow_is_created_run_watched_canceled_and_retried_in_tmux(tmux: Tmux, own_home: Path) -> None:
    tmux.sees("No workflows yet")
    tmux.type("n")
    tmux.sees("Type the path")
    tmux.write("flow.yaml")
    tmux.type("Enter")
    tmux.sees("4 jobs in 2 stages")
    tmux.type("C-r")
    tmux.sees("✔ completed", beside=" greets ")
    tmux.sees("✖ failed", beside=" fails ")
    tmux.sees("● running", beside=" waits ")
    tmux.type("l")
    tmux.sees("hello from greets")
    tmux.type("Escape")
    tmux.sees("Requirements")
    tmux.type("Down", "Down")
    tmux.sees("▌", beside=" waits ")
    tmux.type("x")
    tmux.sees("Cancel job waits")
    tmux.type("Tab", "Enter")
    tmux.sees("⊘ canceled", beside=" waits ")
    tmux.sees("⊘ canceled", beside=" last ")
    (own_home / "mended").touch()
    tmux.type("Up")
    tmux.sees("▌", beside=" fails ")
    tmux.type("R")
    tmux.sees("✔ completed", beside=" fails ")
