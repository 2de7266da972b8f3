"""What the tables of a workflow say of its files, its results and its events."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven


@driven
async def test_files_are_shown_with_the_size_and_the_time_that_their_job_left(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = workshop.workflow("written", initialize=False, origin=str(tmp_path))
    made, unmade = (
        workshop._post("/files", {"workflow_id": workflow_id, "name": name, "path": f"out/{name}.bam"})["id"]
        for name in ("made", "unmade")
    )
    job = {"workflow_id": workflow_id, "name": "writes", "command": "true", "output_file_ids": [made, unmade]}
    workshop._post("/jobs", job)
    workshop._post(f"/workflows/{workflow_id}/initialize_jobs")
    runner = workshop.runner(workflow_id)
    (claimed,) = runner.claim()
    today = datetime.now().replace(hour=4, minute=5, second=6, microsecond=0)
    runner.finish(claimed, outputs=[[made, today.timestamp(), 3 << 20]])
    async with console(tui_server.url, view=f"files {workflow_id}") as driver:
        header, there, missing = (driver.line(text) for text in (" PATH ", "out/made.bam", "out/unmade.bam"))
        size, time = header.index("SIZE") + len("SIZE"), header.index("MODIFIED") + len("MODIFIED")
        assert there[:size].endswith("  3.0 MB")
        assert there[size:time].endswith("  04:05:06")
        assert [missing[:size][-1], missing[:time][-1]] == ["–", "–"]
        assert "writes" in there


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
@driven
async def test_each_failed_result_says_the_last_line_that_it_wrote_or_how_it_ended(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]
) -> None:
    workflow_id, _ = workshop.workflow("said", {"name": "good"}, {"name": "bad"}, {"name": "mute"})
    runner = workshop.runner(workflow_id)
    for job in runner.claim():
        if job["name"] == "bad":
            runner.finish(job, 3, "Traceback\nOSError: disk full\n")
        elif job["name"] == "mute":
            runner.finish(job, 4, "")
        else:
            runner.finish(job)
    async with console(tui_server.url, size=size, view=f"results {workflow_id}") as driver:
        assert driver.line(" bad ").rstrip(" ▐").endswith("OSError: disk full")
        assert driver.line(" mute ").rstrip(" ▐").endswith("exit code 4")
        assert driver.line(" good ").rstrip(" ▐").endswith(" 0")
