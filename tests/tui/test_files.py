"""Files of a workflow are edited and looked at from their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.terminal import CONSOLE, Terminal
from torc_tui.screens.chooser import Chooser


@driven
async def test_a_file_is_edited_where_the_workflow_was_made(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "steps").mkdir()
    script = tmp_path / "steps" / "count.sh"
    script.write_text("wc -w wrods.txt\n")
    monkeypatch.setenv("EDITOR", "sed -i s/wrods/words/")
    workflow_id, _ = workshop.workflow("mend", {"name": "count"}, origin=str(tmp_path))
    for name, path in (("script", "steps/count.sh"), ("words", "words.txt")):
        workshop.http.post("/files", json={"workflow_id": workflow_id, "name": name, "path": path}).raise_for_status()
    async with console(tui_server.url, view=f"files {workflow_id}") as driver:
        await driver.press("home", "e")
        assert driver.said == "✔ count.sh is changed"
        assert script.read_text() == "wc -w words.txt\n"
        await driver.press("down", "e")
        assert "words.txt is not on this machine" in driver.said


def with_a_file(workshop: Workshop, folder: Path, name: str) -> int:
    """A workflow with a file that is there."""
    workflow_id, _ = workshop.workflow(name, {"name": "count"}, origin=str(folder))
    (folder / "words.txt").write_text("one two\n")
    body = {"workflow_id": workflow_id, "name": "words", "path": "words.txt"}
    workshop.http.post("/files", json=body).raise_for_status()
    return workflow_id


@pytest.mark.parametrize(("key", "what", "variable"), [("e", "editor", "EDITOR"), ("v", "pager", "PAGER")])
def test_a_program_that_is_not_there_leaves_the_console_as_it_was(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, key: str, what: str, variable: str
) -> None:
    workflow_id = with_a_file(workshop, tmp_path, f"no {what}")
    command = [*CONSOLE, "--url", tui_server.url, "--view", f"files {workflow_id}"]
    with Terminal(command, folder=tmp_path, environment={variable: "no-such-program"}) as terminal:
        terminal.sees("LIVE", "words.txt")
        terminal.press(key)
        terminal.sees(f"{what} 'no-such-program' cannot be started: No such file", f"set {variable} to another")
        terminal.press("?")
        terminal.sees("Keys of this screen")


@driven
async def test_what_an_editor_does_besides_editing_is_told(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = with_a_file(workshop, tmp_path, "odd editors")
    async with console(tui_server.url, view=f"files {workflow_id}") as driver:
        monkeypatch.setenv("EDITOR", "sh -c 'kill -INT $PPID'")
        await driver.press("home", "e")
        assert driver.said == "✔ words.txt is as it was"
        monkeypatch.setenv("EDITOR", "vi '")
        await driver.press("e")
        assert "is no command: No closing quotation; set EDITOR to another" in driver.said
        monkeypatch.setenv("EDITOR", "rm")
        await driver.press("e")
        assert driver.said == "✔ words.txt is not there any more"


@driven
async def test_the_files_that_a_command_names_are_offered_before_what_it_reads(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("step one.sh", "settings.ini", "words.txt"):
        (tmp_path / name).write_text("text\n")
    (tmp_path / "tool").write_bytes(b"\x7fELF\0\0")
    workflow_id, _ = workshop.workflow("commanded", initialize=False, origin=str(tmp_path))
    body = {"workflow_id": workflow_id, "name": "words", "path": "words.txt"}
    words = workshop.http.post("/files", json=body).json()["id"]
    command = "cd . && ./tool --with=settings.ini 'step one.sh' words.txt >out.txt; echo 'a # b'"
    job = {"workflow_id": workflow_id, "name": "job", "command": command, "input_file_ids": [words]}
    workshop.http.post("/jobs", json=job).raise_for_status()
    monkeypatch.setenv("VISUAL", "sed -i s/text/edited/")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("f")
        await driver.sees("Edit a file of job")
        assert isinstance(driver.app.screen, Chooser)
        offered = [(choice.title, choice.note) for choice in driver.app.screen.choices]
        by_command = [(name, "in its command") for name in ("settings.ini", "step one.sh")]
        assert offered == [*by_command, ("words.txt", "reads")]
        await driver.press("down", "enter")
        assert driver.said == "✔ step one.sh is changed"
        assert (tmp_path / "step one.sh").read_text() == "edited\n"


@driven
async def test_whose_file_is_opened_is_said_when_a_cause_is_under_the_cursor(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong.sh").write_text("text\n")
    for name in ("early flow", "late flow"):
        workflow_id, _ = workshop.workflow(name, {"name": "mended", "command": "sh wrong.sh"}, origin=str(tmp_path))
        workshop.end(workflow_id, mended=91)
    monkeypatch.setenv("VISUAL", "sed -i s/text/edited/")
    async with console(tui_server.url, view="failures exit=91") as driver:
        assert "2 workflows" in driver.line("exit code 91")
        await driver.press("f")
        await driver.sees("Edit a file of mended, workflow late flow")
        await driver.press("enter")
        assert driver.said == "✔ wrong.sh is changed"
        (tmp_path / "wrong.sh").write_text("text\n")
        await driver.press("right", "down", "f")
        assert not driver.dialog
        assert (tmp_path / "wrong.sh").read_text() == "edited\n"
