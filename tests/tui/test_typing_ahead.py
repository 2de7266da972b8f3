"""Keys typed faster than rows arrive: each is for what the one before has led to."""

from __future__ import annotations

from server_process import ServerProcess
from textual import events

from tests.tui.driver import Driver, Workshop, console, driven
from torc_tui.screens.edit_form import EditForm
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


@driven
async def test_what_is_typed_in_a_form_lands_in_the_field_that_was_gone_to(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("a form ahead", {"name": "one"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        at_once(driver, "e", "2", "down", "3", "g", "tab", "tab", "9", "backspace", "4", "m", "down", "backspace", "7")
        await driver.sees("Resources of job one")
        form = driver.app.screen
        assert isinstance(form, EditForm)
        wanted = {"num_cpus": "2", "memory": "3g", "num_gpus": "", "runtime": "4m", "priority": "7"}
        await driver.until(lambda: {name: field.value for name, field in form._fields.items()} == wanted)
