"""Parameters: the values they have and the texts that they make."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.sweeps import job, load
from torc_core.models.stdio import Stdio
from torc_core.spec import build_plan, load_text
from torc_core.spec.parameters import parse_values, value_text


def texts(value: Any, placeholder: str = "{p}") -> list[str]:
    """What a parameter puts into a command."""
    return [one.command[1:] for one in job(name="{p}-{q}", command=f"-{placeholder}", parameters={"p": value, "q": 1})]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1:5", [1, 2, 3, 4, 5]),
        ("0:10:3", [0, 3, 6, 9]),
        ("5:1:-2", [5, 3, 1]),
        ("-2:1", [-2, -1, 0, 1]),
        ("3:3", [3]),
        (" 1 : 3 : ", [1, 2, 3]),
        ("{1:3}", [1, 2, 3]),
        ("+1:+2", [1, 2]),
        ("1:100:25", [1, 26, 51, 76]),
        ("0.0:1.0:0.1", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("0.1:0.35:0.1", [0.1, 0.2, 0.3]),
        ("1.0:3", [1.0, 2.0, 3.0]),
        ("1:0.5:-0.25", [1.0, 0.75, 0.5]),
        ("1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("0.0001:0.01:10", [0.0001]),
        ("7", [7]),
        ("007", [7]),
        ("-1.5", [-1.5]),
        ("1e3", [1000.0]),
        ("a b", ["a b"]),
        ("'a'", ["'a'"]),
        ("{1,2}", ["{1,2}"]),
        ("", [""]),
        ("[1,2.5,a]", [1, 2.5, "a"]),
        ("['1','2']", ["1", "2"]),
        ("[001, 1e2, +3]", [1, 100.0, 3]),
        ("['a,b', \"c'd\" ]", ["a,b", "c'd"]),
        ("[[1,2]]", [1, 2]),
        ("[]", []),
        ("[ a b , 'c' d ]", ["a b", "c' d"]),
        ("[C:/a, 12:30]", ["C:/a", "12:30"]),
        ("[1,]", [1, ""]),
        ("[nan, inf, 1_000]", ["nan", "inf", "1_000"]),
    ],
)
def test_a_text_is_a_range_a_list_or_one_value(written: str, values: list[Any]) -> None:
    found = parse_values(written)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (1.0, "1"),
        (0.0, "0"),
        (0.30000000000000004, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (-2.5, "-2.5"),
        (100.0, "100"),
        ("1.0", "1.0"),
    ],
)
def test_a_float_is_written_without_exponent_and_without_a_fraction_of_zero(value: Any, text: str) -> None:
    assert value_text(value) == text


@given(st.decimals(-100, 100, places=3), st.decimals("0.001", 5, places=3), st.integers(0, 60))
def test_float_ranges_have_neither_drift_nor_noise(start: Any, step: Any, count: int) -> None:
    values = parse_values(f"{start}:{start + count * step}:{step}")
    assert [value_text(value) for value in values] == [
        value_text(float(start + number * step)) for number in range(count + 1)
    ]


@pytest.mark.parametrize(
    ("value", "placeholder", "found"),
    [
        ("1:3", "{p:03d}", ["001", "002", "003"]),
        ([-5], "{p:04d}", ["-005"]),
        ([5], "{p:3d}", ["  5"]),
        ([5], "{p:}", ["5"]),
        ([5], "{p:x}", ["5"]),
        ([255], "{p:#x}", ["0xff"]),
        ([1, 2.5], "{p:.2f}", ["1.00", "2.50"]),
        ([0.125, 0.155], "{p:.2f}", ["0.12", "0.15"]),
        ([0.0001], "{p:.2e}", ["1.00e-04"]),
        ([1234567], "{p:,}", ["1,234,567"]),
        ([0.25], "{p:.0%}", ["25%"]),
        ([3.14159], "{p:08.3f}", ["0003.142"]),
        (["ab"], "{p:>5}", ["   ab"]),
        (["ab"], "{p:.1}", ["a"]),
        ("0.0:1.0:0.5", "{p}", ["0", "0.5", "1"]),
        ("5:6", "{p:03d}_{p}_{p:03d}{p}", ["005_5_0055", "006_6_0066"]),
        (7, "{p}", ["7"]),
        ("['1',2]", "{p}", ["1", "2"]),
        (["50%", "%s"], "%d {p} %", ["%d 50% %", "%d %s %"]),
    ],
)
def test_placeholders_take_any_format_of_python(value: Any, placeholder: str, found: list[str]) -> None:
    assert texts(value, placeholder) == found


@pytest.mark.parametrize(
    ("command", "made"),
    [
        ("{p}", "5"),
        ("{ p }", "{ p }"),
        ("{P} {p!r} {pp} {}", "{P} {p!r} {pp} {}"),
        ("awk '{print $1}' {p}", "awk '{print $1}' 5"),
        ("awk '{print {p}}'", "awk '{print 5}'"),
        ("${p} ${p:0:3} $p ${HOME}", "${p} ${p:0:3} $p ${HOME}"),
        ("{{p}}", "{p}"),
        ("{{p:03d}} {p:03d}", "{p:03d} 005"),
        ("{{ p }} {{other}} {%raw%}", "{{ p }} {{other}} {%raw%}"),
        ('{"a": {p}, "b": {"c":{p}}}', '{"a": 5, "b": {"c":5}}'),
        ("{{p},{p}}", "{5,5}"),
        ("for f in {1..{p}}; do :; done", "for f in {1..5}; do :; done"),
        ("{p}}{{p}", "5}{5"),
    ],
)
def test_only_names_of_parameters_are_replaced(command: str, made: str) -> None:
    (only,) = job(name="j{p}", command=command, parameters={"p": [5]})
    assert only.command == made


def test_without_parameters_nothing_is_touched() -> None:
    (only,) = job(command="echo {p} {{p}}")
    assert only.command == "echo {p} {{p}}"


def test_every_field_takes_part() -> None:
    spec = load(
        """
name: x
files: [{name: "in_{i}", path: "in/{i}.txt", parameters: {i: "1:2"}}, {name: out, path: o}]
user_data:
  - {name: "u_{i}", data: {k: ["v{i}", {n: "{i:02d}"}], "{i}": 1, n: 2}, parameters: {i: "1:2"}}
resource_requirements: [{name: r1, num_cpus: 1, memory: 1g}, {name: r2, num_cpus: 2, memory: 1g}]
failure_handlers: [{name: h1, rules: []}, {name: h2, rules: []}]
slurm_schedulers: [{name: s1, account: a}, {name: s2, account: a}]
jobs:
  - {name: "p.{i}", command: "true", parameters: {i: "1:2"}}
  - name: "j{i}"
    command: "run {i}"
    invocation_script: "with {i}"
    resource_requirements: "r{i}"
    failure_handler: "h{i}"
    scheduler: "s{i}"
    env: {N: "{i}", M: x}
    cwd: "dir{i}"
    priority: 3
    depends_on: ["p.{i}"]
    input_files: ["in_{i}"]
    output_file_regexes: ["out"]
    input_user_data: ["u_{i}"]
    parameters: {i: "1:2"}
"""
    )
    one, two = spec.jobs[2:]
    assert [file.path for file in spec.files] == ["in/1.txt", "in/2.txt", "o"]
    assert [(record.name, record.data) for record in spec.user_data] == [
        ("u_1", {"k": ["v1", {"n": "01"}], "{i}": 1, "n": 2}),
        ("u_2", {"k": ["v2", {"n": "02"}], "{i}": 1, "n": 2}),
    ]
    assert (two.name, two.command, two.invocation_script, two.cwd) == ("j2", "run 2", "with 2", "dir2")
    assert (two.resource_requirements, two.failure_handler, two.scheduler) == ("r2", "h2", "s2")
    assert (two.env, two.priority, two.depends_on) == ({"N": "2", "M": "x"}, 3, ["p.2"])
    assert (two.input_files, two.output_files, two.input_user_data) == (["in_2"], ["out"], ["u_2"])
    assert (one.env, one.depends_on) == ({"N": "1", "M": "x"}, ["p.1"])


def test_values_in_regexes_are_escaped() -> None:
    jobs = load(
        """
name: x
jobs:
  - {name: "v{v}", command: "true", parameters: {v: [1.5, "1x5"]}}
  - {name: "use{v}", command: "true", depends_on_regexes: ["^v{v}$"], parameters: {v: [1.5]}}
"""
    ).jobs
    assert jobs[2].depends_on == ["v1.5"]


def test_a_placeholder_in_a_token_is_filled_before_the_file_is_looked_up() -> None:
    jobs = load(
        """
name: x
files: [{name: "data_{i}", path: "d{i}.csv", parameters: {i: "1:2"}}]
jobs: [{name: "j{i}", command: "cat ${files.input.data_{i}}", parameters: {i: "1:2"}}]
"""
    ).jobs
    assert [(one.command, one.input_files) for one in jobs] == [("cat d1.csv", ["data_1"]), ("cat d2.csv", ["data_2"])]


def test_values_of_json_that_are_no_numbers_and_texts_become_their_json(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('[{"a": true, "b": null, "c": [1, "é"], "d": "05"}]')
    (only,) = job(command="{a} {b} {c} {d}", parameters_file=str(path))
    assert only.command == 'true null [1, "é"] 05'


def test_variables_go_into_every_text() -> None:
    spec = load(
        """
name: "demo {tag}"
description: "{n} of {tag}"
variables: {tag: v1.2, root: "/data/${USER}", n: 3, last: "1:2"}
env: {ROOT: "{root}", "{tag}": "{{tag}}"}
parameters: {i: "{last}"}
slurm_defaults: {qos: "{tag}"}
files: [{name: "{tag}.csv", path: "{root}/{tag}.csv"}]
user_data: [{name: u, data: {"{tag}": ["{n}", 1]}}]
slurm_schedulers: [{name: s, account: "acc_{tag}"}]
actions: [{trigger_type: on_workflow_start, action_type: run_commands, commands: ["echo {tag}"]}]
jobs:
  - name: "j{i}"
    command: "run {root} {i:02d} ${files.input.{tag}.csv} {other} ${tag:-x} {tag:>6}"
    input_file_regexes: ["^{tag}"]
    use_parameters: [i]
  - {name: v1x2, command: c, depends_on_regexes: ["^j.*{n}?$"]}
"""
    )
    assert (spec.name, spec.description) == ("demo v1.2", "3 of v1.2")
    assert spec.env == {"ROOT": "/data/${USER}", "{tag}": "{tag}"}
    assert spec.slurm_defaults == {"qos": "v1.2"}
    assert [(file.name, file.path) for file in spec.files] == [("v1.2.csv", "/data/${USER}/v1.2.csv")]
    assert spec.user_data[0].data == {"{tag}": ["3", 1]}
    assert spec.slurm_schedulers[0].account == "acc_v1.2"
    assert spec.actions[0].commands == ["echo v1.2"]
    assert [one.name for one in spec.jobs] == ["j1", "j2", "v1x2"]
    assert spec.jobs[1].command == "run /data/${USER} 02 /data/${USER}/v1.2.csv {other} ${tag:-x}   v1.2"
    assert spec.jobs[0].input_files == ["v1.2.csv"]


def test_a_variable_with_a_parameter_in_its_value_waits_for_it() -> None:
    (only,) = load(
        """
name: x
variables: {out: "res/{i}"}
jobs: [{name: "j{i}", command: "run {out}", parameters: {i: [4]}}]
"""
    ).jobs
    assert only.command == "run res/4"


@pytest.mark.parametrize(
    ("written", "stdio"),
    [
        ("combined", Stdio("combined")),
        ("{mode: none}", Stdio("none")),
        ("{delete_on_success: true}", Stdio("separate", True)),
        ("{mode: no_stderr, delete_on_success: true}", Stdio("no_stderr", True)),
    ],
)
def test_stdio_of_jobs_and_of_the_workflow(written: str, stdio: Stdio) -> None:
    text = f"name: x\nstdio: {written}\njobs: [{{name: a, command: b}}, {{name: b, command: c, stdio: none}}]\n"
    for given_text in (text, text.replace(f"stdio: {written}", f"execution_config: {{stdio: {written}}}")):
        plan = build_plan(load(given_text), user="me", origin=Path("/"))
        first, second = json.loads(list(plan.lines(initialize=False))[1])["items"]
        assert first["stdio"] == {
            key: value
            for key, value in (("mode", stdio.mode), ("delete_on_success", stdio.delete_on_success))
            if value not in ("separate", False)
        }
        assert second["stdio"] == {"mode": "none"}


def test_what_is_no_parameter_in_a_name_is_warned_of_when_copies_become_one() -> None:

    def warnings(name: str) -> list[str]:
        jobs = [{"name": name, "command": "echo", "parameters": {"i": "1:3"}}]
        return [str(each) for each in load_text(json.dumps({"name": "x", "jobs": jobs}), "yaml", "flow.yaml").warnings]

    (told,) = warnings("work_{j}")
    assert told.endswith("{j} is no parameter of this job; nearest: {i}")
    assert warnings("work_{j}_{i}") == warnings("work") == []
