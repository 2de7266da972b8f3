"""Keys typed faster than screens and rows arrive: each is for what the one before has led to."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from torc_tui.screens.edit_form import EditForm
from torc_tui.screens.job import JobScreen
from torc_tui.widgets.field import Field
from torc_tui.widgets.prompt import Prompt


@driven
async def test_the_second_job_of_a_workflow_is_opened(tui_server: ServerProcess, workshop: Workshop) -> None:
    workshop.workflow("ahead", {"name": "one"}, {"name": "two"}, {"name": "three"})
    async with console(tui_server.url, view="workflows ahead") as driver:
        driver.at_once("enter", "down", "enter")
        await driver.until(lambda: isinstance(driver.screen, JobScreen))
        await driver.sees("two (")


@driven
async def test_the_first_job_of_a_cause_is_opened(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("failing ahead", {"name": "bad"}, {"name": "good"})
    workshop.end(workflow_id, bad=77)
    async with console(tui_server.url, view=f"failures workflow_id={workflow_id}") as driver:
        driver.at_once("enter", "down", "enter")
        await driver.until(lambda: isinstance(driver.screen, JobScreen))
        await driver.sees("bad (")


@driven
async def test_what_is_typed_in_a_form_lands_in_the_field_that_was_gone_to(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("a form ahead", {"name": "one"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once("e", "2", "down", "3", "g", "tab", "tab", "9", "backspace", "4", "m", "down", "backspace", "7")
        await driver.sees("Resources of job one")
        form = driver.app.screen
        assert isinstance(form, EditForm)
        wanted = {"num_cpus": "2", "memory": "3g", "num_gpus": "", "runtime": "4m", "priority": "7"}
        await driver.until(lambda: {name: field.value for name, field in form._fields.items()} == wanted)


@driven
async def test_keys_after_an_address_are_for_the_screen_gone_to(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("addressed ahead", {"name": "one"}, {"name": "two"})
    async with console(tui_server.url) as driver:
        driver.at_once(*f":jobs {workflow_id}", "enter", "j", "enter")
        await driver.sees("two (")
        assert isinstance(driver.screen, JobScreen)


@driven
async def test_keys_after_a_filter_are_for_the_rows_it_leaves(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("filtered ahead", {"name": "one"}, {"name": "two"}, {"name": "twofold"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once(*"/two", "enter", "j", "enter")
        await driver.sees("twofold (")


@driven
async def test_keys_after_a_choice_and_a_form_are_for_what_they_lead_to(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = workshop.workflow("chosen ahead", {"name": "one"}, {"name": "two"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once("ctrl+p", *"job: resources", "enter", "up", "backspace", "7", "enter", "j", "enter")
        await driver.sees("two (")
        assert isinstance(driver.screen, JobScreen)
        assert workshop.http.get(f"/jobs/{ids[0]}").json()["priority"] == 7


@driven
async def test_what_a_form_refuses_is_mended_by_the_keys_after_enter(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = workshop.workflow("refused ahead", {"name": "one"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once("e", "up", "x", "enter", "backspace", "5", "enter")
        await driver.until(lambda: workshop.http.get(f"/jobs/{ids[0]}").json()["priority"] == 5)


@pytest.mark.parametrize("keys", [("enter", "c"), ("ctrl+s",)])
@driven
async def test_keys_after_create_are_for_the_workflow(tui_server: ServerProcess, keys: tuple[str, ...]) -> None:
    Path("ahead.yaml").write_text("name: ahead\njobs: [{name: one, command: 'true'}, {name: two, command: 'true'}]\n")
    async with console(tui_server.url) as driver:
        driver.at_once("n", "escape", "n", *"ahead.yaml", *keys, "j", "enter")
        await driver.sees("two (")
        assert isinstance(driver.screen, JobScreen)


@driven
async def test_keys_after_help_are_for_the_screen(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("helped ahead", {"name": "one"}, {"name": "two"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once("?", "escape", "j", "enter")
        await driver.sees("two (")


@driven
async def test_what_is_pasted_takes_its_turn(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("pasted ahead", {"name": "one"})
    async with console(tui_server.url) as driver:
        driver.at_once(":", "j")
        driver.app.post_message(events.Paste(f"obs {workflow_id}"))
        driver.at_once("enter", "enter")
        await driver.sees("one (")


@driven
async def test_keys_after_a_completion_go_on_from_it(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("completed ahead", {"name": "one"})
    Path("complete.yaml").write_text("name: complete\njobs: [{name: one, command: 'true'}]\n")
    async with console(tui_server.url) as driver:
        driver.at_once(*":jo", "tab", *f"s {workflow_id}", "enter")
        await driver.until(lambda: driver.screen.address == f"jobs {workflow_id}")
        driver.at_once(*":new", "enter", *"comp", "tab", "backspace", "l", "enter")
        await driver.sees("✔ complete")


@driven
async def test_what_was_typed_before_the_focus_came_is_not_replaced_by_what_follows(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("focused late", {"name": "one"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        driver.at_once(*":wor")
        prompt = driver.screen.query_one(Prompt).input
        await driver.until(lambda: prompt.has_focus and prompt.value == "wor")
        await driver.press("k")
        assert prompt.value == "work"
        await driver.press("escape", "e", "up", "1", "2")
        assert driver.dialog
        assert driver.app.screen.query(Field).last().value == "12"
