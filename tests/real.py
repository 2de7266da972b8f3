"""Real workflows on a real server, run by real runners: what tests of more than one process share."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.server_process import ServerProcess
from torc_core.models.plan import PlanEnd, PlanJobs, PlannedJob, PlannedWorkflow, PlanStart

RunnerProcess = subprocess.Popen[str]


def plan_of(jobs: Sequence[PlannedJob], *, initialize: bool = True, **fields: Any) -> bytes:
    """The body of a plan; further fields are the workflow's."""
    workflow = PlannedWorkflow(name="flow", user="tester", **fields)
    lines: list[object] = [PlanStart(str(uuid.uuid4()), workflow, len(jobs), initialize=initialize)]
    lines += [PlanJobs(list(jobs[i : i + 1000])) for i in range(0, len(jobs), 1000)]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in [*lines, PlanEnd()])


def store(server: ServerProcess, jobs: Sequence[PlannedJob], **fields: Any) -> int:
    """Store and initialise a workflow; returns its id."""
    with server.client() as http:
        answer = http.post("/workflows/from_plan", content=plan_of(jobs, **fields)).raise_for_status()
    return int(answer.json()["workflow_id"])


def workflow_of(server: ServerProcess, commands: Sequence[str]) -> int:
    """An initialised workflow of independent jobs."""
    return store(server, [PlannedJob(f"job{n}", command) for n, command in enumerate(commands)])


def counts(server: ServerProcess, workflow: int) -> dict[str, int]:
    """Jobs by status."""
    with server.client() as http:
        found: dict[str, int] = http.get(f"/workflows/{workflow}/summary").raise_for_status().json()["counts"]
    return found


def start_runner(
    server: ServerProcess, workflow: int, folder: Path, *options: str, url: str | None = None, **environment: str
) -> RunnerProcess:
    """A `torc-runner` in `folder`, in a session of its own; the process is its guard."""
    command = [sys.executable, "-m", "torc_core.runner.main", "--url", url or server.url]
    return subprocess.Popen(
        [*command, "--workflow", str(workflow), *options],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def runner_of(guard: RunnerProcess) -> int:
    """The pid of the runner below its guard: its first child, which outlives what else becomes the guard's."""
    return int(Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text().split()[0])
