"""Local runs and the server in the console: they go on without it, are found again, stopped and repeated."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.runner.waiting import until
from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from torc_core import local_server, run_records
from torc_core.client import endpoints
from torc_core.client.http import Address, Client, base_url
from torc_core.errors import TorcError
from torc_core.run_records import LocalRun, RunOptions
from torc_tui import local_runs
from torc_tui.app import ConsoleApp
from torc_tui.checking import check
from torc_tui.connect import OwnServer
from torc_tui.rendering.glyphs import Characters
from torc_tui.screens.run import RunScreen
from torc_tui.screens.runs import RunsScreen
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.store import Connector, State

SERVER_S = 40.0
"""How long a server may take to start beside everything else."""

PATIENT = {"name": "waits", "command": "until test -e go; do sleep 0.02; done"}


@pytest.fixture(autouse=True)
def no_run_left(own_home: Path) -> Iterator[None]:  # noqa: ARG001
    """A test that fails leaves no runner behind."""
    yield
    for seen in local_runs.active():
        os.kill(seen.run.pid, signal.SIGTERM)
        os.kill(seen.run.pid, signal.SIGINT)


def made(server: ServerProcess, name: str, *jobs: dict[str, Any]) -> int:
    """An initialized workflow, made in the working folder; its jobs may name the requirement `some`."""
    file = Path(f"{name}.json")
    some = {"name": "some", "num_cpus": 1, "memory": "100m", "runtime": "PT1M"}
    file.write_text(json.dumps({"name": name, "jobs": list(jobs), "resource_requirements": [some]}))
    plan = check(file, Path.cwd(), "tester").plan
    assert plan is not None
    with Client(Address(server.url), "tester") as client:
        return client.send(endpoints.create_from_plan(lambda: plan.lines(True), name)).workflow_id


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
        await d.until(lambda: d.text.count("3 at once, 1.5 GB") == 2)
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
        await d.press("r")
        assert d.said.startswith(f"✔ slow ({workflow_id}) runs on this machine (local run 2); ")
        await d.until(lambda: local_runs.find(2).word == "incomplete")
        await d.press("o")
        await d.press("down", "down")
        await d.type("0.05")
        await d.press("enter")
        await d.until(lambda: "✖ local run 3 ended already, stuck ('o' changes what it uses, 0.05 GB): " in d.said)
        await d.pilot.press("r")
        await d.until(lambda: "runs on this machine (local run 4, using 0.05 GB; 'o' changes that); it" in d.said)
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


def test_what_a_run_has_said_is_shown_from_its_beginning_where_there_is_room(tui_server: ServerProcess) -> None:
    made(tui_server, "said", {"name": "a", "command": "true"})

    async def script(d: Driver) -> None:
        await d.press("r")
        await d.until(lambda: [seen.word for seen in local_runs.runs()] == ["done"])
        await d.go("run 1")
        await d.sees("Job runner completed")
        await d.sees("Starting job runner")

    drive(tui_server.url, script)


def test_the_log_of_a_run_has_nothing_of_the_runs_before_and_after_it(tui_server: ServerProcess) -> None:
    workflow_id = made(tui_server, "thrice", {"name": "one", "command": "true", "resource_requirements": "some"})

    def start() -> LocalRun:
        too_little = RunOptions(memory_gb=0.001)
        return local_runs.start_run(Address(tui_server.url), workflow_id, "thrice", str(Path.cwd()), options=too_little)

    async def script(d: Driver) -> None:
        for _ in range(3):
            run = start()
            await d.until(partial(ended, run.id))
        assert len(list(Path("output").glob("job_runner_*.log"))) == 1
        begun = []
        for seen in local_runs.runs():
            await d.go(f"run {seen.run.id}")
            await d.sees("Job runner completed")
            assert d.text.count("Starting job runner") == d.text.count("Job runner completed") == 1
            begun.append(int(d.line("Starting job runner").partition("compute_node_id=")[2].split()[0]))
        assert begun == sorted(set(begun), reverse=True)

    drive(tui_server.url, script)


def ended(number: int) -> bool:
    """Whether a run has ended."""
    return not local_runs.find(number).active


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


@pytest.fixture
def process() -> Iterator[int]:
    """The pid of a process that could be a runner."""
    with subprocess.Popen(["sleep", "600"]) as sleeps:
        yield sleeps.pid
        sleeps.kill()


def test_what_a_run_uses_and_where_its_jobs_work_is_shown(
    tui_server: ServerProcess, workshop: Workshop, process: int, tmp_path: Path
) -> None:
    folder = tmp_path / "survey"
    folder.mkdir()
    workflow_id, _ = workshop.workflow("uses", {"name": "works"}, origin=str(folder))
    number, _ = run_records.new_folder()
    run_records.keep(number, process, workflow_id, "uses", base_url(tui_server.url), str(folder), RunOptions(), {})
    runner = workshop.runner(workflow_id, pid=process)
    (job,) = runner.claim()
    runner.use(job, cpu_percent=93.4, memory_bytes=5 << 30)

    async def script(d: Driver) -> None:
        column = d.line("WORKFLOW").index("JOBS WORK IN")
        seen = d.line("uses ")[column:].strip(" ▐…")
        assert len(seen) > 15
        assert str(folder).startswith(seen)
        await d.press("enter")
        assert d.line("in use").split("in use")[1].strip() == "93 % of one cpu, 5.0 GB of memory"
        assert f"jobsworkin{folder}outputin" in "".join(d.text.split())
        await asyncio.to_thread(runner.finish, job)
        await d.until(lambda: "in use" not in d.text)
        assert "0 jobs" in d.line("at work")

    drive(tui_server.url, script, view="runs")


def test_a_line_of_a_log_that_is_longer_than_the_screen_goes_on_below(
    tui_server: ServerProcess, workshop: Workshop, process: int, tmp_path: Path
) -> None:
    workflow_id, _ = workshop.workflow("long lines", {"name": "works"})
    number, place = run_records.new_folder()
    run_records.keep(number, process, workflow_id, "long", base_url(tui_server.url), str(tmp_path), RunOptions(), {})
    (place / "said").write_text("".join(f"word_{i} " for i in range(30)))

    async def script(d: Driver) -> None:
        words = "".join(f"word_{i}" for i in range(30))
        await d.until(lambda: words in "".join(d.text.split()))
        await d.pilot.resize_terminal(140, 24)
        await d.until(lambda: "word_14 word_15" in d.text)
        assert words in "".join(d.text.split())

    drive(tui_server.url, script, view=f"run {number}", size=(80, 24))


def test_a_run_that_does_not_exist_is_named(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("run 99")
        assert "there is no local run 99" in d.said

    drive(tui_server.url, script)


@pytest.fixture
def own_server(own_home: Path) -> Iterator[None]:  # noqa: ARG001
    """The user's own server, gone at the end."""
    yield
    local_server.stop()


@pytest.mark.usefixtures("own_server")
def test_the_own_server_is_shown_stopped_started_and_restarted() -> None:
    async def run() -> None:
        app = ConsoleApp(OwnServer(), characters=Characters())
        async with app.run_test(size=(140, 40)) as pilot:
            d = Driver(app, pilot)
            await d.until(lambda: app.idle, SERVER_S)
            await d.go("server")
            await d.sees("● running   pid ")
            await d.sees("torc.db  ")
            await d.sees("listening on")
            assert re.fullmatch(r" *\d\d:\d\d:\d\d  listening on .*", d.line("listening on"))
            record = local_server.read_record()
            assert record is not None
            assert record.url in d.text
            assert "none at work" in d.text
            await d.pilot.press("x")
            await d.sees("stopped   s starts it")
            assert local_server.find() is None
            await d.until(lambda: "the server was stopped" in app.store.connection.reason)
            assert local_server.find() is None
            await d.pilot.press("s")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await d.sees("● running   pid ")
            assert "it runs already" in (d.screen.context.why_not(app.registry.actions["server.start"]) or "")
            first = local_server.read_record()
            await d.pilot.press("R")
            await d.until(lambda: local_server.read_record() != first and local_server.find() is not None, SERVER_S)
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            second = local_server.read_record()
            assert first is not None
            assert second is not None
            assert (second.url, second.pid != first.pid) == (first.url, True)
            await d.sees(f"pid {second.pid}")

    asyncio.run(run())


@pytest.mark.usefixtures("own_server")
def test_a_server_that_was_stopped_stays_so_in_every_console_and_one_that_died_is_started_again() -> None:
    async def run() -> None:
        app = ConsoleApp(OwnServer(), characters=Characters())
        async with app.run_test(size=(140, 40)) as pilot:
            d = Driver(app, pilot)
            await d.until(lambda: app.idle, SERVER_S)
            dead = local_server.read_record()
            assert dead is not None
            os.kill(dead.pid, signal.SIGKILL)
            await d.until(lambda: local_server.find() is not None, SERVER_S)
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await torc("server", "stop")
            await d.sees("OFFLINE")
            await d.sees("the server was stopped; 's' on ':server' starts it")
            reason = app.store.connection.reason
            tries = app.store._connector = Tries(app.store._connector)
            await d.until(lambda: tries.count >= 2)
            assert local_server.find() is None
            assert app.store.connection.reason == reason
            await torc("workflows", "list")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await torc("server", "stop")
            await d.sees("the server was stopped")
            app.obey("server", d.screen)
            await d.sees("stopped   s starts it")
            await d.pilot.press("s")
            await d.until(lambda: app.store.connection.state is State.LIVE, SERVER_S)
            await d.sees("● running   pid ")

    asyncio.run(run())


class Tries:
    """Counts how often the server is looked for."""

    def __init__(self, connector: Connector) -> None:
        self.label, self.way_out = connector.label, connector.way_out
        self.count = 0
        self._connector = connector

    def address(self) -> Address:
        """Where it is."""
        self.count += 1
        return self._connector.address()


async def torc(*arguments: str) -> None:
    """Run a command of torc in a shell."""
    command = [sys.executable, "-m", "torc_core.cli.main", *arguments]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


def test_a_server_that_was_named_is_not_stopped_from_here(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("server")
        await d.sees("given by --url")
        for key in ("s", "x", "R"):
            await d.press(key)
            assert "it was given by --url" in d.said

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
