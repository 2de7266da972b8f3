"""A stranger's whole way in a real terminal, and how few keys lead to what matters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui import stranger
from tests.tui.driver import Workshop
from tests.tui.terminal import CONSOLE, Terminal
from torc_core import local_server


@pytest.fixture
def folder(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the stranger works; afterwards the server that was started for them is stopped."""
    folder = own_home / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    stranger.prepare(folder)
    yield folder
    local_server.stop()


@pytest.mark.parametrize("size", [(140, 40), (80, 24)], ids=["140x40", "80x24"])
def test_a_stranger_creates_runs_finds_mends_and_restarts_only_what_failed(folder: Path, size: tuple[int, int]) -> None:
    with stranger.open_console(folder, size) as terminal:
        stranger.go(terminal, lambda _name, _seen: None)
        terminal.press("q")
        assert terminal.process.wait(10) == 0
    stations = (folder / "stations.txt").read_text().splitlines()
    assert sorted(stations) == sorted({f"station {i + 1}" for i in range(stranger.COLLECTED)})
    assert (folder / "summary.txt").read_text().strip() == str(stranger.COLLECTED)
    logs = {path.name for path in (folder / "output" / "job_stdio").iterdir()}
    assert sum("_j" in name and name.endswith(".o") for name in logs) >= stranger.COLLECTED + 3


def pressed(terminal: Terminal, keys: list[tuple[str, tuple[str, ...]]]) -> int:
    """Press keys one after the other, each once what it needs is on screen; gives how many."""
    for key, needed in keys:
        terminal.sees(*needed)
        terminal.press(key)
    return len(keys)


def test_two_keys_lead_from_the_start_to_the_stderr_of_a_failed_job(folder: Path) -> None:
    with stranger.open_console(folder, (140, 40)) as terminal:
        terminal.sees("No workflows yet")
        terminal.press("n")
        terminal.sees("Type the path")
        terminal.type("survey.yaml\r")
        terminal.sees("✔ survey")
        terminal.press("ctrl+r")
        terminal.until(lambda: "✖ failed" in terminal.line(" summarize"))
        terminal.press("q")
        terminal.process.wait(10)
    with stranger.open_console(folder, (140, 40)) as terminal:
        count = pressed(terminal, [("!", ("LIVE",)), ("l", ("CAUSE", "exit code 1"))])
        terminal.sees("summarize.e", "statoins.txt: No such file or directory")
        assert count <= 4


def test_three_keys_and_the_path_lead_from_the_start_to_a_running_workflow(folder: Path) -> None:
    with stranger.open_console(folder, (140, 40)) as terminal:
        count = pressed(terminal, [("n", ("LIVE",))])
        terminal.sees("Type the path")
        terminal.type("survey.yaml")
        count += pressed(terminal, [("enter", ("survey.yaml",)), ("ctrl+r", ("✔ survey", "jobs"))])
        terminal.sees("● running")
        terminal.until(lambda: "✖ failed" in terminal.line(" summarize"))
        assert count <= 8


def test_a_run_goes_on_without_the_console_and_the_next_one_shows_it(folder: Path) -> None:
    (folder / "patient.yaml").write_text(
        "name: patient\njobs:\n  - {name: waits, command: 'echo begun; until test -e go; do sleep 0.02; done'}\n"
    )
    with stranger.open_console(folder, (140, 40)) as terminal:
        terminal.sees("No workflows yet")
        terminal.press("n")
        terminal.sees("Type the path")
        terminal.type("patient.yaml\r")
        terminal.sees("✔ patient")
        terminal.press("ctrl+r")
        terminal.until(lambda: "● running" in terminal.line(" waits"))
        terminal.press("q")
        assert terminal.process.wait(10) == 0
        terminal.sees("1 local run goes on", "torc tui")
    with stranger.open_console(folder, (140, 40)) as terminal:
        terminal.sees("1 local run", "● running")
        terminal.press("b")
        terminal.until(lambda: "patient" in terminal.line("● running"))
        terminal.press("enter")
        terminal.sees("patient", "running")
        (folder / "go").touch()
        terminal.sees("✔")
        terminal.press("escape", "escape")
        terminal.until(lambda: "✔ done" in terminal.line("patient"))


def test_the_console_outlives_its_server_and_catches_up_without_a_key(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, server.client() as http:
        shop = Workshop(http)
        shop.workflow("before", {"name": "a"})
        with Terminal([*CONSOLE, "--url", server.url], folder=tmp_path) as terminal:
            terminal.sees("LIVE", "before")
            server.crash()
            terminal.sees("RECONNECTING", "as of")
            terminal.press("down", "enter")
            terminal.sees("before", "Jobs")
            terminal.press("escape")
            before = terminal.count
            server.start()
            with server.client() as again:
                Workshop(again).workflow("after", {"name": "b"})
            terminal.sees("LIVE", "before", "after")
            assert terminal.count > before
