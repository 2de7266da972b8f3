"""Workflows that local runs of the tests do, and how these are waited for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.server_process import ServerProcess
from torc_core.client import endpoints
from torc_core.client.http import Address, Client
from torc_tui import local_runs
from torc_tui.checking import check

PATIENT = {"name": "waits", "command": "until test -e go; do sleep 0.02; done"}


def made(server: ServerProcess, name: str, *jobs: dict[str, Any]) -> int:
    """An initialized workflow, made in the working folder; its jobs may name the requirement `some`."""
    file = Path(f"{name}.json")
    some = {"name": "some", "num_cpus": 1, "memory": "100m", "runtime": "PT1M"}
    file.write_text(json.dumps({"name": name, "jobs": list(jobs), "resource_requirements": [some]}))
    plan = check(file, Path.cwd(), "tester").plan
    assert plan is not None
    with Client(Address(server.url), "tester") as client:
        return client.send(endpoints.create_from_plan(lambda: plan.lines(True), name)).workflow_id


def ended(number: int) -> bool:
    """Whether a run has ended."""
    return not local_runs.find(number).active
