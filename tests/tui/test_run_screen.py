"""The screen of one local run: what it uses, where its jobs work, and all that its log says of it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from tests.tui.made_workflows import ended, made
from torc_core import run_records
from torc_core.client.http import Address, base_url
from torc_core.run_records import LocalRun, RunOptions
from torc_tui import local_runs

pytestmark = pytest.mark.usefixtures("no_run_left")


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
