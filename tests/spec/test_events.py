"""The execution plan: which jobs become ready together, after what."""

from torc_core.spec import WorkflowSpec, load_text
from torc_core.spec.events import ExecutionPlan, compacted


def load(text: str) -> WorkflowSpec:
    spec = load_text(text, "yaml", "flow.yaml", skip_checks=True).spec
    assert spec is not None
    return spec


STAGED = """
name: staged
files: [{name: f, path: f}]
slurm_schedulers: [{name: s, account: a}, {name: t, account: a}]
jobs:
  - {name: prep_a, command: c}
  - {name: prep_b, command: c, output_files: [f]}
  - {name: "work_a_{i}", command: c, depends_on: [prep_a], parameters: {i: "1:5"}}
  - {name: "work_b_{i}", command: c, input_files: [f], parameters: {i: "1:2"}}
  - {name: post, command: c, depends_on_regexes: ["^work_a"]}
  - {name: final, command: c, depends_on: [post, work_b_1]}
actions:
  - {trigger_type: on_workflow_start, action_type: schedule_nodes, scheduler: s, scheduler_type: slurm}
  - {trigger_type: on_jobs_ready, action_type: schedule_nodes, scheduler: t, scheduler_type: slurm, num_allocations: 2,
     job_name_regexes: ["^work_a_[12]"]}
  - {trigger_type: on_jobs_ready, action_type: run_commands, commands: [date], jobs: [post]}
"""


def test_jobs_with_the_same_parents_become_ready_together() -> None:
    spec = load(STAGED)
    events = {event.id: event for event in ExecutionPlan(spec).events}
    assert {name: event.jobs for name, event in events.items()} == {
        "start": ["prep_a", "prep_b"],
        "after_prep_a": [f"work_a_{n}" for n in range(1, 6)],
        "after_prep_b": ["work_b_1", "work_b_2"],
        "after_work_a_jobs": ["post"],
        "after_post_and_1_more": ["final"],
    }
    assert events["after_post_and_1_more"].after == ["after_prep_b", "after_work_a_jobs"]
    assert events["start"].unlocks == ["after_prep_a", "after_prep_b"]
    assert events["after_prep_a"].allocations == [
        {"scheduler": "t", "scheduler_type": "slurm", "num_allocations": 2, "job_names": ["work_a_1", "work_a_2"]}
    ]
    assert [one["scheduler"] for one in events["start"].allocations] == ["s"]
    assert events["after_work_a_jobs"].allocations == []
    assert events["after_work_a_jobs"].description == "All 5 jobs complete ('work_a_1', 'work_a_2', ...)"


def test_the_json_has_torcs_keys() -> None:
    spec = load(STAGED)
    shown = ExecutionPlan(spec).as_json()
    assert (shown["source"], shown["workflow_name"], shown["total_events"], shown["total_jobs"]) == (
        "spec_file",
        "staged",
        5,
        11,
    )
    assert shown["root_events"] == ["start"]
    assert shown["leaf_events"] == ["after_post_and_1_more"]
    first, second = shown["events"][:2]
    assert first["trigger"] == {"type": "WorkflowStart"}
    assert second["trigger"] == {"type": "JobsComplete", "data": {"jobs": ["prep_a"]}}
    assert set(first) == {
        "id",
        "trigger",
        "trigger_description",
        "scheduler_allocations",
        "jobs_becoming_ready",
        "depends_on_events",
        "unlocks_events",
    }


def test_events_of_the_same_name_are_told_apart() -> None:
    text = "name: x\njobs:\n" + "".join(f"  - {{name: work_{n}, command: c}}\n" for n in range(4))
    text += "  - {name: a, command: c, depends_on: [work_0, work_1]}\n"
    text += "  - {name: b, command: c, depends_on: [work_2, work_3]}\n"
    assert [event.id for event in ExecutionPlan(load(text)).events] == ["start", "after_work_jobs", "after_work_jobs_2"]


def test_many_that_wait_for_many_cost_their_sum() -> None:
    text = 'name: x\njobs:\n  - {name: "a{i}", command: c, parameters: {i: "1:5000"}}\n'
    text += '  - {name: "b{i}", command: c, depends_on_regexes: ["^a"], parameters: {i: "1:5000"}}\n'
    start, after = ExecutionPlan(load(text)).events
    assert (len(start.jobs), len(after.jobs), len(after.triggers)) == (5000, 5000, 5000)


def test_an_empty_workflow_has_no_events() -> None:
    assert ExecutionPlan(WorkflowSpec(name="x")).events == []


def test_runs_of_numbers_are_compacted() -> None:
    names = ["a_1", "a_2", "b", *(f"j{n:03d}" for n in range(8, 13)), "j014", "k1", "k2", "k3"]
    assert compacted(names) == "a_1, a_2, b, j{008..012}, j014, k1, k2, k3"
