"""Copying by the terminal: the bytes, as terminals, tmux and screen take them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop
from tests.tui.terminal import CONSOLE, Terminal
from torc_tui.clipboard import LIMIT, copy_sequence

ENCODED = base64.b64encode(b"/data/run 1").decode()


@pytest.mark.parametrize(
    ("environment", "sequence"),
    [
        ({"TERM": "xterm-256color"}, f"\x1b]52;c;{ENCODED}\a"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/t,1,0"}, f"\x1bPtmux;\x1b\x1b]52;c;{ENCODED}\a\x1b\\"),
        ({"TERM": "screen-256color", "TMUX": "/tmp/t,1,0"}, f"\x1bPtmux;\x1b\x1b]52;c;{ENCODED}\a\x1b\\"),
        ({"TERM": "screen"}, f"\x1bP\x1b]52;c;{ENCODED}\a\x1b\\"),
    ],
)
def test_a_text_is_copied_through_whatever_is_in_between(environment: dict[str, str], sequence: str) -> None:
    assert copy_sequence("/data/run 1", environment) == sequence


def test_what_is_too_long_for_terminals_is_not_sent() -> None:
    assert copy_sequence("x" * LIMIT, {}) is None


@pytest.mark.parametrize("tmux", ["", "/tmp/t,1,0"])
def test_y_sends_what_is_chosen_to_the_terminal(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, tmux: str
) -> None:
    workflow_id, _ = workshop.workflow("copied", {"name": "its name"})
    command = [*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}"]
    with Terminal(command, folder=tmp_path, environment={"TMUX": tmux}) as terminal:
        terminal.sees("its name", "○ ready")
        terminal.press("y")
        terminal.sees("Copy")
        terminal.press("enter")
        terminal.sees("copied name: its name")
        wanted = copy_sequence("its name", {"TMUX": tmux})
        assert wanted is not None
        assert wanted.encode() in terminal.since(0)
