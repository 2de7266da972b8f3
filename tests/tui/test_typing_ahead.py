"""Keys typed faster than rows arrive: each is for what the one before has led to."""

from __future__ import annotations

from server_process import ServerProcess
from textual import events

from tests.tui.driver import Driver, Workshop, console, driven
from torc_tui.screens.job import JobScreen


def at_once(driver: Driver, *keys: str) -> None:
    """Type without looking."""
    for key in keys:
        driver.app.post_message(events.Key(key, key if len(key) == 1 else None))


@driven
async def test_the_second_job_of_a_workflow_is_opened(tui_server: ServerProcess, workshop: Workshop) -> None:
    workshop.workflow("ahead", {"name": "one"}, {"name": "two"}, {"name": "three"})
    async with console(tui_server.url, view="workflows ahead") as driver:
        at_once(driver, "enter", "down", "enter")
        await driver.until(lambda: isinstance(driver.screen, JobScreen))
        await driver.sees("two (")


@driven
async def test_the_first_job_of_a_cause_is_opened(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("failing ahead", {"name": "bad"}, {"name": "good"})
    workshop.end(workflow_id, bad=77)
    async with console(tui_server.url, view=f"failures workflow_id={workflow_id}") as driver:
        at_once(driver, "enter", "down", "enter")
        await driver.until(lambda: isinstance(driver.screen, JobScreen))
        await driver.sees("bad (")
