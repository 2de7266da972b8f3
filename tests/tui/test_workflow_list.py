"""The list of workflows: pace and what is left of what runs, whose they are, and acting on several of them."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.test_job_changes import statuses


@driven
async def test_what_runs_shows_its_rate_and_when_it_will_be_done(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("at a pace", *({"name": f"job_{i}"} for i in range(40)))
    runner = workshop.runner(workflow_id)
    async with console(tui_server.url, view="workflows pace") as driver:
        assert not re.search(r"\d/s", driver.line("at a pace"))
        jobs = runner.claim(40)
        for job in jobs[:30]:
            await asyncio.to_thread(runner.finish, job)
        await driver.until(lambda: "30/40" in driver.line("at a pace"))
        await driver.until(
            lambda: re.search(r"75\s%\s+30/40\s+10\s+\d+/(s|min)\s+[\d.]+\s[sm]", driver.line("at a pace"))
        )
        await asyncio.to_thread(runner.finish_all, jobs[30:])
        await driver.until(lambda: re.search(r"100\s%\s+40/40\s+–\s+–\s+–", driver.line("at a pace")))
    runner.leave()


@driven
async def test_workflows_of_one_user_are_what_a_filter_leaves_in(tui_server: ServerProcess, workshop: Workshop) -> None:
    workshop.workflow("whose: mine", {"name": "a"})
    workshop.workflow("whose: theirs", {"name": "a"}, user="somebody")
    async with console(tui_server.url, view="workflows whose:") as driver:
        assert "2 of " in driver.text
        await driver.go("workflows whose: user=tester")
        await driver.sees("1 of ")
        assert "whose: mine" in driver.text
        assert "whose: theirs" not in driver.text


@driven
async def test_the_list_is_of_all_or_of_the_user_alone(tui_server: ServerProcess, workshop: Workshop) -> None:
    workshop.workflow("of mine: one", {"name": "a"})
    workshop.workflow("of mine: two", {"name": "a"})
    workshop.workflow("of mine: foreign", {"name": "a"}, user="somebody")
    async with console(tui_server.url, view="workflows mine:") as driver:
        assert "all  mine:   3 of " in driver.text
        await driver.press("m")
        await driver.sees("mine  mine:   2 of ")
        assert "of mine: foreign" not in driver.text
        await driver.go("workflows foreign")
        await driver.sees("Nothing matches foreign")
        await driver.sees("'m' shows the workflows of all.")
        await driver.go("list mine")
        await driver.sees("of mine: foreign")
        assert "all  foreign   1 of " in driver.text


@driven
async def test_the_heading_counts_what_runs_and_what_needs_attention(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    async with console(tui_server.url, view="workflows nobody") as driver:

        def counted() -> tuple[int, int]:
            line = driver.line("WORKFLOWS")
            active, attention = re.search(r"(\d+) active", line), re.search(r"(\d+) needs? attention", line)
            return int(active[1]) if active else -1, int(attention[1]) if attention else 0

        active, attention = counted()
        workflow_id, _ = workshop.workflow("goes wrong", {"name": "a"})
        runner = workshop.runner(workflow_id)
        (job,) = runner.claim()
        await driver.until(lambda: counted() == (active + 1, attention))
        await asyncio.to_thread(runner.finish, job, 1)
        await driver.until(lambda: counted() == (active, attention + 1))
        await asyncio.to_thread(runner.leave)


@driven
async def test_marked_workflows_are_canceled_and_deleted_jointly(tui_server: ServerProcess, workshop: Workshop) -> None:
    made = [workshop.workflow(f"jointly {i}", {"name": "a"}, {"name": "b"})[0] for i in range(3)]
    async with console(tui_server.url, view="workflows jointly") as driver:
        await driver.press("space", "space", "x")
        await driver.sees("4 waiting jobs will be canceled.")
        await driver.press("tab", "enter")
        await driver.until(lambda: "2 workflows canceled" in driver.said)
        assert [statuses(workshop, each)["a"] for each in made] == ["ready", "canceled", "canceled"]
        await driver.press("*", "D")
        await driver.sees("Delete 3 workflows?")
        await driver.sees("6 jobs will be forgotten for good")
        await driver.type("3")
        await driver.press("enter")
        await driver.until(lambda: "3 workflows deleted" in driver.said)
        await driver.sees("Nothing matches jointly")
    assert [workshop.http.get(f"/workflows/{each}").status_code for each in made] == [404] * 3


@pytest.mark.parametrize("action", ["run", "initialize", "reinitialize", "reset"])
@driven
async def test_what_is_for_one_workflow_is_refused_for_several(
    tui_server: ServerProcess, workshop: Workshop, action: str
) -> None:
    made = [workshop.workflow(f"severally {action}", {"name": "a"})[0] for _ in range(2)]
    async with console(tui_server.url, view=f'workflows "severally {action}"') as driver:
        await driver.press("space", "space")
        await driver.go(f"workflow {action}")
        assert "only one at a time; 'u' takes the marks" in driver.said
        assert not driver.dialog
        await driver.press("u")
        assert not driver.table.marked
    assert [statuses(workshop, each) for each in made] == [{"a": "ready"}] * 2


@driven
async def test_a_workflow_is_reset_and_what_happened_is_among_its_events(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("taken back", {"name": "a"}, {"name": "b", "after": 0})
    workshop.end(workflow_id, a=3)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("R")
        await driver.press(*(("tab", "enter") if driver.dialog else ()))
        await driver.until(lambda: "1 job runs again" in driver.said)
        await driver.press("5")
        await driver.sees("job_retried")
        await driver.go("workflow reset")
        await driver.until(lambda: driver.dialog)
        await driver.sees("2 jobs will be uninitialized; 'i' initializes them.")
        await driver.press("tab", "enter")
        await driver.until(lambda: f"taken back ({workflow_id}) reset" in driver.said)
    assert set(statuses(workshop, workflow_id).values()) == {"uninitialized"}


@pytest.mark.parametrize("view", ["workflows ages", "jobs {}"])
@driven
async def test_rate_and_eta_age_while_nothing_ends_and_nothing_is_asked_when_nothing_runs(
    tui_server: ServerProcess, workshop: Workshop, view: str
) -> None:
    workflow_id, _ = workshop.workflow("ages alone", *({"name": f"job_{i}"} for i in range(20)))
    runner = workshop.runner(workflow_id)
    jobs = runner.claim(20)
    runner.finish_all(jobs[:10])
    async with console(tui_server.url, view=view.format(workflow_id)) as driver:
        await driver.until(lambda: re.search(r"ETA \d|\d/s", driver.text))
        first = driver.line("ages alone")

        def aged() -> bool:
            driver.screen.ticked()
            return driver.line("ages alone") != first

        await driver.until(aged)
        await asyncio.to_thread(runner.finish_all, jobs[10:])
        await asyncio.to_thread(runner.leave)
        await driver.until(lambda: "100 %" in driver.line("ages alone"))
        driver.screen.ticked()
        await driver.settle()
        asked = driver.asked()
        driver.screen.ticked()
        await driver.settle()
        assert [path for path in asked if path != "/console/nodes"] == []  # runners of other tests are looked at
