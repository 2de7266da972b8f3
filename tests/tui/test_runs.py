"""Local runs and the server in the console: they go on without it, are found again, stopped and repeated."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runner.waiting import until
from tests.server_process import ServerProcess
from tests.tui.driver import Driver, drive
from tests.tui.made_workflows import PATIENT, made
from torc_core import run_records
from torc_core.client import endpoints
from torc_core.client.http import Address, Client
from torc_core.errors import TorcError
from torc_core.run_records import RunOptions
from torc_tui import local_runs
from torc_tui.checking import check
from torc_tui.screens.run import RunScreen
from torc_tui.screens.runs import RunsScreen
from torc_tui.screens.workflow import WorkflowScreen

pytestmark = pytest.mark.usefixtures("no_run_left")


def test_a_run_goes_on_without_the_console_and_the_next_one_shows_and_stops_it(tui_server: ServerProcess) -> None:
    made(tui_server, "survives", dict(PATIENT), {"name": "later", "command": "true", "depends_on": ["waits"]})

    async def first(d: Driver) -> None:
        await d.press("r")
        await d.sees("survives (")
        await d.until(lambda: "● running" in d.line("survives"))
        await d.sees("1 local run ")
        await d.pilot.press("q")
        await d.until(lambda: not d.app.is_running)
        assert d.app._exit_renderables[-1] == "1 local run goes on; torc tui shows it again"

    async def second(d: Driver) -> None:
        await d.sees("1 local run ")
        await d.press("b")
        assert isinstance(d.screen, RunsScreen)
        assert "● running" in d.line("survives")
        await d.sees("Job started job_id=")
        await d.press("enter")
        assert isinstance(d.screen, RunScreen)
        await d.sees("FOLLOW")
        await d.sees("1 job of ")
        assert "; asked for: 1 of " in d.line("at work")
        assert f"pid {local_runs.active()[0].run.pid}" in d.text
        await d.press("x", "enter")
        assert "nothing was done" in d.said
        await d.press("x")
        await d.sees("Stop local run 1 of survives?")
        await d.press("tab", "enter")
        await d.sees("⊘ stopped")
        await d.sees("status=terminated")
        assert local_runs.active() == []
        await d.press("x")
        assert "it has ended already" in d.said
        await d.press("enter")
        assert isinstance(d.screen, WorkflowScreen)
        await d.sees("◼ terminated")
        await d.press("escape", "escape", "escape")
        await d.until(lambda: "local run" not in d.text)

    drive(tui_server.url, first)
    assert len(local_runs.active()) == 1
    drive(tui_server.url, second)
    drive(tui_server.url, third_console_is_quiet)


async def third_console_is_quiet(d: Driver) -> None:
    assert "local run" not in d.text
    await d.pilot.press("q")
    await d.until(lambda: not d.app.is_running)
    assert [each for each in d.app._exit_renderables if "go" in str(each)] == []


def rows(d: Driver) -> list[str]:
    """The rows of the local runs."""
    return [line for line in d.text.splitlines() if " repeated " in line and "runs on this machine" not in line]


def test_a_run_is_repeated_as_it_was_with_what_is_left(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = made(
        tui_server,
        "repeated",
        {"name": "good", "command": "true"},
        {"name": "bad", "command": "echo $CUDA_VISIBLE_DEVICES >> seen; test -e go"},
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")

    async def script(d: Driver) -> None:
        await d.press("o")
        await d.sees(f"Run workflow repeated ({workflow_id})?")
        assert "2 jobs will run: 2 ready." in d.text
        await d.type("x")
        await d.press("enter")
        assert "jobs at once: 'x' is no whole number" in d.text
        await d.press("backspace")
        await d.type("3")
        await d.press("down", "down")
        await d.type("1.5")
        await d.press("down", "down")
        await d.type("logs")
        await d.press("enter")
        await d.go("runs")
        await d.until(lambda: "✖ incomplete" in d.line("repeated"))
        assert "3 at once, 1.5 GB" in d.line("repeated")
        assert Path("logs/job_stdio").is_dir()
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        Path("go").touch()
        await d.press("r")
        await d.sees("1 job will run: 1 failed.")
        assert "Completed jobs that stay as they are: 1." in d.text
        assert "using 3 at once, 1.5 GB; output goes to" in d.text
        await d.press("tab", "enter")
        await d.until(lambda: len([line for line in rows(d) if "3 at once, 1.5 GB" in line]) == 2)
        await d.until(lambda: "✔ done" in d.line("repeated"))
        assert Path("seen").read_text() == "7\n7\n"
        await d.press("r")
        assert "nothing is left to run" in d.said
        await d.press("asterisk", "D")
        await d.sees("Forget 2 local runs?")
        await d.press("tab", "enter")
        await d.sees("Nothing was run on this machine")

    drive(tui_server.url, script)


def test_a_runner_that_is_killed_is_lost_and_the_list_says_so(tui_server: ServerProcess) -> None:
    made(tui_server, "killed", dict(PATIENT))

    async def script(d: Driver) -> None:
        await d.press("r")
        await d.until(lambda: "● running" in d.line("killed"))
        await d.go("runs")
        os.kill(local_runs.active()[0].run.pid, signal.SIGKILL)
        await d.sees("✖ lost")
        await d.sees("its process was killed")

    drive(tui_server.url, script)


def test_a_workflow_whose_jobs_fit_nowhere_says_so_until_they_do(tui_server: ServerProcess) -> None:
    file = Path("wide.json")
    wide = {"name": "wide", "num_cpus": 500, "memory": "1m", "runtime": "PT1M"}
    job = {"name": "one", "command": "true", "resource_requirements": "wide"}
    file.write_text(json.dumps({"name": "too wide", "resource_requirements": [wide], "jobs": [job]}))
    plan = check(file, Path.cwd(), "tester").plan
    assert plan is not None
    with Client(Address(tui_server.url), "tester") as client:
        made = client.send(endpoints.create_from_plan(lambda: plan.lines(True), "too wide"))

    async def script(d: Driver) -> None:
        assert "it cannot go on" not in d.text
        await d.press("r")
        await d.sees("it cannot go on: jobs with requirement 'wide' need 500 CPUs")
        await d.press("home", "e", *["backspace"] * 3, "1", "enter")
        await d.until(lambda: d.dialog or "changed" in d.said)
        if d.dialog:
            await d.press("tab", "enter")
        await d.until(lambda: "it cannot go on" not in d.text)

    drive(tui_server.url, script, view=f"jobs {made.workflow_id}")


def test_limits_of_torc_run_are_for_that_run_and_those_chosen_in_the_console_are_said(
    tui_server: ServerProcess,
) -> None:
    workflow_id = made(tui_server, "slow", {"name": "one", "command": "test -e go", "resource_requirements": "some"})
    command = [sys.executable, "-m", "torc_core.cli.main", "--url", tui_server.url, "run", str(workflow_id)]
    assert subprocess.run([*command, "--memory-gb", "0.05"], capture_output=True, check=False).returncode == 3

    async def script(d: Driver) -> None:
        said = d.all_said()
        await d.press("r")
        assert any(each.startswith(f"slow ({workflow_id}) runs on this machine (local run 2); ") for each in said)
        await d.until(lambda: local_runs.find(2).word == "incomplete")
        await d.until(lambda: "✖ failed" in d.text.splitlines()[0])  # what still runs, as far as is known, is not run
        await d.press("o")
        await d.press("down", "down")
        await d.type("0.05")
        await d.press("enter")
        await d.until(lambda: "✖ local run 3 ended already, stuck ('o' changes what it uses, 0.05 GB): " in d.said)
        await d.press("r")
        assert any("runs on this machine (local run 4, using 0.05 GB; 'o' changes that); it" in each for each in said)
        await d.until(lambda: "✖ local run 4 ended already, stuck" in d.said)
        await d.go("runs")
        await d.press("o")
        await d.press("down", "down", *["backspace"] * 4)
        await d.type("1")
        Path("go").touch()
        await d.press("enter")
        await d.until(lambda: local_runs.find(5).word == "done")
        assert local_runs.find(5).run.options.said == "1 GB"

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_what_kept_a_runner_from_starting_is_said(tui_server: ServerProcess) -> None:
    workflow_id = made(tui_server, "refused", {"name": "a", "command": "true"})
    Path("output").write_text("no folder")

    async def script(d: Driver) -> None:
        await d.press("r")
        await d.until(lambda: "✖ local run 1 ended already, not started: " in d.said)
        assert "cannot be made" in d.said
        await d.go("runs")
        await d.sees("✖ not started")
        await d.sees("cannot be made")
        assert str(workflow_id) in d.line("refused")
        await d.press("slash")
        await d.type("status=running")
        await d.sees("Nothing matches")

    drive(tui_server.url, script)


def test_a_pid_that_belongs_to_another_process_is_not_taken_for_the_run(tui_server: ServerProcess) -> None:
    workflow_id = made(tui_server, "reused", dict(PATIENT))
    run = local_runs.start_run(Address(tui_server.url), workflow_id, "reused", str(Path.cwd()), options=RunOptions())
    file = run_records.runs_folder() / str(run.id) / "run.json"
    kept = file.read_text()
    assert local_runs.find(run.id).active
    file.write_text(kept.replace(f'"process_start": "{run.process_start}"', '"process_start": "1"'))
    assert local_runs.find(run.id).word == "lost"
    with pytest.raises(TorcError, match="has ended already"):
        local_runs.stop(run.id)
    file.write_text(kept)
    assert file.stat().st_mode & 0o077 == 0
    local_runs.stop(run.id)


def test_a_run_that_cannot_be_kept_is_not_left_behind(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = made(tui_server, "unkept", dict(PATIENT))
    pids: list[int] = []

    def full(_number: int, pid: int, *_: object, **__: object) -> None:
        pids.append(pid)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_records, "keep", full)
    with pytest.raises(TorcError, match=r"runs cannot be kept in .*: No space left on device; nothing was started"):
        local_runs.start_run(Address(tui_server.url), workflow_id, "unkept", str(Path.cwd()), options=RunOptions())
    until(lambda: run_records.process_start(pids[0]) == "", "the runner to end")


def test_a_run_that_a_shell_started_is_listed_shown_and_stopped(tui_server: ServerProcess) -> None:
    workflow_id = made(tui_server, "typed", dict(PATIENT))
    command = [sys.executable, "-m", "torc_core.cli.main", "--url", tui_server.url, "run", str(workflow_id)]
    shell = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    async def script(d: Driver) -> None:
        await d.until(lambda: bool(local_runs.active()))
        await d.press("b")
        await d.until(lambda: "● running" in d.line("typed"))
        assert "shell" in d.line("typed")
        await d.press("enter")
        await d.sees("(started by torc run in a shell)")
        await d.sees("Job started job_id=")
        await d.press("x", "tab", "enter")
        await d.until(lambda: "⊘ stopped" in d.text or "✖ incomplete" in d.text)
        await d.sees("status=terminated")

    drive(tui_server.url, script, size=(180, 40))
    told, _ = shell.communicate(timeout=20)
    assert "1 terminated" in told
    assert shell.returncode != 0
    assert local_runs.last_options(workflow_id, tui_server.url).output_folder(".") == Path("output")


def test_a_run_that_does_not_exist_is_named(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("run 99")
        assert "there is no local run 99" in d.said

    drive(tui_server.url, script)


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 15), (40, 10)])
def test_these_screens_fit_every_terminal(tui_server: ServerProcess, size: tuple[int, int]) -> None:
    made(tui_server, "fits", {"name": "a", "command": "true"})

    async def script(d: Driver) -> None:
        await d.press("r")
        await d.until(lambda: [seen.word for seen in local_runs.runs()] == ["done"])
        for address, text in (("runs", "✔ done"), ("run 1", "✔ done"), ("server", "LIVE")):
            await d.go(address)
            await d.sees(text)
            assert d.screen.address == address
            assert all(len(line) <= size[0] for line in d.text.splitlines())

    drive(tui_server.url, script, size=size)


def test_an_installed_console_has_the_examples() -> None:
    code = "from torc_tui import workflow_files; print(len(workflow_files.examples()))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert int(told.stdout) >= 2
