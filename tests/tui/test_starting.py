"""Starting and starting over in the console: missing inputs, what has changed, everything once more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.test_job_changes import statuses


def reading(shop: Workshop, folder: Path, name: str) -> tuple[int, int]:
    """A workflow of two jobs in a row; the first reads `words.txt`. Its id and that of the file."""
    workflow_id, _ = shop.workflow(name, initialize=False, origin=str(folder))
    file = shop._post("/files", {"workflow_id": workflow_id, "name": "words", "path": "words.txt"})["id"]
    first = shop._post(
        "/jobs", {"workflow_id": workflow_id, "name": "count", "command": "wc words.txt", "input_file_ids": [file]}
    )["id"]
    shop._post("/jobs", {"workflow_id": workflow_id, "name": "below", "command": "true", "depends_on_job_ids": [first]})
    shop._post("/jobs", {"workflow_id": workflow_id, "name": "other", "command": "true"})
    return workflow_id, file


def seen(shop: Workshop, workflow_id: int, file: int, path: Path) -> None:
    """The server knows the file as it is."""
    stat = path.stat()
    body = {"files": [{"id": file, "st_mtime": stat.st_mtime, "size": stat.st_size}]}
    assert shop.http.put(f"/workflows/{workflow_id}/watched_files", json=body).status_code == 200


def completed(shop: Workshop, folder: Path, name: str) -> tuple[int, Path]:
    """Such a workflow, run to its end."""
    path = folder / "words.txt"
    path.write_text("one two\n")
    workflow_id, file = reading(shop, folder, name)
    seen(shop, workflow_id, file, path)
    shop._post(f"/workflows/{workflow_id}/initialize_jobs")
    shop.end(workflow_id)
    return workflow_id, path


@driven
async def test_missing_input_files_are_said_before_a_run_and_nothing_runs_unless_it_is_wanted(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = reading(workshop, tmp_path, "lacking")
    workshop._post(f"/workflows/{workflow_id}/initialize_jobs")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("r")
        await driver.sees(f"Run lacking ({workflow_id}) though 1 input file is missing?")
        assert "words.txt" in driver.text
        assert "Jobs that read what is missing will fail." in driver.text
        await driver.press("enter")
        assert "nothing was done" in driver.said
    assert set(statuses(workshop, workflow_id).values()) == {"ready", "blocked"}


@driven
async def test_what_has_changed_runs_again_with_what_is_below_and_the_reasons_are_told(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, path = completed(workshop, tmp_path, "changing")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("I")
        assert f"nothing has changed in workflow changing ({workflow_id}): 3 jobs stay as they are" in driver.said
        path.write_text("one two three\n")
        os.utime(path, (2_000_000_000, 2_000_000_000))
        await driver.press("I")
        await driver.sees(f"Reinitialize workflow changing ({workflow_id})?")
        assert "1 job will run again: what it runs or reads has changed." in driver.text
        assert "1 job below will run again after that." in driver.text
        assert "Kept as they are: 1. Results stay on record. Nothing runs before 'r'." in driver.text
        assert "count: file words.txt changed" in driver.text
        await driver.press("enter")
        assert "nothing was done" in driver.said
        await driver.press("I")
        assert set(statuses(workshop, workflow_id).values()) == {"completed"}
        await driver.press("tab", "enter")
        await driver.until(lambda: "2 jobs will run again; 'r' runs them" in driver.said)
    assert statuses(workshop, workflow_id) == {"count": "ready", "below": "blocked", "other": "completed"}


@driven
async def test_initializing_starts_everything_over(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, path = completed(workshop, tmp_path, "over")
    path.unlink()
    async with console(tui_server.url, view="workflows over") as driver:
        await driver.press("i")
        await driver.sees("Jobs that ended and will run again: 3.")
        assert "Nothing runs before 'r'." in driver.text
        assert "Missing, so that jobs that read it will fail: words.txt." in driver.text
        await driver.press("tab", "enter")
        await driver.until(lambda: f"over ({workflow_id}) initialized as run" in driver.said)
    assert statuses(workshop, workflow_id) == {"count": "ready", "below": "blocked", "other": "ready"}


@driven
async def test_a_job_that_ran_again_with_a_mended_file_has_not_changed_since(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    path = tmp_path / "words.txt"
    path.write_text("one tow\n")
    workflow_id, file = reading(workshop, tmp_path, "mended since")
    seen(workshop, workflow_id, file, path)
    workshop._post(f"/workflows/{workflow_id}/initialize_jobs")
    workshop.end(workflow_id, count=1)
    runner = workshop.runner(workflow_id)
    async with console(tui_server.url, view=f"jobs {workflow_id} status=failed") as driver:
        path.write_text("one two three\n")
        await driver.press("R")
        await driver.until(lambda: "1 job runs again" in driver.said)
        while jobs := runner.claim():
            runner.finish_all(jobs)
        await driver.press("I")
        await driver.until(lambda: "nothing has changed in workflow" in driver.said)
        await driver.press("question_mark")
        await driver.sees("Make ready again what changed since it ran, and all below; 'r' runs it")
    runner.leave()


@driven
async def test_nothing_left_to_run_says_what_could_run_again(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = completed(workshop, tmp_path, "done")
    async with console(tui_server.url, view=f"job {first_job(workshop, workflow_id)}") as driver:
        await driver.go("workflow.run")
        assert "'I' makes ready again what has changed since, 'i' everything" in driver.said


def first_job(shop: Workshop, workflow_id: int) -> Any:
    return shop.http.get("/jobs", params={"workflow_id": workflow_id}).json()["items"][0]["id"]
