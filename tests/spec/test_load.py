"""What a file without mistakes means."""

import json
from pathlib import Path

import pytest

from torc_core.spec import WorkflowSpec, load_text, load_workflow

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(text: str, format: str = "yaml") -> WorkflowSpec:
    loaded = load_text(text, format, f"flow.{format}")
    assert loaded.errors == []
    assert loaded.spec is not None
    return loaded.spec


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1:10", "1:10"),
        ("12:30", "12:30"),
        ("04:00:00", "04:00:00"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("no", "no"),
        ("y", "y"),
        ("010", "010"),
        ("-01", "-01"),
        ("1_000", "1_000"),
        ("2024-01-15", "2024-01-15"),
        ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
        ("=", "="),
        ("<<", "<<"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("tRUE", "tRUE"),
        ("0b2", "0b2"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e-3", -0.0015),
        ("0o17", 15),
        ("0x1f", 31),
        ("0b11", 3),
        ("+1", 1),
        ("-7", -7),
        ("0", 0),
        ("9223372036854775807", 9223372036854775807),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("NULL", None),
        ("", None),
        (".nan", None),
        (".inf", None),
    ],
)
def test_yaml_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    data = (
        load(f"name: x\njobs: [{{name: j, command: c}}]\nuser_data:\n  - name: d\n    data: {{v: {written}}}\n")
        .user_data[0]
        .data
    )
    assert data == {"v": value}
    assert type(data["v"]) is type(value)


def test_every_key_is_read() -> None:
    spec = load(
        """
name: all
user: somebody
description: everything at once
project: demo
metadata: '{"a": 1}'
env: {LEVEL: debug}
cwd: work
limit_resources: false
use_pending_failed: true
compute_node_expiration_buffer_seconds: 1
compute_node_wait_for_new_jobs_seconds: -1
compute_node_ignore_workflow_completion: true
compute_node_wait_for_healthy_database_minutes: 3
jobs_sort_method: none
resource_monitor: {enabled: true, granularity: time_series, sample_interval_seconds: 2, generate_plots: true}
slurm_defaults: {account: abc, exclusive: true, nice: 10}
files:
  - {name: f, path: f.txt}
  - {name: g, path: g.txt}
user_data:
  - {name: d, data: {a: [1, 2.5, null]}, is_ephemeral: true}
  - {name: e}
resource_requirements:
  - {name: big, num_cpus: 4, memory: 8g, num_gpus: 1, num_nodes: 2, runtime: P1D}
jobs:
  - name: first
    command: echo hi
  - name: second
    command: echo ho
    invocation_script: bash setup.sh
    cancel_on_blocking_job_failure: false
    supports_termination: true
    resource_requirements: big
    priority: -5
    env: {HOME: /nowhere}
    cwd: sub
    depends_on: [first]
    input_files: [f]
    output_files: [g]
    input_user_data: [d]
    output_user_data: [e]
"""
    )
    assert (spec.name, spec.user, spec.description, spec.project) == ("all", "somebody", "everything at once", "demo")
    assert (spec.metadata, spec.env, spec.cwd, spec.limit_resources) == ('{"a": 1}', {"LEVEL": "debug"}, "work", False)
    assert spec.use_pending_failed is True
    assert spec.compute_node_expiration_buffer_seconds == 1
    assert spec.compute_node_wait_for_new_jobs_seconds == -1
    assert spec.compute_node_ignore_workflow_completion is True
    assert spec.compute_node_wait_for_healthy_database_minutes == 3
    assert spec.jobs_sort_method == "none"
    assert spec.resource_monitor is not None
    assert (spec.resource_monitor.granularity, spec.resource_monitor.sample_interval_seconds) == ("time_series", 2)
    assert spec.slurm_defaults == {"account": "abc", "exclusive": True, "nice": 10}
    assert [(file.name, file.path) for file in spec.files] == [("f", "f.txt"), ("g", "g.txt")]
    assert [(d.name, d.data, d.is_ephemeral) for d in spec.user_data] == [
        ("d", {"a": [1, 2.5, None]}, True),
        ("e", None, False),
    ]
    (big,) = spec.resource_requirements
    assert (big.num_cpus, big.memory, big.num_gpus, big.num_nodes, big.runtime) == (4, "8g", 1, 2, "P1D")
    job = spec.jobs[1]
    assert (job.name, job.command, job.invocation_script) == ("second", "echo ho", "bash setup.sh")
    assert (job.cancel_on_blocking_job_failure, job.supports_termination) == (False, True)
    assert (job.resource_requirements, job.priority, job.env, job.cwd) == ("big", -5, {"HOME": "/nowhere"}, "sub")
    assert (job.depends_on, job.input_files, job.output_files) == (["first"], ["f"], ["g"])
    assert (job.input_user_data, job.output_user_data) == (["d"], ["e"])


def test_null_means_absent_also_for_keys_with_a_default() -> None:
    spec = load(
        """
name: x
project: ~
actions: null
files:
resource_requirements: [{name: r, num_cpus: 1, memory: 1g, num_gpus: null, num_nodes: ~, runtime: null}]
jobs: [{name: a, command: b, depends_on: null, cancel_on_blocking_job_failure: ~, parameters: null, env: null}]
"""
    )
    (requirement,) = spec.resource_requirements
    assert (requirement.num_gpus, requirement.num_nodes, requirement.runtime) == (0, 1, "PT1H")
    assert spec.jobs[0].cancel_on_blocking_job_failure is True
    assert (spec.jobs[0].depends_on, spec.jobs[0].env, spec.files) == ([], {}, [])


def test_empty_lists_of_unsupported_things_do_no_harm() -> None:
    assert (
        load("name: x\njobs: [{name: j, command: c}]\nactions: []\nslurm_schedulers: []\nparameters: {}\n").actions
        == []
    )


def test_numbers_and_truth_values_in_env_keep_their_text() -> None:
    text = "name: x\njobs: [{name: j, command: c}]\nenv: {A: 1.10, B: 010, C: True, D: 0x1F, E: 1e3, F: yes, G: ''}\n"
    assert load(text).env == {"A": "1.10", "B": "010", "C": "True", "D": "0x1F", "E": "1e3", "F": "yes", "G": ""}
    text = '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "env": {"A": 1.10, "B": 7, "C": true, "D": 2.5}}'
    assert load(text, "json").env == {"A": "1.10", "B": "7", "C": "true", "D": "2.5"}


def test_numbers_in_json_data_are_plain_numbers() -> None:
    text = '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "user_data": [{"name": "d", "data": [1.10, 2.50]}]}'
    data = load(text, "json").user_data[0].data
    assert data == [1.1, 2.5]
    assert all(type(number) is float for number in data)


def test_yaml_and_json_mean_the_same() -> None:
    text = (EXAMPLES / "diamond.yaml").read_text()
    spec = load(text)
    again = load(json.dumps({"name": "x", "jobs": [{"name": "a", "command": "b", "priority": 3}]}), "json")
    assert again == load("name: x\njobs: [{name: a, command: b, priority: 3}]\n")
    assert [job.name for job in spec.jobs] == ["preprocess", "left", "right", "combine"]


def test_extensions_in_any_case_and_a_byte_order_mark(tmp_path: Path) -> None:
    for name, text in (
        ("a.YML", "name: x\njobs: [{name: j, command: c}]\n"),
        ("b.Json", '{"name": "x", "jobs": [{"name": "j", "command": "c"}]}'),
    ):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert load_workflow(path).errors == []


def test_aliases_repeat_a_value() -> None:
    spec = load("name: x\njobs:\n  - {name: a, command: b, env: &e {A: b}}\n  - {name: c, command: d, env: *e}\n")
    assert spec.jobs[0].env == spec.jobs[1].env == {"A": "b"}


def test_a_name_given_twice_in_a_list_counts_once() -> None:
    spec = load("name: x\njobs:\n  - {name: a, command: b}\n  - {name: c, command: d, depends_on: [a, a]}\n")
    assert spec.jobs[1].depends_on == ["a"]


FILES = """
name: x
files:
  - {name: in, path: data/in file.txt}
  - {name: out, path: out.txt}
  - {name: out2, path: out2.txt}
user_data:
  - {name: config, data: {b: [1, "é"], a: 'it''s'}}
  - {name: later}
"""


def test_tokens_become_paths_and_say_who_reads_and_writes() -> None:
    spec = load(
        FILES
        + """
jobs:
  - name: a
    command: sort ${files.input.in} > ${files.output.out}; cat ${HOME} $X ${files.input.in}
    invocation_script: echo ${user_data.input.config}
    output_files: [out2]
"""
    )
    (job,) = spec.jobs
    assert job.command == "sort data/in file.txt > out.txt; cat ${HOME} $X data/in file.txt"
    assert job.invocation_script == 'echo {"a":"it\'s","b":[1,"é"]}'
    assert (job.input_files, job.output_files) == (["in"], ["out2", "out"])
    assert (job.input_user_data, job.output_user_data) == (["config"], [])


def test_regexes_are_searched_anywhere_and_add_to_the_exact_names() -> None:
    spec = load(
        FILES
        + """
jobs:
  - {name: work_1, command: b}
  - {name: work_10, command: b}
  - {name: other, command: b}
  - name: end_work
    command: b
    depends_on: [other]
    depends_on_regexes: ["work", "^other$"]
    input_file_regexes: ["^in"]
    output_file_regexes: [out]
    input_user_data_regexes: [fig]
    output_user_data_regexes: [late]
"""
    )
    job = spec.jobs[3]
    assert job.depends_on == ["other", "work_1", "work_10"]
    assert (job.input_files, job.output_files) == (["in"], ["out", "out2"])
    assert (job.input_user_data, job.output_user_data) == (["config"], ["later"])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_have_neither_mistakes_nor_warnings(path: Path) -> None:
    loaded = load_workflow(path, strict=True)
    assert loaded.errors == []
    assert loaded.warnings == []
