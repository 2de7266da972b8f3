"""The server opens no path that a client named: whatever is said about files and outputs is only kept and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop

HOOK = """
import os, sys
log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
WATCHED = ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "subprocess.Popen", "os.exec")
def note(event, arguments):
    if event in WATCHED and arguments:
        os.write(log, f"{{event}} {{arguments!r}}\\n".encode(errors="replace"))
sys.addaudithook(note)
"""
"""Notes in the server what it opens, lists, makes and starts."""


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    """Where the server notes it."""
    return tmp_path / "opened"


@pytest.fixture
def watched(tmp_path: Path, opened: Path) -> ServerProcess:
    """A server that is watched."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK.format(log=str(opened)))
    return ServerProcess(tmp_path, environment={"PYTHONPATH": str(tmp_path / "hook")})


def test_files_logs_and_folders_that_clients_name_are_not_opened(
    watched: ServerProcess, opened: Path, tmp_path: Path
) -> None:
    named = tmp_path / "named-by-a-client"
    output = named / "out" / "job_stdio"
    output.mkdir(parents=True)
    (named / "input.txt").write_text("not for the server\n")
    with watched, watched.client() as http:
        shop = Workshop(http)
        workflow_id, ids = shop.workflow("named", {"name": "reads"}, {"name": "fails"}, origin=str(named))
        for path in ("input.txt", str(named / "input.txt"), "../named-by-a-client/input.txt"):
            body = {"workflow_id": workflow_id, "name": path, "path": path, "st_mtime": 1.0}
            shop._post("/files", body)
        runner = shop.runner(workflow_id, scheduler={"output_dir": str(named / "out")})
        for job in runner.claim():
            (output / f"job_wf{workflow_id}_j{job['job_id']}_r1_a1.e").write_text("it went wrong\n")
            runner.finish(job, 3)
        asked = [
            f"/console/workflows/{workflow_id}", *(f"/console/jobs/{job}" for job in ids), "/console/failures",
            "/console/failures/jobs?cause=exit%20code%203", f"/results?workflow_id={workflow_id}",
            *(f"/console/workflows/{workflow_id}/{table}" for table in ("jobs", "files", "results", "nodes", "plan")),
            f"/files?workflow_id={workflow_id}",
        ]  # fmt: skip
        for path in asked:
            assert http.get(path).status_code == 200, path
        runner.leave()
    told = opened.read_text()
    assert "torc_server" in told
    assert named.name not in told
