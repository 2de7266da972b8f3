"""`torc run ID` after a runner was killed: what its journal holds is taken before anything runs again."""

from __future__ import annotations

from pathlib import Path

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.runner.journal import Head, Journal
from torc_core.runner.log import Log

TWO = """
name: two
jobs:
  - {name: kept, command: echo kept >> ran}
  - {name: lost, command: echo lost >> ran, depends_on: [kept]}
"""


def killed_runner(server: ServerProcess, workflow: int, folder: Path, *, is_active: bool) -> int:
    """A runner that took a job, ended it and died with the result in its journal; returns its node."""
    with server.client() as http:
        node = {
            "workflow_id": workflow, "hostname": "h", "pid": 1, "start_time": "2026-01-01T00:00:00Z", "num_cpus": 1,
            "memory_gb": 1, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local", "uuid": f"killed {workflow}",
        }  # fmt: skip
        number: int = http.post("/compute_nodes", json=node).raise_for_status().json()["id"]
        path = f"/workflows/{workflow}/compute_nodes/{number}/exchange"
        asked = {"sequence": 1, "free": {"num_cpus": 1, "memory_bytes": 1 << 30}, "slots": 1}
        (job,) = http.post(path, json=asked).raise_for_status().json()["jobs"]
        if not is_active:
            http.post(path, json={**asked, "sequence": 2, "slots": 0, "leaving": True}).raise_for_status()
        database = http.get("/server").json()["database_uuid"]
    (folder / "output").mkdir()
    journal = Journal(folder / "output", Head(database, workflow, number, f"killed {workflow}"), Log())
    journal.ended(Attempt(job["job_id"], 1), AttemptResult(job["job_id"], 1, 1, "completed", 0, 1, 2))
    journal.close()
    return number


def test_a_kept_result_counts_and_its_job_does_not_run_again(torc: Torc, shared_server: ServerProcess) -> None:
    workflow = torc.create(TWO)
    torc("workflows", "initialize", workflow)
    killed_runner(shared_server, workflow, torc.folder, is_active=True)
    shown = torc("run", workflow)
    assert "delivered 1 result of a runner that was killed" in shown.err
    assert (torc.folder / "ran").read_text() == "lost\n"
    assert list((torc.folder / "output").glob(".journal*")) == []


def test_a_result_that_came_too_late_is_said(torc: Torc, shared_server: ServerProcess) -> None:
    workflow = torc.create(TWO)
    torc("workflows", "initialize", workflow)
    killed_runner(shared_server, workflow, torc.folder, is_active=False)
    torc("run", workflow, "-o", "elsewhere")
    (torc.folder / "ran").unlink()
    shown = torc("run", workflow)
    assert "1 result of a runner that was killed came too late" in shown.err
    assert not (torc.folder / "ran").exists()
