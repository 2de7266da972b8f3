"""What is said of one job: in the inspector, in the preview under the jobs, and by `w`."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, driven

LONG = "align_all_samples_against_this_reference"


def words(driver: Driver) -> str:
    """What is on the screen, without the breaks of its lines."""
    return " ".join(driver.text.split())


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
@driven
async def test_the_inspector_says_all_of_why_a_job_waits(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]
) -> None:
    _, ids = workshop.workflow("waits", {"name": LONG}, {"name": "below", "after": 0})
    async with console(tui_server.url, size=size, view=f"job {ids[1]}") as driver:
        left = size[0] // 2 - 2 if size[0] > 100 else size[0]
        facts = " ".join(word for line in driver.text.splitlines() for word in line[:left].split())
        assert f"why blocked: waits for its parent {LONG} ready command true" in facts


@driven
async def test_the_preview_hears_of_a_parent_that_it_does_not_name(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = workshop.workflow("many parents", *({"name": f"p{i}"} for i in range(9)), initialize=False)
    workshop._post("/jobs", {"workflow_id": workflow_id, "name": "last", "command": "true", "depends_on_job_ids": ids})
    workshop._post(f"/workflows/{workflow_id}/initialize_jobs")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("G")
        await driver.sees("blocked: waits for 9 of 9 parents")
        runner = await asyncio.to_thread(workshop.runner, workflow_id)
        jobs = await asyncio.to_thread(runner.claim)
        await asyncio.to_thread(runner.finish, next(job for job in jobs if job["name"] == "p8"))
        await driver.sees("blocked: waits for 8 of 9 parents")


@driven
async def test_the_preview_hears_of_a_runner(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("lonely", {"name": "alone"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.sees("ready: no runner is active")
        runner = await asyncio.to_thread(workshop.runner, workflow_id)
        await driver.sees("ready: waits for room on a runner")
        await asyncio.to_thread(runner.leave)
        await driver.sees("ready: no runner is active")


@driven
async def test_the_preview_shows_a_command_that_is_longer_than_a_line(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    command = "python train.py " + " ".join(f"--option-{i} value_{i}" for i in range(8)) + " --last"
    workflow_id, _ = workshop.workflow("long command", {"name": "train", "command": command})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.sees("--last")
        assert command in words(driver)


@driven
async def test_w_says_when_a_job_ended_by_the_clock_of_this_machine_and_leaves_its_words_alone(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = workshop.workflow("told", {"name": "breaks"})
    runner = workshop.runner(workflow_id)
    (job,) = runner.claim()
    runner.finish(job, 3, "2026-01-02T03:04:05.678Z lost the disk")
    async with console(tui_server.url, view=f"job {ids[0]}") as driver:
        await driver.press("w")
        assert f"Why breaks ({ids[0]}) failed" in driver.text
        assert re.search(r"failed at \d\d:\d\d:\d\d: exit code 3", driver.text)
        assert "2026-01-02T03:04:05.678Z lost the disk" in driver.line("│ 2026")


@driven
async def test_of_what_the_title_says_of_a_job_whole_facts_give_way(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    _, ids = workshop.workflow("w", {"name": "n" * 30})
    async with console(tui_server.url, size=(120, 30), view=f"job {ids[0]}") as driver:
        shown = []
        for width in range(120, 70, -2):
            await driver.pilot.resize_terminal(width, 30)
            await driver.until(lambda: "nnn" in driver.text)
            _, found, facts = driver.text.splitlines()[0].partition("ready")
            shown += [facts.strip()] if found and facts.strip() not in shown else []
        assert shown == ["run 0  attempt 1", "attempt 1", ""]


@driven
async def test_a_canceled_job_that_its_runner_still_stops_shows_how_it_ended(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, (job_id,) = workshop.workflow("stopped slowly", {"name": "slow"})
    runner = workshop.runner(workflow_id)
    (job,) = runner.claim()
    async with console(tui_server.url, view=f"job {job_id}") as driver:
        await asyncio.to_thread(workshop.http.put, f"/workflows/{workflow_id}/cancel")
        await driver.sees("canceled: its workflow was canceled")
        await asyncio.to_thread(runner.finish, job, 143, "", status="canceled")
        await driver.sees("killed by SIGTERM")
