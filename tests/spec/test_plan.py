"""The plan: what is sent, in which order, and what it says about the work ahead."""

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_core.errors import InputError
from torc_core.models.plan import (
    PlanEnd,
    PlanFiles,
    PlanJobs,
    PlanLine,
    PlannedJob,
    PlanRequirements,
    PlanStart,
    PlanUserData,
)
from torc_core.spec import Plan, WorkflowSpec, build_plan, load_text
from torc_core.spec.model import JobSpec

DIAMOND = """
name: diamond
description: four jobs
files: [{name: raw, path: raw.txt}, {name: left, path: l.txt}, {name: right, path: r.txt}]
user_data: [{name: config, data: {a: 1}, is_ephemeral: true}, {data: nameless}, {name: last}]
resource_requirements:
  - {name: small, num_cpus: 1, memory: 100m, runtime: PT10M}
  - {name: big, num_cpus: 4, memory: 8g, num_gpus: 1, num_nodes: 2, runtime: PT1H}
jobs:
  - {name: combine, command: "paste ${files.input.left} ${files.input.right}", resource_requirements: big}
  - {name: start, command: "seq 9 > ${files.output.raw}", input_user_data: [config], output_user_data: [last]}
  - {name: left, command: "head ${files.input.raw} > ${files.output.left}", resource_requirements: small}
  - {name: right, command: "tail ${files.input.raw} > ${files.output.right}", resource_requirements: small}
  - {name: notify, command: "true", depends_on: [combine, start], priority: 7, env: {A: b}, cwd: sub}
"""


def plan_of(text: str) -> Plan:
    loaded = load_text(text, "yaml", "flow.yaml")
    assert loaded.spec is not None
    return build_plan(loaded.spec, user="me", origin=Path("/home/me/project"))


def read(plan: Plan, initialize: bool = False) -> list[PlanLine]:
    lines = list(plan.lines(initialize))
    assert all(line.endswith(b"\n") and b"\n" not in line[:-1] for line in lines)
    return [msgspec.json.decode(line, type=PlanLine) for line in lines]


def jobs_of(plan: Plan) -> list[PlannedJob]:
    return [job for line in read(plan) if isinstance(line, PlanJobs) for job in line.items]


def test_the_lines_are_those_of_the_wire_format_in_their_order() -> None:
    plan = plan_of(DIAMOND)
    lines = read(plan, initialize=True)
    assert [type(line) for line in lines] == [PlanStart, PlanFiles, PlanUserData, PlanRequirements, PlanJobs, PlanEnd]
    start, files, data, requirements, jobs, _ = lines
    assert isinstance(start, PlanStart)
    assert (start.uuid, start.initialize) == (plan.uuid, True)
    assert (start.jobs, start.files, start.user_data, start.resource_requirements) == (5, 3, 2, 2)
    assert plan.counts == {
        "jobs": 5,
        "files": 3,
        "user_data": 2,
        "resource_requirements": 2,
        "failure_handlers": 0,
        "slurm_schedulers": 0,
        "actions": 0,
    }
    assert isinstance(files, PlanFiles)
    assert (files.items[0].name, files.items[0].path) == ("raw", "raw.txt")
    assert isinstance(data, PlanUserData)
    assert [(item.name, item.data, item.is_ephemeral) for item in data.items] == [
        ("config", {"a": 1}, True),
        ("last", None, False),
    ]
    assert isinstance(requirements, PlanRequirements)
    assert [item.name for item in requirements.items] == ["small", "big"]
    assert isinstance(jobs, PlanJobs)
    assert [job.name for job in jobs.items] == ["start", "left", "right", "combine", "notify"]
    combine, notify = jobs.items[3:]
    assert (combine.resource_requirements, combine.input_files, combine.depends_on) == (1, [1, 2], [])
    assert (notify.depends_on, notify.priority, notify.env, notify.cwd) == ([3, 0], 7, {"A": "b"}, "sub")
    assert (jobs.items[0].resource_requirements, jobs.items[0].output_user_data) == (None, [1])


def test_what_is_not_said_is_sent_as_torcs_client_does() -> None:
    start = read(plan_of("name: x\njobs: [{name: j, command: c}]\n"))[0]
    assert isinstance(start, PlanStart)
    assert msgspec.to_builtins(start.workflow) == {
        "name": "x",
        "user": "me",
        "compute_node_expiration_buffer_seconds": 180,
        "compute_node_wait_for_new_jobs_seconds": 90,
        "compute_node_ignore_workflow_completion": False,
        "compute_node_wait_for_healthy_database_minutes": 20,
        "compute_node_min_time_for_new_jobs_seconds": 300,
        "resource_monitor_config": '{"enabled":true,"granularity":"summary",'
        '"sample_interval_seconds":5,"generate_plots":false}',
        "use_pending_failed": False,
        "origin": "/home/me/project",
    }


def test_what_is_said_is_sent() -> None:
    text = """
name: x
user: other
jobs: [{name: j, command: c}]
metadata: "{}"
cwd: work
env: {A: b}
limit_resources: false
compute_node_expiration_buffer_seconds: 0
compute_node_wait_for_new_jobs_seconds: 0
resource_monitor: {enabled: false}
slurm_defaults: {account: abc}
jobs_sort_method: none
"""
    start = read(plan_of(text))[0]
    assert isinstance(start, PlanStart)
    workflow = start.workflow
    assert (workflow.user, workflow.metadata, workflow.cwd, workflow.env) == ("me", "{}", "work", {"A": "b"})
    assert (workflow.limit_resources, workflow.jobs_sort_method) == (False, "none")
    assert workflow.compute_node_expiration_buffer_seconds == 0
    assert workflow.compute_node_wait_for_new_jobs_seconds == 0
    assert msgspec.json.decode(workflow.resource_monitor_config or "")["enabled"] is False
    assert msgspec.json.decode(workflow.slurm_defaults or "") == {"account": "abc"}


def test_a_relative_origin_is_made_absolute() -> None:
    start = read(build_plan(WorkflowSpec(name="x"), user="me", origin=Path("here")))[0]
    assert isinstance(start, PlanStart)
    assert start.workflow.origin == str(Path.cwd() / "here")


def test_each_plan_has_its_own_uuid() -> None:
    assert plan_of(DIAMOND).uuid != plan_of(DIAMOND).uuid


def test_jobs_go_in_chunks_of_a_thousand() -> None:
    jobs = [JobSpec(name=f"j{n}", command="true") for n in range(2500)]
    lines = read(build_plan(WorkflowSpec(name="x", jobs=jobs), user="me", origin=Path("/")))
    assert [len(line.items) for line in lines if isinstance(line, PlanJobs)] == [1000, 1000, 500]


def test_stages_and_the_longest_path_count_files_as_dependencies() -> None:
    plan = plan_of(DIAMOND)
    assert plan.stages() == [["start"], ["left", "right"], ["combine"], ["notify"]]
    assert plan.longest_path == ["start", "left", "combine", "notify"]


def test_an_empty_workflow_has_no_stages() -> None:
    plan = build_plan(WorkflowSpec(name="x"), user="me", origin=Path("/"))
    assert (plan.stages(), plan.longest_path, plan.totals.cpu_seconds) == ([], [], 0)


def test_totals_add_up_what_jobs_ask_for() -> None:
    totals = plan_of(DIAMOND).totals
    assert totals.cpu_seconds == 2 * 600 + 4 * 2 * 3600 + 2 * 60
    assert totals.gpu_seconds == 2 * 3600
    assert (totals.max_cpus, totals.max_memory_bytes, totals.max_gpus, totals.max_nodes) == (4, 8 * 1024**3, 1, 2)
    assert (totals.max_runtime_s, totals.without_requirements) == (3600, 2)


def test_the_summary_has_the_keys_of_torcs_dry_run() -> None:
    assert plan_of(DIAMOND).summary() == {
        "workflow_name": "diamond",
        "workflow_description": "four jobs",
        "job_count": 5,
        "job_count_before_expansion": 5,
        "file_count": 3,
        "file_count_before_expansion": 3,
        "user_data_count": 3,
        "resource_requirements_count": 2,
        "slurm_scheduler_count": 0,
        "action_count": 0,
        "has_schedule_nodes_action": False,
        "job_names": ["combine", "start", "left", "right", "notify"],
        "scheduler_names": [],
    }


def test_a_specification_with_a_cycle_makes_no_plan() -> None:
    jobs = [JobSpec(name="a", command="x", depends_on=["b"]), JobSpec(name="b", command="x", depends_on=["a"])]
    with pytest.raises(InputError, match=r"^cycle: a -> b -> a$"):
        build_plan(WorkflowSpec(name="x", jobs=jobs), user="me", origin=Path("/"))


def test_a_file_of_many_writers_and_readers_costs_their_sum() -> None:
    count = 20_000
    jobs = [JobSpec(name=f"w{n}", command="true", output_files=["f"]) for n in range(count)]
    jobs += [JobSpec(name=f"r{n}", command="true", input_files=["f"]) for n in range(count)]
    spec = load_text(
        '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "files": [{"name": "f", "path": "p"}]}', "json", "flow"
    ).spec
    assert spec is not None
    spec.jobs = jobs
    stages = build_plan(spec, user="me", origin=Path("/")).stages()
    assert [len(stage) for stage in stages] == [count, count]


@st.composite
def acyclic_specs(draw: st.DrawFn) -> WorkflowSpec:
    """Jobs in any order of the file whose dependencies, direct or through files, have no cycle."""
    count = draw(st.integers(1, 12))
    jobs = []
    for rank in range(count):
        below = st.lists(st.integers(0, rank - 1), unique=True, max_size=4) if rank else st.just([])
        jobs.append(
            JobSpec(
                name=f"j{rank}",
                command="true",
                depends_on=[f"j{parent}" for parent in draw(below)],
                input_files=[f"f{parent}" for parent in draw(below)],
                output_files=[f"f{rank}"],
            )
        )
    text = "name: x\njobs: [{name: j, command: c}]\nfiles:\n" + "".join(
        f"  - {{name: f{n}, path: p{n}}}\n" for n in range(count)
    )
    spec = load_text(text, "yaml", "flow.yaml").spec
    assert spec is not None
    spec.jobs = draw(st.permutations(jobs))
    return spec


@given(acyclic_specs())
def test_parents_stand_before_children_and_otherwise_the_file_decides(spec: WorkflowSpec) -> None:
    plan = build_plan(spec, user="me", origin=Path("/"))
    position = {job.name: index for index, job in enumerate(jobs_of(plan))}
    assert set(position) == {job.name for job in spec.jobs}
    parents = {job.name: {*job.depends_on, *(name.replace("f", "j") for name in job.input_files)} for job in spec.jobs}
    for child, names in parents.items():
        assert all(position[name] < position[child] for name in names)
    placed: set[str] = set()
    for name in sorted(position, key=position.__getitem__):
        free = next(job.name for job in spec.jobs if job.name not in placed and parents[job.name] <= placed)
        assert name == free
        placed.add(name)
    stage = {name: level for level, names in enumerate(plan.stages()) for name in names}
    for child, names in parents.items():
        assert stage[child] == max((stage[name] + 1 for name in names), default=0)
    path = plan.longest_path
    assert len(path) == len(plan.stages())
    assert all(before in parents[after] for before, after in pairwise(path))
