"""Canceling and deleting under a running runner: its processes end, and what they did is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from tests.runner.waiting import nobody_is_left, pid_in, until
from tests.server_process import ServerProcess
from torc_core.spec import build_plan, load_text

TICK = """
name: tick
jobs:
  - {name: tick, command: "echo $$ > pid; echo begun; while :; do date >> ticks; sleep 0.05; done"}
"""


def begin(http: httpx.Client, server: ServerProcess, folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """A workflow whose only job runs: (its id, the runner)."""
    loaded = load_text(TICK, "yaml", "tick.yaml")
    assert loaded.spec is not None
    plan = build_plan(loaded.spec, user="tester", origin=folder)
    workflow = http.post("/workflows/from_plan", content=b"".join(plan.lines(True))).json()["workflow_id"]
    command = [sys.executable, "-m", "torc_core.runner.main", "--url", server.url, "--workflow", str(workflow)]
    runner = subprocess.Popen(command, cwd=folder)
    until(lambda: (folder / "ticks").exists(), "the job's start")
    until(lambda: http.get(f"/jobs?workflow_id={workflow}&status=running").json()["count"], "the report of it")
    return workflow, runner


def test_a_job_canceled_while_it_runs_leaves_a_result_and_its_output(
    shared_server: ServerProcess, tmp_path: Path
) -> None:
    with shared_server.client() as http:
        workflow, runner = begin(http, shared_server, tmp_path)
        (job,) = http.get(f"/workflows/{workflow}/job_ids").json()["job_ids"]
        http.post(f"/jobs/{job}/cancel").raise_for_status()
        assert runner.wait(20) == 1
        (result,) = http.get(f"/results?workflow_id={workflow}").json()["items"]
    assert (result["status"], result["return_code"]) == ("canceled", 143)
    assert (tmp_path / f"output/job_stdio/job_wf{workflow}_j{job}_r1_a1.o").read_text() == "begun\n"


def test_the_jobs_of_a_deleted_workflow_are_stopped(shared_server: ServerProcess, tmp_path: Path) -> None:
    with shared_server.client() as http:
        workflow, runner = begin(http, shared_server, tmp_path)
        http.delete(f"/workflows/{workflow}").raise_for_status()
        assert runner.wait(8) == 1
    nobody_is_left(pid_in(tmp_path / "pid"))
