"""What actions mean when rows are marked."""

from __future__ import annotations

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.test_job_changes import statuses


@driven
async def test_marked_workflows_are_named_as_the_one_under_the_cursor_is(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    one, _ = workshop.workflow("named once", {"name": "a"})
    two, _ = workshop.workflow("named once", {"name": "a"})
    async with console(tui_server.url, view='workflows name="named once"') as driver:
        await driver.press("space", "x")
        await driver.sees(f"Cancel workflow named once ({two})?")
        await driver.press("escape", "space", "x")
        await driver.sees("Cancel 2 workflows?")
        assert {line.strip(" │▌") for line in driver.text.splitlines() if "named once (" in line} == {
            f"named once ({one})",
            f"named once ({two})",
        }


@pytest.mark.parametrize(
    ("key", "shown"),
    [("l", "second has not run yet"), ("p", "second ("), ("w", "Why second ("), ("f", "✖ second names no file"),
     ("y", "▌ name                       second")],
)  # fmt: skip
@driven
async def test_what_shows_one_thing_shows_the_job_under_the_cursor(
    tui_server: ServerProcess, workshop: Workshop, key: str, shown: str
) -> None:
    workflow_id, _ = workshop.workflow("shown", {"name": "first"}, {"name": "second"}, {"name": "third"})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("space", "down", "space", "up", key)
        assert driver.text.count(shown) == 1


@driven
async def test_the_timeline_is_that_of_the_workflow_under_the_cursor(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    one, _ = workshop.workflow("timed", {"name": "a"})
    workshop.workflow("timed", {"name": "a"})
    async with console(tui_server.url, view='workflows name="timed"') as driver:
        await driver.press("space", "t")
        assert driver.screen.address == f"timeline {one}"


@pytest.mark.parametrize(("first", "key", "title"), [("fails", "R", "Retry 2 jobs?"), ("off", "+", "Enable 2 jobs?")])
@driven
async def test_what_means_all_that_is_marked_is_asked_about_even_when_one_job_is_concerned(
    tui_server: ServerProcess, workshop: Workshop, first: str, key: str, title: str
) -> None:
    workflow_id, ids = workshop.workflow("both", {"name": first}, {"name": "other"})
    if first == "off":
        change = {"change": "disable", "ids": ids[:1]}
        workshop.http.post(f"/console/workflows/{workflow_id}/change_jobs", json=change).raise_for_status()
    workshop.end(workflow_id, fails=3)
    runner = workshop.runner(workflow_id)
    before = statuses(workshop, workflow_id)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("space", "space", key)
        await driver.sees(title)
        assert f"│   {first} " in driver.text
        await driver.press("enter")
        assert "nothing was done" in driver.said
        assert statuses(workshop, workflow_id) == before
        assert "2 marked" in driver.text
        await driver.press(key, "tab", "enter")
        await driver.until(lambda: statuses(workshop, workflow_id) != before)
        await driver.until(lambda: "marked" not in driver.text)
    runner.leave()


@driven
async def test_a_marked_workflow_whose_only_failed_job_runs_again_is_asked_about(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("one of two", {"name": "fails"})
    workshop.end(workflow_id, fails=3)
    workshop.workflow("one of two", {"name": "waits"})
    async with console(tui_server.url, view='workflows name="one of two"') as driver:
        await driver.press("*", "R")
        await driver.sees("Retry what failed in 2 workflows?")
        await driver.press("escape")
        assert statuses(workshop, workflow_id) == {"fails": "failed"}
