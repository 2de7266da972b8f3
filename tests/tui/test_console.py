"""Flows of the console against a real server, by keys."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, drive, driven
from torc_tui.screens.job import JobScreen
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.store import State


def counts(workshop: Workshop, workflow_id: int) -> dict[str, int]:
    found: dict[str, int] = workshop.http.get(f"/workflows/{workflow_id}/summary").json()["counts"]
    return {label: n for label, n in found.items() if n}


def test_workflows_appear_and_move_on_by_themselves(tui_server: ServerProcess, workshop: Workshop) -> None:
    async def script(d: Driver) -> None:
        workflow_id, _ = await asyncio.to_thread(workshop.workflow, "appears", {}, {"after": 0})
        await d.until(lambda: "○ ready" in d.line("appears"))
        assert "0/2" in d.line("appears")
        await asyncio.to_thread(workshop.end, workflow_id)
        await d.until(lambda: "✔ done" in d.line("appears"))
        assert "100 %" in d.line("appears")

    drive(tui_server.url, script)


def test_a_new_workflow_shows_at_the_top_of_a_long_list(tui_server: ServerProcess, workshop: Workshop) -> None:
    for n in range(45):
        workshop.workflow(f"one_of_many_{n}", {})

    async def script(d: Driver) -> None:
        assert d.line("one_of_many_44").startswith("▌")
        await asyncio.to_thread(workshop.workflow, "comes_last", {})
        await d.sees("comes_last")
        lines = d.text.splitlines()
        first = next(n for n, line in enumerate(lines) if "comes_last" in line)
        assert lines[first + 1].startswith("▌")
        assert "one_of_many_44" in lines[first + 1]
        assert not lines[first].startswith("▌")

    drive(tui_server.url, script)


def test_from_the_start_to_the_stderr_of_a_failed_job_in_four_keys(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("fails", *({"name": f"work_{i}"} for i in range(12)))
    workshop.end(workflow_id, work_0=2)

    async def script(d: Driver) -> None:
        assert d.line("fails").startswith("▌")
        await d.press("enter", "enter")
        assert isinstance(d.screen, JobScreen)
        assert "✖ failed" in d.text
        assert "it went wrong" in d.text
        assert "exit code 2" in d.text

    drive(tui_server.url, script)


def test_escape_comes_back_to_the_same_row(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.many("place_kept", 60)

    async def script(d: Driver) -> None:
        await d.press("pagedown", "down", "down")
        place = (d.table.cursor_id, d.table.top)
        await d.press("enter")
        assert isinstance(d.screen, JobScreen)
        await d.press("escape")
        assert (d.table.cursor_id, d.table.top) == place

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_tabs_show_all_there_is_of_a_workflow(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("tabs", {"name": "one"}, {"name": "two", "after": 0})
    workshop.end(workflow_id)

    async def script(d: Driver) -> None:
        expected = {"2": "No files", "3": "No user data", "4": "123 MB", "5": "Nothing has been noted", "6": "n17",
                    "7": "built in", "8": "STAGE"}  # fmt: skip
        for key, text in expected.items():
            await d.press(key)
            await d.sees(text)
        await d.press("right")
        assert d.screen.address == f"jobs {workflow_id}"
        await d.press("left")
        assert d.screen.address == f"plan {workflow_id}"

    drive(tui_server.url, script, view=f"wf {workflow_id}")


@pytest.mark.parametrize(("keys", "kept"), [(("enter",), True), (("escape",), True), (("tab", "enter"), False)])
def test_cancelling_a_workflow_is_named_and_keeping_it_has_the_focus(
    tui_server: ServerProcess, workshop: Workshop, keys: tuple[str, ...], kept: bool
) -> None:
    workflow_id, _ = workshop.workflow("to_cancel", {}, {"after": 0}, {})

    async def script(d: Driver) -> None:
        await d.press("x")
        await d.sees(f"Cancel workflow to_cancel ({workflow_id})?")
        assert "3 waiting jobs will be canceled." in d.text
        assert "[ Keep ]" in d.text
        await d.press(*keys)
        await d.sees("nothing was done" if kept else f"to_cancel ({workflow_id}) canceled")
        expected = {"ready": 2, "blocked": 1} if kept else {"canceled": 3}
        assert counts(workshop, workflow_id) == expected

    drive(tui_server.url, script)


def test_deleting_asks_for_the_name(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("to_delete", {})

    def status() -> int:
        return workshop.http.get(f"/workflows/{workflow_id}").status_code

    async def script(d: Driver) -> None:
        await d.press("D")
        await d.press("tab", "enter")
        assert status() == 200
        await d.press("D")
        await d.type("to_del")
        await d.press("enter")
        await d.sees("'to_del' is not to_delete; esc leaves")
        assert "[ Keep ]" in d.text
        assert status() == 200
        await d.type("ete")
        await d.sees("[ Delete for good ]")
        assert "is not to_delete" not in d.text
        await d.press("tab", "enter")
        await d.sees("nothing was done")
        assert status() == 200
        await d.press("D")
        await d.type("to_delete")
        await d.press("enter")
        await d.sees(f"to_delete ({workflow_id}) deleted")
        assert status() == 404
        await d.until(lambda: "to_delete" not in "".join(str(row) for _, row in d.table.rows))

    drive(tui_server.url, script)


def test_failed_jobs_that_are_marked_run_again(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("retries", *({"name": f"work_{i}"} for i in range(4)))
    runner = workshop.runner(workflow_id)
    for job in runner.claim():
        runner.finish(job, 0 if job["name"] == "work_3" else 1)

    async def script(d: Driver) -> None:
        await d.press("space", "space")
        assert "2 marked" in d.text
        await d.press("R")
        await d.sees("Retry 2 jobs?")
        assert "work_0" in d.text
        await d.press("tab", "enter")
        await d.sees("2 jobs run again")
        await d.until(lambda: [line.count("○ ready") for line in (d.line("work_0"), d.line("work_1"))] == [1, 1])
        assert counts(workshop, workflow_id) == {"ready": 2, "failed": 1, "completed": 1}
        assert d.table.marks == {}

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_running_a_workflow_starts_a_runner_that_does_its_jobs(
    tui_server: ServerProcess, workshop: Workshop, own_home: Path
) -> None:
    workflow_id, _ = workshop.workflow("to_run", {"command": "echo done > said"}, {"after": 0})
    workshop.http.put(f"/workflows/{workflow_id}", json={"name": "to_run", "user": "tester", "cwd": str(own_home)})

    async def script(d: Driver) -> None:
        await d.press("r")
        await d.sees("runs on this machine")
        await d.until(lambda: "✔ done" in d.line("to_run"))
        assert (own_home / "said").read_text() == "done\n"

    drive(tui_server.url, script)


def test_nothing_can_be_changed_in_a_read_only_console(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("safe", {})

    async def script(d: Driver) -> None:
        await d.press("x")
        assert "read-only" in d.said
        await d.press("question_mark")
        assert "read-only" in d.text
        await d.press("escape")
        for action in d.app.registry.actions.values():
            if action.changes:
                assert d.screen.context.why_not(action)
        assert counts(workshop, workflow_id) == {"ready": 1}

    drive(tui_server.url, script, read_only=True)


def test_the_inspector_follows_its_job(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, ids = workshop.workflow("followed", {"name": "watched"}, {"name": "below", "after": 0})

    async def script(d: Driver) -> None:
        await d.sees("no runner is active")
        runner = await asyncio.to_thread(workshop.runner, workflow_id)
        (job,) = await asyncio.to_thread(runner.claim)
        await d.sees("● running")
        await asyncio.to_thread(runner.finish, job, 3)
        await d.sees("it went wrong")
        assert "⊘ canceled" in d.line("below")

    drive(tui_server.url, script, view=f"job {ids[0]}")


def test_the_preview_follows_the_cursor(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("previewed", {"command": "echo one"}, {"command": "echo two"})

    async def script(d: Driver) -> None:
        assert isinstance(d.screen, WorkflowScreen)
        await d.sees("echo one")
        await d.press("down")
        await d.sees("echo two")
        assert "echo one" not in d.text

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_a_server_that_goes_away_is_said_and_found_again(tmp_path: Path) -> None:
    async def run(server: ServerProcess) -> None:
        async with console(server.url) as d:
            assert "● LIVE" in d.text
            await asyncio.to_thread(server.crash)
            await d.until(lambda: d.app.store.connection.state is State.RECONNECTING, 3)
            await d.sees("RECONNECTING  as of ")
            await asyncio.to_thread(server.start)
            with server.client() as http:
                await asyncio.to_thread(Workshop(http).workflow, "made_meanwhile", {})
            await d.until(lambda: "made_meanwhile" in d.text)
            await d.sees("● LIVE")

    with ServerProcess(tmp_path) as server:
        asyncio.run(run(server))


def test_keys_do_no_harm_while_no_server_answers() -> None:
    async def run() -> None:
        from torc_tui.app import ConsoleApp
        from torc_tui.connect import NamedServer

        app = ConsoleApp(NamedServer("http://127.0.0.1:9", None))
        async with app.run_test(size=(80, 24)) as pilot:
            d = Driver(app, pilot)
            await d.sees("OFFLINE")
            await d.sees("no server at http://")
            for key in ("enter", "x", "r", "D", "space", "asterisk", "end", "s", "escape", "ctrl+r"):
                await pilot.press(key)
            await d.sees("OFFLINE")

    asyncio.run(run())


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 15), (40, 10), (250, 70)])
def test_every_screen_fits_every_terminal(tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]) -> None:
    workflow_id, ids = workshop.workflow("sizes", *({"name": f"work_{i}"} for i in range(30)))
    workshop.end(workflow_id, work_2=1)

    async def script(d: Driver) -> None:
        for address in ("workflows", f"jobs {workflow_id}", f"results {workflow_id}", f"job {ids[2]}"):
            await d.go(address)
            assert d.screen.address == address
            lines = d.text.splitlines()
            assert len(lines) <= size[1]
            assert all(len(line) <= size[0] for line in lines)
            assert "LIVE" in lines[0]
            assert "failed" in d.text or "work_" in d.text

    drive(tui_server.url, script, size=size)


def test_a_terminal_of_ascii_gets_only_ascii(tui_server: ServerProcess, workshop: Workshop) -> None:
    from torc_tui.rendering.glyphs import Characters

    workflow_id, _ = workshop.workflow("plain", {"name": "a"}, {"name": "b"})
    workshop.end(workflow_id, a=1)

    async def script(d: Driver) -> None:
        assert d.text.isascii()
        await d.press("enter")
        assert d.text.isascii()
        assert "F failed" in d.text
        await d.press("question_mark")
        assert d.text.isascii()
        await d.press("escape", "R")
        assert d.text.isascii()

    drive(tui_server.url, script, characters=Characters(ascii=True))


def test_once_prints_the_screen_and_leaves(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("printed", {"name": "only_job"})
    told = subprocess.run(
        [sys.executable, "-m", "torc_core.cli.main", "tui", "--once", "--url", tui_server.url, "--view",
         f"jobs {workflow_id}"],
        capture_output=True, text=True, timeout=30, env={**os.environ, "COLUMNS": "100", "LINES": "24"}, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    assert "only_job" in told.stdout
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize(
    ("view", "code", "said"),
    [("jobs nope_at_all", 2, "torc: no workflow is called 'nope_at_all'"),
     ("job 999999", 2, "torc: there is no job 999999"),
     ("workflows colour=3", 1, "torc: listing workflows is refused: filter: there is no column 'colour'")],
)  # fmt: skip
def test_once_of_what_is_not_there_says_so_on_stderr_only(
    tui_server: ServerProcess, view: str, code: int, said: str
) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "torc_core.cli.main", "tui", "--once", "--url", tui_server.url, "--view", view],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (code, "")
    [line] = told.stderr.splitlines()
    assert line.startswith(said)


def test_once_says_in_one_line_that_there_is_no_server() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "torc_core.cli.main", "tui", "--once", "--url", "http://127.0.0.1:1"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (1, "")
    [line] = told.stderr.splitlines()
    assert line.startswith("torc: the server does not answer: no server at http://127.0.0.1:1")


def test_a_clash_of_keys_is_reported_at_the_start(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        assert "means both" in d.said

    drive(tui_server.url, script, keymap={"table.sort": "q"})


@driven
async def test_what_does_nothing_says_why(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = await asyncio.to_thread(workshop.workflow, "over", {"name": "one"})
    await asyncio.to_thread(workshop.end, workflow_id)
    async with console(tui_server.url) as driver:
        await driver.press("escape")
        assert driver.said.lstrip("✖ ") == "there is nothing to leave; q quits"
        await driver.until(lambda: (driver.table.cursor_row or {}).get("name") == "over")
        for keys, why in (
            (["x"], "cancel: every job has ended"),
            (["R"], "retry failed: no job failed"),
            (["u"], "unmark: nothing is marked"),
            (["enter", "x"], "cancel: it has ended already"),
            (["4", "x"], "x means nothing here; ? shows the keys of this screen"),
            (["5", "enter"], "open: there is no row"),
        ):
            await driver.press(*keys)
            assert driver.said.lstrip("✖ ") == why
        await driver.go("workflow cancel")
        assert driver.said.lstrip("✖ ") == "cancel: every job has ended"
        await driver.go("runs")
        await driver.go("go runs")
        assert driver.said.lstrip("✖ ") == "runs: they are on screen"
