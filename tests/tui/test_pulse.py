"""Under the list of workflows: failures by cause, and the runners at work."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, drive, driven
from torc_core.models.console import LiveNodes
from torc_core.models.failures import FailureGroup, Failures
from torc_tui.rendering.cells import plain, width_of
from torc_tui.rendering.columns import Look
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.pulse_view import pulse_lines
from torc_tui.screens.notice import Notice
from torc_tui.widgets.pulse import Pulse

MB = 1 << 20

LOOK = Look(Characters(), datetime.now())


def test_failures_and_runners_come_and_go_by_themselves(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("pulse", {"name": "one"}, {"name": "two"})

    async def script(d: Driver) -> None:
        runner = await asyncio.to_thread(workshop.runner, workflow_id, "n99")
        await d.sees("n99")
        jobs = await asyncio.to_thread(runner.claim)
        await asyncio.to_thread(runner.use, jobs[0], cpu_percent=50.0, memory_bytes=700 * MB)
        d.screen.ticked()
        await d.until(lambda: "700 MB" in d.line("n99"))
        assert "2/64 cpu" in d.line("n99")
        assert "pulse" in d.line("n99")
        await asyncio.to_thread(runner.finish, jobs[0], 41)
        await d.until(lambda: "1 job" in d.line("exit code 41"))
        await asyncio.to_thread(runner.finish, jobs[1])
        await asyncio.to_thread(runner.leave)
        await d.until(lambda: "n99" not in d.text)
        workshop.http.post("/console/retry", json={"ids": [jobs[0]["job_id"]]}).raise_for_status()
        await d.until(lambda: "0/2" in d.line("pulse") or "1/2" in d.line("pulse"))
        d.screen.ticked()
        await d.until(lambda: "exit code 41" not in d.text)

    drive(tui_server.url, script)


def test_on_a_small_terminal_there_is_none_and_nothing_is_asked_for_it(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        asked = d.asked()
        assert "ATTENTION" not in d.text
        await d.press("f5")
        d.screen.ticked()
        await d.settle()
        assert "/console/workflows" in asked
        assert not {"/console/failures", "/console/nodes"} & set(asked)
        await d.pilot.resize_terminal(140, 40)
        await d.sees("ATTENTION")
        assert "/console/nodes" in asked
        await d.pilot.resize_terminal(80, 24)
        await d.until(lambda: "ATTENTION" not in d.text)
        assert not d.screen.query_one(Pulse).watches

    drive(tui_server.url, script, size=(80, 24))


def group(number: int) -> FailureGroup:
    return FailureGroup(cause=f"cause {number}", jobs=number, workflows=number, workflow="w", first=0, last=0, job_id=1)


@pytest.mark.parametrize(("count", "last"), [(0, "nothing has failed"), (4, "cause 4"), (9, "and 6 more")])
def test_what_does_not_fit_is_counted(count: int, last: str) -> None:
    failures = Failures(groups=[group(i) for i in range(1, count + 1)], matching=count, jobs=count, causes=count)
    rows = [
        {"id": i, "host": f"n{i}", "workflow": "w", "cpus": 4, "memory_gb": 8, "taken_cpus": 2, "silent": 40 * (i == 1),
         "lease": 60, "mem": i * MB}
        for i in range(count)
    ]  # fmt: skip
    nodes = LiveNodes(nodes=rows, total=count, cpus=4, taken_cpus=2, memory_bytes=8 << 30, used_memory_bytes=MB)
    lines = [plain(line) for line in pulse_lines(failures, nodes, 120, 5, LOOK)]
    assert {width_of([(line, "")]) for line in lines} == {119}
    assert any(last in line for line in lines)
    if count:
        assert ("silent for 40 s" in lines[2]) == (count > 1)
    if count > 4:
        assert "and 6 more" in lines[-1]


HUGE = {"name": "huge", "num_cpus": 500, "num_gpus": 4, "num_nodes": 1, "memory": "1g", "runtime": "PT1M"}


def with_a_huge_job(shop: Workshop, name: str) -> int:
    """A workflow with a job that any runner can do and one that needs what few have."""
    workflow_id, _ = shop.workflow(name, {"name": "easy"}, initialize=False)
    needs = shop._post("/resource_requirements", {**HUGE, "workflow_id": workflow_id})["id"]
    job = {"workflow_id": workflow_id, "name": "hard", "command": "true", "resource_requirements_id": needs}
    shop._post("/jobs", job)
    shop._post(f"/workflows/{workflow_id}/restart")
    return workflow_id


def stuck_now(shop: Workshop, workflow_id: int) -> list[dict[str, object]]:
    told = shop.http.get("/console/nodes").json()["stuck"]
    return [each for each in told if each["id"] == workflow_id]


def test_a_workflow_whose_jobs_no_runner_fits_is_told_while_it_runs_and_afterwards(workshop: Workshop) -> None:
    workflow_id = with_a_huge_job(workshop, "wide")
    assert stuck_now(workshop, workflow_id) == []
    runner = workshop.runner(workflow_id)
    (job,) = runner.claim()
    (told,) = stuck_now(workshop, workflow_id)
    assert (told["cause"], told["jobs"], told["lacking"]) == ("no runner fits", 1, "500 CPUs and 4 GPUs")
    runner.finish(job)
    runner.leave()
    (told,) = stuck_now(workshop, workflow_id)
    assert "n17 offers 64 CPUs" in str(told["why"])
    big = workshop.runner(workflow_id, host="big", num_cpus=1000, num_gpus=8)
    assert stuck_now(workshop, workflow_id) == []
    big.leave()


@driven
async def test_a_stuck_workflow_needs_attention_until_it_can_go_on(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    async with console(tui_server.url) as driver:
        workflow_id = await asyncio.to_thread(with_a_huge_job, workshop, "too_large")
        runner = await asyncio.to_thread(workshop.runner, workflow_id)
        (job,) = await asyncio.to_thread(runner.claim)
        await driver.go(f"jobs {workflow_id}")
        await driver.sees("1 job cannot start: jobs with requirement 'huge' need 500 CPUs and 4 GPUs")
        await asyncio.to_thread(runner.finish, job)
        await asyncio.to_thread(runner.leave)
        await driver.sees("it cannot go on: jobs with requirement 'huge' need 500 CPUs and 4 GPUs")
        assert "◆ stuck" in driver.line("too_large")
        await driver.press("escape")
        await driver.sees("1 job  too_large  500 CPUs")  # what follows is cut where longer causes stand beside it
        assert "no runner fits" in driver.line("too_large  500 CPUs")
        assert "cannot go on" in driver.line("ATTENTION")
        await driver.until(lambda: "◆ stuck" in driver.line(f" {workflow_id}  too_large"))
        await asyncio.to_thread(workshop.http.put, f"/workflows/{workflow_id}/cancel")

        def has_gone() -> bool:
            driver.screen.ticked()
            return "too_large  500 CPUs" not in driver.text

        await driver.until(has_gone)


def test_a_lost_runner_is_shown_with_when_why_and_its_jobs(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path, ["--no-auth", "--lease-s", "2"]) as server,
        server.client() as http,
    ):
        shop = Workshop(http)
        workflow_id, (job_id,) = shop.workflow("lossy", {"name": "one"})
        runner = shop.runner(workflow_id, "n19")
        (job,) = runner.claim()

        async def script(d: Driver) -> None:
            await d.until(lambda: "lost" in d.line("n19"))
            assert "silent for 2 s, with 1 job" in d.line("n19")
            assert "lossy" in d.line("n19")
            await d.go(f"events {workflow_id}")
            line = d.line("worker_lost")
            assert f"one ({job_id}): attempt 1 of run {job['run_id']} lost with n19" in line
            assert "silent for 2 s; it runs again" in line
            await d.press("enter")
            assert isinstance(d.app.screen, Notice)
            await d.press("escape")
            await d.go(f"results {workflow_id}")
            line = d.line("worker lost")
            assert all(part in line for part in ("one", "terminated", "n19", "silent for"))
            again = await asyncio.to_thread(shop.runner, workflow_id, "n20")
            (second,) = await asyncio.to_thread(again.claim)
            await asyncio.to_thread(again.finish, second)
            await d.until(lambda: d.table.rows.total == 2)

        drive(server.url, script)
