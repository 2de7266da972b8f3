"""Changes that are heard while an answer from before them is on its way: what is shown in the end is how it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, drive, driven
from torc_core.client import console as questions
from torc_tui.screens.job import JobScreen


@driven
async def test_who_asks_after_a_change_gets_no_answer_from_before_it(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("asked twice", {"name": "one"})
    async with console(tui_server.url) as driver:
        store, request = driver.app.store, questions.workflow_detail(workflow_id)
        held = driver.hold_answers()
        before = asyncio.ensure_future(store.ask(request))
        await driver.until(lambda: request.path in held.paths)
        await driver.hears("jobs", lambda: workshop.end(workflow_id))
        after = asyncio.ensure_future(store.ask(request))
        held.let_go()
        assert (await before).row["counts"] == {"ready": 1}
        assert (await after).row["counts"] == {"completed": 1}


@driven
async def test_a_job_whose_parent_ends_while_it_is_asked_about_shows_that(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, parents = workshop.workflow("parents", {"name": "short"}, {"name": "long"}, initialize=False)
    below = {"workflow_id": workflow_id, "name": "below", "command": "true", "depends_on_job_ids": parents}
    child = workshop.http.post("/jobs", json=below).json()["id"]
    workshop.http.post(f"/workflows/{workflow_id}/initialize_jobs").raise_for_status()
    runner = workshop.runner(workflow_id)
    jobs = {job["name"]: job for job in runner.claim()}
    async with console(tui_server.url) as driver:
        held = driver.hold_answers()
        screen = JobScreen(driver.app.store, child)
        driver.app.open(screen)
        await driver.until(lambda: any(path.endswith(f"/{child}") for path in held.paths))
        await driver.hears("jobs", lambda: runner.finish(jobs["short"]))
        assert screen.detail is None
        held.let_go()
        await driver.until(lambda: "✔" in driver.line("short"))


def test_a_failure_that_is_mended_while_it_is_asked_about_is_not_shown(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, ["--no-auth"]) as server, httpx.Client(base_url=server.url, timeout=20) as http:
        workshop = Workshop(http)
        workflow_id, (job_id,) = workshop.workflow("mended at once", {"name": "one"})

        async def script(driver: Driver) -> None:
            held = driver.hold_answers()
            await driver.hears("jobs", lambda: workshop.end(workflow_id, one=43))
            await driver.until(lambda: any("failures" in path for path in held.paths))
            await driver.hears("jobs", lambda: http.post("/console/retry", json={"ids": [job_id]}))
            held.let_go()
            await driver.sees("exit code 43")

            def is_gone() -> bool:
                driver.screen.ticked()
                return "exit code 43" not in driver.text

            await driver.until(is_gone)

        drive(server.url, script)
