"""Creating workflows in the console: from a file to a running workflow, mistakes mended, examples."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, LagProbe, Workshop, drive
from torc_tui import local_runs, workflow_files
from torc_tui.screens.create import CreateScreen
from torc_tui.screens.workflow import WorkflowScreen

GOOD = """\
name: {name}
description: says hello, then goodbye
files:
  - name: greeting
    path: greeting.txt
resource_requirements:
  - name: small
    num_cpus: 1
    memory: 100m
    runtime: PT1M
jobs:
  - name: hello
    command: echo hello > ${{files.output.greeting}}
    resource_requirements: small
  - name: goodbye
    command: cat ${{files.input.greeting}}
    resource_requirements: small
"""


def file_of(name: str, text: str = GOOD) -> Path:
    path = Path(f"{name}.yaml")
    path.write_text(text.format(name=name))
    return path


def create_screen(d: Driver) -> CreateScreen:
    assert isinstance(d.screen, CreateScreen)
    return d.screen


def test_from_the_start_to_a_running_workflow_in_two_keys_and_the_path(tui_server: ServerProcess) -> None:
    file_of("straight")

    async def script(d: Driver) -> None:
        await d.pilot.press("n")
        await d.type("straight.yaml")
        await d.pilot.press("ctrl+r")
        await d.until(lambda: isinstance(d.screen, WorkflowScreen))
        await d.sees("straight (")
        await d.until(lambda: "✔ completed  100 %" in d.text)
        assert Path("greeting.txt").read_text() == "hello\n"
        await d.until(lambda: not local_runs.active())
        assert [seen.word for seen in local_runs.runs()] == ["done"]
        await d.press("escape")
        await d.sees("✔ done")
        assert workflow_files.recent() == [Path.cwd() / "straight.yaml"]

    drive(tui_server.url, script)


def test_what_a_file_would_make_is_shown_before_it_is_made(tui_server: ServerProcess) -> None:
    file_of("shown")

    async def script(d: Driver) -> None:
        await d.press("n")
        await d.type("sho")
        await d.press("enter")
        await d.sees("2 jobs in 2 stages")
        assert "1 file, 1 requirement" in d.text
        assert "goodbye" in d.line("cat greeting.txt")
        assert "the largest job 1 cpu, 100 MB" in d.text
        await d.sees("no other workflow is called shown")
        assert "this machine: " in d.text
        assert "12  " in d.line("- name: hello")
        await d.press("c")
        await d.until(lambda: isinstance(d.screen, WorkflowScreen))
        assert "created: 2 jobs; r runs it" in d.said
        await d.press("escape", "n")
        await d.sees("used lately")
        await d.press("enter")
        await d.sees("has this name too")

    drive(tui_server.url, script)


LARGE = """\
name: large
resource_requirements:
  - {name: small, num_cpus: 1, memory: 100m, runtime: PT90S}
  - {name: gpu, num_cpus: 16, num_gpus: 4, memory: 12g, runtime: P1DT4H}
files: [{name: "f{i}", path: "f{i}", parameters: {i: "1:7"}}]
user_data: [{name: settings, data: 1}]
failure_handlers: [{name: again, rules: [{exit_codes: [4], recovery_script: "true", max_retries: 1}]}]
jobs:
  - {name: "split_{i:02d}", command: "split {i}", parameters: {i: "1:12"}, resource_requirements: small}
  - {name: train, command: train, resource_requirements: gpu}
"""


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
def test_what_a_file_would_make_is_said_whole_and_as_on_all_other_screens(
    tui_server: ServerProcess, size: tuple[int, int]
) -> None:
    Path("large.yaml").write_text(LARGE)

    async def script(d: Driver) -> None:
        await d.sees("✔ large")
        half = size[0] // 2 if size[0] >= 100 else 0
        made = " ".join(word for line in d.text.splitlines() for word in line[half:].split())
        assert "13 jobs in 1 stage 7 files, 1 document, 2 requirements, 1 failure handler asks for" in made
        assert "the largest job 16 cpu, 12 GB, 4 gpu, 1d04h" in made
        assert "1 13 split_01 … split_12 (12), train" in made
        assert "split_03 split 3 1 cpu 100 MB 1m30" in made

    drive(tui_server.url, script, view="new large.yaml", size=size)


def test_a_workflow_of_the_same_name_is_named_as_it_stands_now(tui_server: ServerProcess, workshop: Workshop) -> None:
    file_of("twin")

    async def script(d: Driver) -> None:
        await d.sees("no other workflow is called twin")
        workflow_id, _ = await asyncio.to_thread(workshop.workflow, "twin", {})
        await d.sees(f"workflow {workflow_id} (ready) has this name too")
        await asyncio.to_thread(workshop.end, workflow_id)
        await d.sees(f"workflow {workflow_id} (done) has this name too")

    drive(tui_server.url, script, view="new twin.yaml")


def test_a_mistake_is_shown_at_its_line_mended_in_the_editor_and_created(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(
        "mended", GOOD.replace("resource_requirements: small\n  - name", "resource_requirements: smal\n  - name")
    )
    editor = Path("editor")
    editor.write_text('#!/bin/sh\necho "$@" > edited\nsed -i \'s/: smal$/: small/\' "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor.absolute()))

    async def script(d: Driver) -> None:
        await d.go("new mended.yaml")
        await d.sees("✖ 1 error")
        assert 'nearest: "small"' in d.text
        assert "▌ 14" in d.line("resource_requirements: smal")
        await d.press("ctrl+r")
        assert "nothing was created" in d.said
        assert "mended.yaml:14:" in d.said
        await d.press("ctrl+e")
        await d.sees("✔ mended")
        assert Path("edited").read_text().split() == [str(path)]
        await d.press("ctrl+s")
        await d.until(lambda: isinstance(d.screen, WorkflowScreen))
        await d.sees("hello")

    drive(tui_server.url, script)


def test_a_file_that_changes_on_the_disk_is_read_again_and_keeps_its_place(tui_server: ServerProcess) -> None:
    path = file_of("changing")

    async def script(d: Driver) -> None:
        await d.go("new changing.yaml")
        await d.sees("✔ changing")
        path.write_text(path.read_text().replace("name: changing", "name: other_name"))
        await d.sees("✔ other_name")
        path.write_text("jobs: [")
        await d.sees("✖ 1 error")
        path.unlink()
        await d.sees("no such file")

    drive(tui_server.url, script)


def test_among_several_errors_the_arrows_move_and_the_text_follows(tui_server: ServerProcess) -> None:
    good = "".join(f"  - name: job_{i}\n    command: echo {i}\n" for i in range(60))
    first = "  - name: first\n    command: echo\n    priority: high\n"
    second = "  - name: second\n    command: echo\n    cancel_on_blocking_job_failure: 3\n"
    last = "  - name: last\n    command: echo\n    env: none\n"
    Path("several.yaml").write_text(f"name: several\njobs:\n{first}{second}{good}{last}")

    async def script(d: Driver) -> None:
        await d.go("new several.yaml")
        await d.sees("✖ 3 errors")
        assert create_screen(d).error_line == 5
        await d.press("down")
        assert create_screen(d).error_line == 8
        await d.press("down", "end")
        assert create_screen(d).error_line == 131
        assert "▌131" in d.line("env: none")
        await d.press("home", "enter")
        assert create_screen(d).error_line == 5

    drive(tui_server.url, script)


def test_missing_input_files_are_said_and_asked_about_before_anything_is_created(
    tui_server: ServerProcess,
) -> None:
    folder = Path("elsewhere")
    folder.mkdir()
    text = "name: needs\nfiles: [{name: data, path: data.csv}]\njobs: [{name: a, command: 'cat ${files.input.data}'}]\n"
    (folder / "needs.yaml").write_text(text)
    (folder / "data.csv").write_text("1\n")

    async def script(d: Driver) -> None:
        await d.go("new elsewhere/needs.yaml")
        await d.sees("1 input file missing")
        assert "They are beside the file" in d.text
        await d.press("ctrl+r")
        await d.sees("Create needs though 1 input file is missing?")
        await d.press("enter")
        assert isinstance(d.screen, CreateScreen)
        await d.press("o", "up")
        create_screen(d).app.screen.typing.value = "elsewhere"  # type: ignore[attr-defined]
        await d.press("enter")
        await d.until(lambda: "1 input file missing" not in d.text)
        await d.press("r")
        await d.until(lambda: "✔ completed  100 %" in d.text)

    drive(tui_server.url, script)


def test_paths_are_completed(tui_server: ServerProcess) -> None:
    Path("some_folder").mkdir()
    Path("some_folder/inside_a.kdl").write_text("name x")
    Path("some_folder/inside_b.json").write_text("{}")
    Path("some_folder/notes.txt").write_text("")

    async def script(d: Driver) -> None:
        await d.press("n")
        await d.type("some")
        await d.press("tab")
        path = create_screen(d).entry.field
        assert path.value == "some_folder/"
        await d.sees("inside_a.kdl")
        assert "notes.txt" not in d.text
        await d.type("in")
        await d.press("tab")
        assert path.value == "some_folder/inside_"
        await d.press("down", "down", "tab")
        assert path.value == "some_folder/inside_b.json"
        await d.type("x")
        await d.press("ctrl+r")
        assert "there is no file some_folder/inside_b.jsonx" in d.said
        await d.press("escape")
        assert d.screen.address == "workflows"

    drive(tui_server.url, script)


def test_files_of_the_working_folder_are_offered_before_those_used_elsewhere(tui_server: ServerProcess) -> None:
    Path("another").mkdir()
    for name in ("another/flow", "a_here", "b_here"):
        file_of(name)
    for name in ("b_here.yaml", "another/flow.yaml"):
        workflow_files.remember(Path(name))

    async def script(d: Driver) -> None:
        await d.press("n")
        await d.sees("another/ ")
        offered = [choice.title for choice in create_screen(d).entry.choices.choices]
        assert offered[:3] == ["b_here.yaml", "a_here.yaml", "another/flow.yaml"]
        assert "another/" in offered[3:]
        await d.press("enter")
        await d.sees("✔ b_here")

    drive(tui_server.url, script)


def test_nothing_of_what_is_said_about_where_it_runs_is_cut_at_80_columns(
    tui_server: ServerProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder with a name so long that no line of eighty columns holds it" / "end_of_it"
    folder.mkdir(parents=True)

    async def script(d: Driver) -> None:
        await d.press("n")
        await d.until(lambda: "cpu" in d.text)
        create_screen(d).set_run(create_screen(d).options, folder)
        await d.until(lambda: d.line("works in").endswith("/end_of_it   output ./output"))
        assert d.line("Type the path").endswith("choose: ↑ ↓")

    drive(tui_server.url, script, size=(80, 24))


def test_an_example_can_be_run_and_is_copied_before_it_is_edited(
    tui_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")

    async def script(d: Driver) -> None:
        await d.go("examples")
        await d.sees("three_jobs.yaml")
        await d.type("diamond.yaml")
        await d.press("enter")
        await d.sees("✔ diamond")
        await d.press("e")
        await d.until(lambda: Path("diamond.yaml").exists())
        assert create_screen(d).file == Path("diamond.yaml")
        await d.press("r")
        await d.until(lambda: "✔ completed  100 %" in d.text)

    drive(tui_server.url, script)


def test_a_read_only_console_shows_what_a_file_would_make_and_makes_nothing(tui_server: ServerProcess) -> None:
    file_of("looked_at")

    async def script(d: Driver) -> None:
        await d.go("new looked_at.yaml")
        await d.sees("✔ looked_at")
        for key in ("ctrl+r", "ctrl+s", "r", "c"):
            await d.press(key)
            assert "read-only" in d.said
        assert isinstance(d.screen, CreateScreen)

    drive(tui_server.url, script, read_only=True)


def large(path: str, count: int) -> None:
    """A file of so many jobs, in chains of ten."""
    jobs = [
        {"name": f"job_{i}", "command": f"echo {i}", "depends_on": [f"job_{i - 1}"] if i % 10 else []}
        for i in range(count)
    ]
    Path(path).write_text(json.dumps({"name": "large", "jobs": jobs}, indent=1))


def test_the_screen_goes_on_while_a_file_of_many_jobs_is_checked_and_made(tui_server: ServerProcess) -> None:
    large("large.json", 20_000)

    async def script(d: Driver) -> None:
        async with LagProbe() as lag:
            await d.go("new large.json")
            await d.sees("20,000 jobs in 10 stages")
            assert len(lag.lags) > 10
            await d.press("c")
            await d.until(lambda: isinstance(d.screen, WorkflowScreen))
        assert d.table.rows.total == 20_000

    drive(tui_server.url, script)


def test_a_file_that_changes_while_it_is_checked_is_checked_as_it_is_then(tui_server: ServerProcess) -> None:
    large("large.json", 50_000)

    async def script(d: Driver) -> None:
        d.app.obey("new large.json", d.screen)
        await d.until(lambda: isinstance(d.screen, CreateScreen) and not create_screen(d).watched.idle)
        large("large.json", 10)
        create_screen(d).recheck()
        await d.sees("10 jobs in 10 stages")
        assert create_screen(d).checked is not None

    drive(tui_server.url, script)


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 15), (40, 10)])
def test_the_create_screen_fits_every_terminal(tui_server: ServerProcess, size: tuple[int, int]) -> None:
    file_of("fits")

    async def script(d: Driver) -> None:
        await d.press("n")
        await d.sees("fits.yaml")
        await d.press("enter")
        await d.sees("✔ fits")
        assert all(len(line) <= size[0] for line in d.text.splitlines())
        await d.press("shift+tab")
        await d.sees("1  name: fits")

    drive(tui_server.url, script, size=size)
