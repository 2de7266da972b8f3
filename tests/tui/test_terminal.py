"""The console in a real terminal of 140 by 40: what it writes, and how it leaves."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui import large_database
from tests.tui.driver import Runner, Workshop
from tests.tui.terminal import CONSOLE, Terminal

JOBS = 3000
WORKFLOWS = 200

IDLE_S = 10.0
"""How long nothing may be written while nothing happens."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with many workflows, the first of them with many jobs."""
    folder = tmp_path_factory.mktemp("large")
    server = ServerProcess(folder)
    large_database.make(server.database, JOBS, WORKFLOWS)
    with server:
        yield server


@pytest.fixture
def home(large: ServerProcess, tmp_path: Path) -> Iterator[Terminal]:
    """The list of workflows."""
    with Terminal([*CONSOLE, "--url", large.url], folder=tmp_path) as terminal:
        terminal.sees("LIVE", f"workflow_{WORKFLOWS:04d}", "exit code 2", "no runner is at work")
        yield terminal


@pytest.fixture
def jobs(large: ServerProcess, tmp_path: Path) -> Iterator[Terminal]:
    """The jobs of the large workflow."""
    with Terminal([*CONSOLE, "--url", large.url, "--view", "jobs 1"], folder=tmp_path) as terminal:
        terminal.sees("LIVE", "workflow_0001", "job_007919", "exit code 2")
        yield terminal


@pytest.mark.parametrize("screen", ["home", "jobs"])
def test_a_cursor_move_is_at_most_1_kb(screen: str, request: pytest.FixtureRequest) -> None:
    terminal: Terminal = request.getfixturevalue(screen)
    terminal.press("pagedown", "pagedown")  # from the last line on the table is moved, too: that is the most
    costs = [terminal.cost(lambda: terminal.press("down")).size for _ in range(24)]
    assert max(costs) <= 1000, costs


@pytest.mark.parametrize("screen", ["home", "jobs"])
def test_a_page_down_is_at_most_15_kb(screen: str, request: pytest.FixtureRequest) -> None:
    terminal: Terminal = request.getfixturevalue(screen)
    costs = [terminal.cost(lambda: terminal.press("pagedown")).size for _ in range(4)]
    assert max(costs) <= 15_000, costs


def test_what_is_drawn_in_parts_looks_as_if_drawn_at_once(jobs: Terminal) -> None:
    for keys in (
        ["down"] * 3,
        ["down"] * 40,
        ["up"] * 60,
        ["pagedown"],
        ["end"],
        ["space", "up"],
        ["2"],
        ["1"],
        ["question_mark"],
    ):
        jobs.press(*("?" if key == "question_mark" else key for key in keys))
        jobs.settle()
        if keys == ["question_mark"]:
            jobs.press("escape")
            jobs.settle()
        before = jobs.grid
        jobs.press("ctrl+l")
        jobs.settle()
        assert jobs.grid == before, keys


def test_nothing_is_written_while_nothing_happens(home: Terminal) -> None:
    home.press("down")
    home.settle(1.0)
    before = home.count
    started = time.monotonic()
    home.until(lambda: time.monotonic() - started > IDLE_S)
    assert home.since(before) == b""


def _bytes_until(terminal: Terminal, act: Callable[[], object], seen: Callable[[], object]) -> int:
    """What something makes the console write until all of it is seen."""
    terminal.settle()
    before = terminal.count
    act()
    terminal.until(seen)
    terminal.settle()
    return terminal.count - before


def _life_of_a_job(terminal: Terminal, runner: Runner, ended: int) -> tuple[int, int]:
    """The bytes that its start and its end make; `ended`: so many jobs have ended before."""
    claimed: list[dict[str, Any]] = []

    def runs() -> bool:
        row = terminal.line(claimed[0]["name"])
        return "● running" in row and "1 ●" in terminal.line("LIVE")

    def is_over() -> bool:
        row = terminal.line(claimed[0]["name"])
        done = f"Results {ended + 1} " in terminal.text and f"{(ended + 1) * 100 // ROWS} %" in terminal.line("LIVE")
        return done and "✔ completed" in row and "123 MB" in row

    start = _bytes_until(terminal, lambda: claimed.extend(runner.claim(1)), runs)
    return start, _bytes_until(terminal, lambda: runner.finish(claimed[0], stderr=""), is_over)


ROWS = 8


def test_one_changed_row_is_at_most_300_bytes(tui_server: ServerProcess, workshop: Workshop, tmp_path: Path) -> None:
    workflow_id, _ = workshop.workflow("one_row", *({"name": f"job_{i}"} for i in range(ROWS)))
    runner = workshop.runner(workflow_id)
    runner.finish_all(runner.claim(2))
    with Terminal([*CONSOLE, "--url", tui_server.url, "--view", f"jobs {workflow_id}"], folder=tmp_path) as terminal:
        terminal.sees("LIVE", "job_7", "✔ completed")
        terminal.press("end")
        starts, ends = zip(*(_life_of_a_job(terminal, runner, 2 + i) for i in range(4)), strict=True)
    # a duration or an ETA may be drawn meanwhile, whenever its time has come
    assert min(starts) <= 300, starts
    assert min(ends) <= 300, ends
    runner.leave()


def settings_left(data: bytes) -> dict[str, bool]:
    """The private modes that a program has set or reset, as it left them."""
    found = re.findall(rb"\x1b\[\?([0-9]+)([hl])", data)
    return {mode.decode(): switch == b"h" for mode, switch in found}


CLEAN = {
    **dict.fromkeys(("1049", "1000", "1003", "1006", "2004", "1004"), False),
    **dict.fromkeys(("25", "7"), True),
}
"""The first screen, its cursor, no mouse, no bracketed paste, no focus events, lines that wrap."""


def assert_clean(terminal: Terminal, modes: list[object]) -> None:
    left = settings_left(terminal.since(0))
    assert {mode: left[mode] for mode in CLEAN} == CLEAN
    assert terminal.modes() == modes
    assert not re.search(rb"\x1b\[[0-9;]+m[^\x1b]*$", terminal.since(0)), "a colour is left"


def test_sigterm_leaves_a_clean_terminal(large: ServerProcess, tmp_path: Path) -> None:
    with Terminal([*CONSOLE, "--url", large.url], folder=tmp_path) as terminal:
        modes = terminal.modes()
        terminal.sees("LIVE")
        assert terminal.modes() != modes
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(10) == 143
        terminal.settle()
        assert_clean(terminal, modes)


CRASHING = """
import sys
from torc_core.cli.main import main
from torc_tui.screens.workflows import WorkflowsScreen
def fail(self, *_):
    raise RuntimeError("a defect of ours")
WorkflowsScreen.{method} = fail
sys.exit(main())
"""


def crashing(method: str, server: ServerProcess) -> list[str]:
    """A console in which a method of its first screen raises."""
    return [sys.executable, "-c", CRASHING.format(method=method), "tui", "--url", server.url]


def test_a_crash_leaves_a_clean_terminal_one_line_and_a_report(large: ServerProcess, tmp_path: Path) -> None:
    with Terminal(crashing("on_paged_table_moved", large), folder=tmp_path) as terminal:
        modes = terminal.modes()
        assert terminal.process.wait(10) == 1
        terminal.settle()
        assert_clean(terminal, modes)
        terminal.sees("torc: internal error: RuntimeError: a defect of ours")
        assert "Traceback" not in terminal.text
    [report] = Path(os.environ["XDG_STATE_HOME"]).glob("**/console-crash.txt")
    assert "in fail" in report.read_text()


def test_an_action_that_fails_by_a_defect_of_ours_says_so_and_the_console_goes_on(
    large: ServerProcess, tmp_path: Path
) -> None:
    with Terminal(crashing("open_cursor", large), folder=tmp_path) as terminal:
        terminal.sees("LIVE", f"workflow_{WORKFLOWS:04d}", "exit code 2", "no runner is at work")
        terminal.press("enter")
        terminal.sees("✖ internal error: RuntimeError: a defect of ours")
        terminal.press("!")
        terminal.sees("CAUSE")


def test_ctrl_z_gives_the_shell_back_and_fg_the_console(large: ServerProcess, tmp_path: Path) -> None:
    command = " ".join([*CONSOLE, "--url", large.url])
    shell = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal(shell, folder=tmp_path, environment={"PS1": "prompt> "}) as terminal:
        terminal.sees("prompt>")
        terminal.type("stty -a >before; " + command + "\r")
        terminal.sees("LIVE", f"workflow_{WORKFLOWS:04d}", "exit code 2", "no runner is at work")
        terminal.press("down")
        terminal.settle()
        picture = terminal.text
        terminal.press("ctrl+z")
        terminal.sees("Stopped", "prompt>")
        terminal.settle()
        clean = {mode: switch for mode, switch in CLEAN.items() if mode != "2004"}  # the shell has its own mind
        assert settings_left(terminal.since(0)).items() >= clean.items()
        terminal.type("stty -a >stopped\r")
        terminal.until(lambda: (tmp_path / "stopped").exists())
        started = terminal.count
        terminal.type("fg\r")
        terminal.until(lambda: settings_left(terminal.since(started)).get("1049"))
        terminal.settle()
        assert terminal.text == picture
        terminal.press("q")
        terminal.until(lambda: settings_left(terminal.since(started)).items() >= clean.items())
        terminal.type("stty -a >after\r")
        terminal.until(lambda: (tmp_path / "after").exists() and (tmp_path / "after").read_text())
        before = (tmp_path / "before").read_text()
        assert (tmp_path / "stopped").read_text() == before
        assert (tmp_path / "after").read_text() == before
