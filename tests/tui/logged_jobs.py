"""Jobs that wrote something, as their runner would keep it: made without running anything."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from tests.tui.driver import Workshop

HOST = socket.gethostname()


def write(folder: Path, job: dict[str, Any], stream: str, text: str | bytes) -> Path:
    """Write what a job writes, as its runner would keep it."""
    path = folder / "output" / "job_stdio"
    path.mkdir(parents=True, exist_ok=True)
    workflow = job["workflow_id"]
    path /= f"job_wf{workflow}_j{job['job_id']}_r{job['run_id']}_a{job['attempt_id']}.{stream}"
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def ran(
    shop: Workshop, folder: Path, *names: str, code: int = 2, host: str = HOST, name: str = "flow"
) -> tuple[int, dict[str, dict[str, Any]]]:
    """A workflow whose jobs were handed out; jobs in `names` end with this code if it is not 0."""
    workflow_id, _ = shop.workflow(name, *({"name": each} for each in names), origin=str(folder))
    runner = shop.runner(workflow_id, host=host)
    jobs = {job["name"]: {**job, "workflow_id": workflow_id} for job in runner.claim()}
    if code:
        for job in jobs.values():
            runner.finish(job, code)
        runner.leave()
    return workflow_id, jobs


def ran_twice(shop: Workshop, folder: Path) -> int:
    """A workflow with a job that failed in two attempts, and wrote which one it was."""
    workflow_id, jobs = ran(shop, folder, "again")
    write(folder, jobs["again"], "e", "first try\n")
    shop.http.post("/console/retry", json={"ids": [jobs["again"]["job_id"]]})
    runner = shop.runner(workflow_id, host=HOST)
    (job,) = runner.claim()
    write(folder, {**job, "workflow_id": workflow_id}, "e", "second try\n")
    runner.finish(job, 1)
    return workflow_id
