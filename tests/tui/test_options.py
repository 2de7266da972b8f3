"""The options of `torc tui`, in a real terminal, and what a small one shows."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.terminal import CONSOLE, Terminal

TRUE_COLOUR = re.compile(rb"[34]8;2;\d")


def test_a_read_only_console_changes_nothing_and_says_why(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = workshop.workflow("only looked at", {"name": "a"})
    command = [*CONSOLE, "--url", tui_server.url, "--read-only", "--view", f"jobs {workflow_id}"]
    with Terminal(command, folder=tmp_path) as terminal:
        terminal.sees("LIVE", "○ ready")
        terminal.press("x")
        terminal.sees("cancel: this console is read-only (--read-only)")
    assert workshop.http.get(f"/workflows/{workflow_id}/summary").json()["counts"]["ready"] == 1


@pytest.mark.parametrize("narrow", [False, True])
def test_on_a_slow_line_colours_are_the_terminal_s_own(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, narrow: bool
) -> None:
    workflow_id, _ = workshop.workflow("far away", {"name": "a"})
    workshop.end(workflow_id, a=1)
    command = [*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}"]
    with Terminal([*command, *(["--low-bandwidth"] if narrow else [])], folder=tmp_path) as terminal:
        terminal.sees("LIVE", "✖ failed", "it went wrong")
        terminal.press("?")
        terminal.sees("esc closes")
        assert bool(TRUE_COLOUR.search(terminal.since(0))) != narrow


def repainted(terminal: Terminal, key: str) -> None:
    """Press a key and wait for the first of what comes of it."""
    before = terminal.count
    terminal.press(key)
    terminal.until(lambda: terminal.count > before)


def test_on_a_slow_line_there_are_at_most_15_repaints_a_second(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = workshop.many("repainted", 30)
    command = [*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}", "--low-bandwidth"]
    with Terminal(command, folder=tmp_path) as terminal:
        terminal.sees("LIVE", "job_00010")
        terminal.settle()
        began, repaints = time.monotonic(), 16
        for _ in range(repaints):
            repainted(terminal, "down")
        assert time.monotonic() - began >= (repaints - 2) / 15


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"TORC_ASCII": "1"}])
def test_a_terminal_that_is_not_of_utf_8_is_sent_ascii_only(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, environment: dict[str, str]
) -> None:
    workflow_id, _ = workshop.workflow("plain", {"name": "a"})
    workshop.end(workflow_id, a=1)
    command = [*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}"]
    with Terminal(command, folder=tmp_path, environment=environment) as terminal:
        terminal.sees("R LIVE", "F failed", "it went wrong")
        terminal.press("?")
        terminal.sees("esc closes")
        assert terminal.since(0).isascii()


@driven
async def test_60_by_15_is_one_pane_and_80_by_24_has_all_tabs(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("one pane", {"name": "a", "command": "echo seen below"})
    async with console(tui_server.url, view=f"jobs {workflow_id}", size=(140, 40)) as driver:
        await driver.sees("echo seen below")
        await driver.pilot.resize_terminal(80, 24)
        await driver.until(lambda: "echo seen below" not in driver.text)
        assert all(tab in driver.text for tab in ("Jobs", "Files", "Results", "Requirements", "Plan"))
        await driver.pilot.resize_terminal(60, 15)
        await driver.sees("‹ Jobs ›")
        assert "○ ready" in driver.line(" a ")
        await driver.press("tab")
        await driver.sees("‹ Files ›")
        await driver.pilot.resize_terminal(39, 15)
        await driver.sees("39x15 is too small: torc needs 40x10")
        assert "○ ready" not in driver.text


@driven
async def test_on_80_by_24_what_is_wrong_with_a_filter_can_be_read(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("misspelt", {"name": "a"})
    async with console(tui_server.url, view=f"jobs {workflow_id}", size=(80, 24)) as driver:
        await driver.press("slash")
        await driver.type("status=faild")
        await driver.sees("✖ filter: status: unknown job status 'faild'; one of uninitialized, blocked")
        await driver.press("escape")
        await driver.sees("○ ready")
