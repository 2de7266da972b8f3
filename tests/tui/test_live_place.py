"""What a user has set up stays while what is shown moves on, and costs few questions."""

from __future__ import annotations

import asyncio

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, driven


def going_on(driver: Driver) -> bool:
    """Whether a job that is shown is said not to have ended."""
    return any(status in driver.text for status in ("○ ready", "◔ pending", "● running"))


@driven
async def test_cursor_marks_scroll_filter_and_order_stay_while_jobs_run(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.many("moves on", 120)
    runner = workshop.runner(workflow_id)
    async with console(tui_server.url, view=f"jobs {workflow_id} name~job_000") as driver:
        await driver.go("sort -name")
        await driver.press("space", "space", "pagedown", "pagedown", "down")
        table = driver.table
        before = (table.cursor_id, table.top, dict(table.marks), table.view)
        assert before[1] > 0
        assert len(before[2]) == 2
        for _ in range(3):
            jobs = await asyncio.to_thread(runner.claim, 40)
            for job in jobs[:5]:
                await asyncio.to_thread(runner.finish, job, 3)
            await asyncio.to_thread(runner.finish_all, jobs[5:])
        await driver.until(lambda: "Results 120" in driver.text and not going_on(driver))
        assert (table.cursor_id, table.top, dict(table.marks), table.view) == before
        assert "2 marked" in driver.text
        await driver.press("home")
        await driver.until(lambda: not going_on(driver), 8)
    runner.leave()


@driven
async def test_the_first_screen_asks_three_questions(tui_server: ServerProcess, workshop: Workshop) -> None:
    for i in range(30):
        workshop.workflow(f"one of thirty {i}", {"name": "a"})
    async with console(tui_server.url) as driver:
        asked = driver.asked()
        await driver.press("f5")
        assert sorted(asked) == ["/console/failures", "/console/nodes", "/console/workflows"]


@driven
async def test_from_home_to_a_log_and_the_failures_each_question_is_asked_once(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, (job_id,) = workshop.workflow("asked once", {"name": "bad"})
    workshop.end(workflow_id, bad=2)
    flow, job = f"/console/workflows/{workflow_id}", f"/console/jobs/{job_id}"
    async with console(tui_server.url, view='workflows name="asked once"') as driver:
        asked = driver.asked()
        await driver.press("enter")
        assert sorted(asked) == [job, flow, f"{flow}/jobs"]
        for key, paths in {
            "enter": [job],
            "l": [f"{job}/output"],
            "exclamation_mark": ["/console/failures", f"{job}/output"],
        }.items():
            asked.clear()
            await driver.press(key)
            assert sorted(asked) == paths
