"""Every action of the registry: where it can be reached, and that nothing is changed unless it is wanted."""

from __future__ import annotations

import asyncio

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, driven
from tests.tui.storm import prepare, screens
from tests.tui.test_job_changes import statuses
from torc_tui.actions import Action, Group
from torc_tui.app import ConsoleApp
from torc_tui.screens.chooser import ChoiceList
from torc_tui.screens.confirm import ConfirmDialog
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.verbs import ACTIONS


@driven
async def test_every_action_is_reached_by_its_name_its_keys_the_palette_and_the_help(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = screens(*await asyncio.to_thread(prepare, tui_server))
    found: set[str] = set()
    async with console(tui_server.url, size=(140, 120)) as driver:
        for address in places:
            await driver.go(address)
            assert driver.screen.address.split()[0] == address.split()[0]
            possible = driver.app.registry.possible(driver.screen.places)
            await by_name_and_key(driver, possible, monkeypatch)
            await by_palette_and_help(driver, [each for each in possible if each.group is not Group.MOVE])
            found |= {action.id for action in possible}
    assert found == {action.id for action in ACTIONS}


async def by_name_and_key(driver: Driver, possible: list[Action], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed after `:` is done, and every key does the action that it is shown for."""
    done: list[str] = []

    def note(_: ConsoleApp, action: Action, __: ConsoleScreen) -> None:
        done.append(action.id)

    screen, registry = driver.screen, driver.app.registry
    with monkeypatch.context() as patched:
        patched.setattr(ConsoleApp, "perform", note)
        for action in possible:
            driver.app.obey(action.id.replace(".", " "), screen)
        assert done == [action.id for action in possible]
        done.clear()
        keys = [(key, each.id) for each in registry.in_places(screen.places) for key in registry.keys[each.id]]
        for key, _ in keys:
            await driver.app.press(screen, key)
        assert done == [name for _, name in keys]


async def by_palette_and_help(driver: Driver, actions: list[Action]) -> None:
    """Both list the actions; what cannot be done now has its reason there."""
    reasons = {action.id: driver.screen.context.why_not(action) for action in actions}
    await driver.press("ctrl+p")
    listed = {choice.value: choice.reason for choice in driver.app.screen.query_one(ChoiceList).choices}
    assert listed == reasons
    await driver.press("escape", "question_mark")
    for action in actions:
        reason = reasons[action.id]
        assert (f"{action.title}: {reason[:20]}" if reason else action.help[:30]) in driver.text
    await driver.press("escape")


ASKING = (
    "job.cancel", "job.retry", "job.disable", "job.enable", "workflow.cancel", "workflow.retry", "workflow.initialize",
    "workflow.reset", "workflow.delete",
)  # fmt: skip
"""What changes jobs or workflows at once; files, forms and runs are asked about in tests of their own."""


@pytest.mark.parametrize("name", ASKING)
@driven
async def test_enter_and_enter_again_changes_nothing(tui_server: ServerProcess, workshop: Workshop, name: str) -> None:
    workflow_id, ids = workshop.workflow("asked about", *({"name": each} for each in "abcdef"))
    runner = workshop.runner(workflow_id)
    for job in runner.claim(2):
        runner.finish(job, 3)
    change = {"change": "disable", "ids": ids[2:4]}
    workshop.http.post(f"/console/workflows/{workflow_id}/change_jobs", json=change).raise_for_status()
    before = statuses(workshop, workflow_id)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("*")
        driver.app.obey(name, driver.screen)
        await driver.until(lambda: isinstance(driver.app.screen, ConfirmDialog) or driver.said.startswith("✖"))
        assert isinstance(driver.app.screen, ConfirmDialog), driver.said
        await driver.press("enter", "enter")
        assert statuses(workshop, workflow_id) == before
    runner.leave()
