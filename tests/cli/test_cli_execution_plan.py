"""The execution plan of a stored workflow is that of its file."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess

STAGED = """
name: staged
files: [{name: f, path: f}]
slurm_schedulers: [{name: s, account: a}]
jobs:
  - {name: prep_a, command: c}
  - {name: prep_b, command: c, output_files: [f]}
  - {name: "work_a_{i}", command: c, depends_on: [prep_a], parameters: {i: "1:60"}}
  - {name: "work_b_{i}", command: c, input_files: [f], parameters: {i: "1:2"}}
  - {name: "post_{i}", command: c, depends_on_regexes: ["^work_a"], parameters: {i: "1:60"}}
  - {name: final, command: c, depends_on: [post_1, work_b_1]}
actions:
  - {trigger_type: on_workflow_start, action_type: schedule_nodes, scheduler: s, scheduler_type: slurm}
  - {trigger_type: on_jobs_ready, action_type: schedule_nodes, scheduler: s, scheduler_type: slurm, num_allocations: 2,
     job_name_regexes: ["^post_[12]$"]}
"""


def comparable(plan: dict[str, Any]) -> dict[str, Any]:
    """Events by id, names in any order: jobs are numbered by stage when they are stored."""
    events = {event.pop("id"): {key: _sorted(value) for key, value in event.items()} for event in plan.pop("events")}
    del plan["source"]
    plan.pop("workflow_id", None)
    return {**plan, "events": events}


def _sorted(value: Any) -> Any:
    return sorted(value, key=msgspec.json.encode) if isinstance(value, list) else value


@pytest.mark.parametrize("initialized", [False, True])
def test_a_stored_workflow_has_the_plan_of_its_file(torc: Torc, initialized: bool) -> None:
    number = torc.create(STAGED)
    if initialized:
        torc("workflows", "initialize", number, "--force")
    of_file = torc("workflows", "execution-plan", "flow.yaml", "-f", "json").json
    stored = torc("workflows", "execution-plan", number, "-f", "json").json
    assert (stored["source"], stored["workflow_id"], stored["total_stages"]) == ("database", number, 4)
    assert comparable(stored) == comparable(of_file)


def test_the_plan_names_stages_events_and_what_is_asked_of_schedulers(torc: Torc) -> None:
    number = torc.create(STAGED)
    lines = torc("workflows", "execution-plan", number).out.splitlines()
    assert lines[0] == f"Workflow {number} 'staged': 125 jobs, 4 stages, 5 events"
    assert "    asks slurm scheduler 's' for 2 allocations" in lines
    assert "    ready (60): post_{1..60}" in lines


def test_jobs_of_the_same_name_are_told_apart(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create("name: x\njobs: [{name: a, command: c}]\n")
    with shared_server.client() as http:
        twin = http.post("/jobs", json={"workflow_id": number, "name": "a", "command": "c"}).json()["id"]
    assert f"ready (2): a, a (job {twin})" in torc("workflows", "execution-plan", number).out


def test_an_unknown_workflow_has_no_plan(torc: Torc) -> None:
    assert "999999" in torc("workflows", "execution-plan", "999999", code=None).err
