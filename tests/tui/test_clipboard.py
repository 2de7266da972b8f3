"""Copying by the terminal: the bytes, as terminals, tmux and screen take them."""

from __future__ import annotations

import base64
import re
import shlex
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from tests.tui.terminal import CONSOLE, Terminal
from torc_tui.clipboard import LIMIT, copy_sequence
from torc_tui.screens.chooser import Chooser

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


@pytest.mark.parametrize("tmux", ["", "/no/tmux/here,1,0"])
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


def test_in_tmux_y_fills_its_buffer_and_the_clipboard_of_its_terminal(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workflow_id, _ = workshop.workflow("copied", {"name": "its name"})
    command = shlex.join([*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}"])
    tmux = ["tmux", "-S", str(tmp_path_factory.mktemp("s") / "t"), "-f", "/dev/null"]
    with Terminal([*tmux, "new-session", command], folder=tmp_path) as terminal:
        try:
            terminal.sees("its name", "○ ready")
            terminal.press("y")
            terminal.sees("Copy")
            terminal.press("enter")
            terminal.sees("copied name to tmux and its terminal: its name")
            assert subprocess.check_output([*tmux, "show-buffer"], text=True) == "its name"
            sent = b";" + base64.b64encode(b"its name") + b"\a"
            terminal.until(lambda: sent in terminal.since(0))
        finally:
            subprocess.run([*tmux, "kill-server"], check=True)


def test_what_can_be_copied_has_each_thing_once_and_times_that_can_be_read(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, (job_id,) = workshop.workflow("offered", {"name": "its name"})
    workshop.end(workflow_id)

    async def script(d: Driver) -> None:
        await d.press("y")
        assert isinstance(d.app.screen, Chooser)
        offered = {choice.value: choice.note for choice in d.app.screen.choices}
        assert [key for key, text in offered.items() if text == "its name"] == ["name"]
        assert offered["id"] == str(job_id)
        assert not {"job name", "job id"} & offered.keys()
        assert (offered["workflow name"], offered["workflow id"]) == ("offered", str(workflow_id))
        assert re.search(rf"│\s+id\s+{job_id}\s", d.text)
        began, ended = datetime.fromisoformat(offered["start"]), datetime.fromisoformat(offered["end"])
        assert timedelta(0) < ended - began < timedelta(seconds=3)
        assert datetime.now() - ended < timedelta(minutes=1)

    drive(tui_server.url, script, view=f"jobs {workflow_id}")
