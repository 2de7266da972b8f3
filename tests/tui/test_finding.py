"""Finding what one looks for in the console: filters, order, addresses, palette and help."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from torc_core.config import state_dir


def test_a_filter_applies_while_it_is_typed_and_escape_takes_it_back(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("filtered", *({"name": f"work_{i}"} for i in range(5)))
    workshop.end(workflow_id, work_3=1)

    async def script(d: Driver) -> None:
        await d.press("slash")
        await d.type("status=failed")
        await d.sees("1 of 5")
        assert "work_3" in d.text
        assert "work_2" not in d.text
        await d.press("enter")
        assert d.table.view.filter == "status=failed"
        await d.press("slash")
        await d.press("end")
        await d.type(" work_9")
        await d.sees("Nothing matches")
        assert d.table.view.filter == "status=failed work_9"
        await d.press("escape", "slash")
        await d.type("work_3")
        await d.until(lambda: d.table.view.filter == "work_3")
        await d.press("escape")
        await d.sees("1 of 5")
        await d.press("escape")
        await d.sees("work_2")

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_a_wrong_filter_says_what_is_wrong_and_what_was_meant(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("wrong_filter", {})

    async def script(d: Driver) -> None:
        await d.press("slash")
        await d.type("statsu=failed")
        await d.sees("nearest: 'status'")

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_sorting_by_the_menu_and_the_other_way_round(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("sorted", *({"name": name} for name in ("b", "c", "a")))

    async def script(d: Driver) -> None:
        def is_shown(names: list[str]) -> bool:
            return [row["name"] for _, row in sorted(d.table.rows)] == names

        for expected in (["a", "b", "c"], ["c", "b", "a"]):
            await d.press("s")
            await d.type("name")
            await d.press("enter")
            await d.until(partial(is_shown, expected))
            assert d.table.cursor == 0

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def _inside(text: str) -> list[str]:
    """The lines of the dialog on the screen."""
    return [line.split("│")[1] for line in text.splitlines() if line.count("│") == 2]


@pytest.mark.parametrize("size", [(80, 24), (140, 60)])
def test_help_shows_all_of_every_action_of_the_screen(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]
) -> None:
    workflow_id, _ = workshop.workflow("helped", {})

    async def script(d: Driver) -> None:
        await d.press("question_mark")
        lines = shown = _inside(d.text)
        await d.press("down")
        while _inside(d.text) != shown:
            shown = _inside(d.text)
            lines = [*lines, shown[-1]]
            await d.press("down")
        words = " ".join(" ".join(lines).split())
        for action in d.app.registry.possible(d.screen.places):
            if not action.id.startswith("tab."):
                reason = d.screen.context.why_not(action)
                assert (f"{action.title}: {reason}" if reason else action.help) in words
        await d.press("home")
        assert _inside(d.text) == lines[: len(_inside(d.text))]
        await d.press("escape")
        assert not d.dialog

    drive(tui_server.url, script, view=f"jobs {workflow_id}", size=size)


def test_the_palette_does_what_is_chosen_by_name(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("by_name", {})

    async def script(d: Driver) -> None:
        await d.press("ctrl+p")
        await d.type("workflow: cancel")
        await d.press("enter")
        await d.sees("Cancel workflow by_name")
        await d.press("escape")

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_what_cannot_be_done_is_in_the_palette_with_its_reason_and_cannot_be_chosen(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("ready_only", {})

    async def script(d: Driver) -> None:
        await d.press("ctrl+p")
        await d.type("workflow: retry")
        await d.sees("no job failed")
        await d.press("enter")
        assert d.dialog
        assert "workflow: retry failed" in d.text
        await d.press("escape")
        assert not d.dialog
        assert d.said == ""

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


@pytest.mark.parametrize(
    ("text", "address"),
    [("job {job}", "job {job}"), ("wf addressed", "jobs {wf}"), ("results {wf}", "results {wf}"),
     ("jobs {wf} name=none", "jobs {wf}"), ("workflows", "workflows"), ("{wf}", "jobs {wf}"),
     ("addressed", "jobs {wf}"), ("job job_0", "job {job}")],
)  # fmt: skip
def test_an_address_goes_there(tui_server: ServerProcess, workshop: Workshop, text: str, address: str) -> None:
    workflow_id, ids = workshop.workflow("addressed", {})
    names = {"wf": workflow_id, "job": ids[0]}

    async def script(d: Driver) -> None:
        await d.go(text.format(**names))
        assert d.screen.address == address.format(**names)

    drive(tui_server.url, script, view=f"events {workflow_id}")


def test_what_is_typed_after_a_colon_is_completed(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("completed_by_name", {})

    async def script(d: Driver) -> None:
        await d.press("colon")
        await d.type("wf completed")
        await d.sees("wf completed_by_name")
        await d.press("right", "enter")
        await d.until(lambda: d.screen.address == f"jobs {workflow_id}")

    drive(tui_server.url, script)


@pytest.mark.parametrize(
    ("typed", "offered", "address"),
    [("tabb", "tabbed_workflow", "jobs {wf}"), ("wf {wf}", "{wf} tabbed_workflow", "jobs {wf}"),
     ("job thirty", "{job} thirty_one", "job {job}"), ("workfl", "workflows", "workflows"),
     ("jobs bed_w", "tabbed_workflow", "jobs {wf}")],
)  # fmt: skip
def test_what_may_be_meant_is_shown_and_taken_with_tab(
    tui_server: ServerProcess, workshop: Workshop, typed: str, offered: str, address: str
) -> None:
    workflow_id, ids = workshop.workflow("tabbed_workflow", {"name": "thirty_one"})
    names = {"wf": workflow_id, "job": ids[0]}

    async def script(d: Driver) -> None:
        await d.press("colon")
        await d.type(typed.format(**names))
        await d.until(lambda: f"tab  {offered.format(**names)}" in d.text)
        await d.press("tab", *(["s"] if typed == "workfl" else []), "enter")
        await d.until(lambda: d.screen.address == address.format(**names))

    drive(tui_server.url, script, view=f"events {workflow_id}")


def typed_with(d: Driver) -> str:
    """What stands after `:`."""
    assert d.screen.typing is not None
    return d.screen.typing.value


def test_up_and_down_go_through_what_was_entered_before(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("recalled", {})

    async def script(d: Driver) -> None:
        for address in ("failures", "wf recalled", "runs", "failures"):
            await d.press("colon")
            await d.type(address)
            await d.press("enter")
        await d.press("colon")
        await d.type("wf recal")
        seen = []
        for key in ("up", "up", "up", "up", "down", "down", "down", "down"):
            await d.press(key)
            seen.append(typed_with(d))
        assert seen == [
            "failures", "runs", "wf recalled", "wf recalled", "runs", "failures", "wf recal", "wf recal",
        ]  # fmt: skip
        await d.until(lambda: "tab  recalled" in d.text)
        await d.press("tab", "enter")
        await d.until(lambda: d.screen.address == f"jobs {workflow_id}")
        d.at_once("colon", *"new", "up", "down", "up", "up", "enter")
        await d.until(lambda: d.screen.address == "failures")

    drive(tui_server.url, script)


def test_what_was_entered_is_there_in_the_next_console(tui_server: ServerProcess) -> None:
    kept = state_dir() / "console_history.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps([f"wf old_{number}" for number in range(150)]))

    async def enter(d: Driver) -> None:
        for address in ("runs", "failures"):
            await d.press("colon")
            await d.type(address)
            await d.press("enter")
        await d.until(lambda: "failures" in kept.read_text())

    async def recall(d: Driver) -> None:
        await d.until(lambda: d.app.entered.texts)
        await d.press("colon", "up")
        assert typed_with(d) == "failures"
        await d.press("up", "up")
        assert typed_with(d) == "wf old_0"

    drive(tui_server.url, enter)
    assert len(json.loads(kept.read_text())) == 100
    drive(tui_server.url, recall)


def test_that_what_was_entered_cannot_be_kept_is_no_error(tui_server: ServerProcess) -> None:
    state_dir().parent.write_text("no folder")

    async def script(d: Driver) -> None:
        await d.press("colon")
        await d.type("runs")
        await d.press("enter")
        assert d.screen.address == "runs"
        await d.press("colon", "up")
        assert typed_with(d) == "runs"
        assert not d.app.defects

    drive(tui_server.url, script)


def test_what_might_have_been_meant_is_not_offered_to_the_next_question(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("lingering_name", {})

    async def script(d: Driver) -> None:
        await d.press("colon")
        await d.type("wf lingeri")
        await d.until(lambda: "tab  lingering_name" in d.text)
        await d.press("escape", "slash")
        assert d.screen.typing is not None
        assert "tab  " not in d.text

    drive(tui_server.url, script, view=f"events {workflow_id}")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("nowhere", "'nowhere' is no place, no action and no workflow; ctrl+p"), ("fialures", "nearest: 'failures'"),
     ("msitaken_name", "nearest: 'mistaken_name'"), ("jobs msitaken_name", "nearest: 'mistaken_name'"),
     ("job 1x", "job '1x' is not an id"), ("job cancle", "nearest: 'cancel'"),
     ("workflow cancle", "nearest: 'cancel'"), ("them", "nearest: 'theme'"),
     ("suspned", "nearest: 'suspend'"), ("settins", "nearest: 'settings'")],
)  # fmt: skip
def test_a_wrong_address_says_the_nearest_of_what_there_is(
    tui_server: ServerProcess, workshop: Workshop, typed: str, said: str
) -> None:
    workshop.workflow("mistaken_name", {})

    async def script(d: Driver) -> None:
        await d.go("runs")
        await d.press("colon")
        await d.type(typed)
        await d.press("enter")
        await d.until(lambda: said in d.said)

    drive(tui_server.url, script)


@pytest.mark.parametrize(
    ("typed", "said"),
    [("job 999999", "there is no job 999999"), ("log 999999", "there is no job 999999"),
     ("plot 999999 cpu", "there is no job 999999"), ("plot node 999999", "there is no runner 999999"),
     ("wf 999999", "there is no workflow 999999"), ("999999", "there is no workflow 999999"),
     ("timeline 999999", "there is no workflow 999999")],
)  # fmt: skip
def test_an_id_of_nothing_is_said_and_one_stays_where_one_is(tui_server: ServerProcess, typed: str, said: str) -> None:
    async def script(d: Driver) -> None:
        await d.go("runs")
        before = d.screen
        await d.go(typed)
        assert d.said.removeprefix("✖ ").startswith(said)
        assert d.screen is before
        await d.press("escape")
        assert d.screen.address == "workflows"

    drive(tui_server.url, script)
