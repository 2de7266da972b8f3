"""JSON5 and KDL: what they may say, and that the same workflow means the same in every format."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from torc_core.spec import Loaded, WorkflowSpec, load_text, load_workflow
from torc_core.spec.kdl_document import read_kdl


def load(text: str, format: str) -> WorkflowSpec:
    loaded = load_text(text, format, f"flow.{format}")
    assert loaded.errors == []
    assert loaded.spec is not None
    return loaded.spec


def errors_of(text: str, format: str) -> list[str]:
    return [str(problem) for problem in load_text(text, format, "flow").errors]


YAML = """
name: same
description: "one \\"two\\"\\nthree"
project: p
metadata: '{"a": 1}'
env: {LEVEL: debug, N: "3"}
limit_resources: false
slurm_defaults: {qos: high, exclusive: true, nice: 10}
resource_monitor: {enabled: true, granularity: time_series}
files: [{name: f, path: f.txt}, {name: g, path: 'g\\h.txt'}]
user_data: [{name: d, data: {a: [1, 2.5, null], b: "x"}, is_ephemeral: true}, {name: e}]
resource_requirements: [{name: big, num_cpus: 4, memory: 8g, num_gpus: 1}]
jobs:
  - {name: first, command: "echo 'hi'"}
  - name: second
    command: |
      cat ${files.input.f}
      true
    cancel_on_blocking_job_failure: false
    priority: -5
    env: {A: b}
    resource_requirements: big
    depends_on: [first]
    depends_on_regexes: ['^fi\\w+', 'st$']
    input_file_regexes: [g]
    output_user_data_regexes: [e]
"""
JSON5 = """// the same
{
  name: 'same', description: "one \\"two\\"\\nthree", project: 'p', metadata: '{"a": 1}',
  env: {LEVEL: 'debug', N: '3',}, limit_resources: false,
  slurm_defaults: {qos: 'high', exclusive: true, nice: +10},
  resource_monitor: {enabled: true, granularity: 'time_series'},
  files: [{name: 'f', path: 'f.txt'}, {name: 'g', path: 'g\\\\h.txt'}],
  user_data: [{name: 'd', data: {a: [1, 2.5, null], b: 'x'}, is_ephemeral: true}, {name: 'e'}],
  resource_requirements: [{name: 'big', num_cpus: 0x4, memory: '8g', num_gpus: 1}],
  jobs: [
    {name: 'first', command: "echo 'hi'"},
    {
      name: 'second', command: 'cat ${files.input.f}\\n\\
true\\n', /* a note */ cancel_on_blocking_job_failure: false, priority: -5, env: {A: 'b'},
      resource_requirements: 'big', depends_on: ['first'], depends_on_regexes: ['^fi\\\\w+', 'st$'],
      input_file_regexes: ['g'], output_user_data_regexes: ['e'],
    },
  ],
}
"""
KDL = """
// the same
name "same"; description "one \\"two\\"\\nthree"
project p
metadata #"{"a": 1}"#
env { LEVEL debug; N "3"; }
limit_resources #false
slurm_defaults {
    qos "high"
    exclusive #true
    nice 10
}
resource_monitor { enabled #true; granularity time_series; }
file "f" path="f.txt"
file "g" { path "g\\\\h.txt"; }
user_data "d" { data "{\\"a\\": [1, 2.5, null], \\"b\\": \\"x\\"}"; is_ephemeral #true; }
user_data "e"
resource_requirements "big" { num_cpus 4; memory "8g"; num_gpus 1; }
job "first" { command "echo 'hi'"; }
job "second" {
    command \"\"\"
        cat ${files.input.f}
        true

        \"\"\"
    cancel_on_blocking_job_failure #false
    priority -5
    env { A b; }
    resource_requirements "big"
    depends_on_job "first"
    depends_on_regexes #"^fi\\w+"# "st$"
    input_file_regexes "g"
    output_user_data_regexes "e"
}
"""
KDL_1 = (
    KDL.replace("#true", "true")
    .replace("#false", "false")
    .replace('#"{"a": 1}"#', 'r#"{"a": 1}"#')
    .replace('#"^fi\\w+"#', 'r"^fi\\w+"')
    .replace('"""\n        cat ${files.input.f}\n        true\n\n        """', '"cat ${files.input.f}\ntrue\n"')
)


@pytest.mark.parametrize(("text", "format"), [(JSON5, "json5"), (KDL, "kdl"), (KDL_1, "kdl")])
def test_the_same_workflow_means_the_same_in_every_format(text: str, format: str) -> None:
    assert load(text, format) == load(YAML, "yaml")


def test_version_1_of_kdl_was_really_another_text() -> None:
    assert KDL_1.count("r#") == 1
    assert KDL_1.count(" true") == 3
    assert '"""' not in KDL_1


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("env { A 1 }", {"env": {"A": 1}}),
        ("env A=1 B=x", {"env": {"A": 1, "B": "x"}}),
        ("name (type)x", {"name": "x"}),
        ("name value=x", {"name": "x"}),
        ("name #null", {"name": None}),
        ("slurm_defaults { a 1 2; b { - 1; - x }; c { d 1 }; (list)e; (map)f; g }", None),
        ("action { job a; job b; jobs c d; command x; commands y z }", None),
        ("failure_handler h { rule { exit_codes 1 2; exit_codes 3 }; rule { max_retries 1 } }", None),
        ("/-name x\nproject y /-z /-{ a }", {"project": "y"}),
        ("/* a /* b */ c */ name \\ // d\n  x", {"name": "x"}),
        ("user_data { data 5 }\nuser_data { data { a 1; b x y } }", None),
        ('user_data u { data "[1.50]" }', {"user_data": [{"name": "u", "data": [1.5]}]}),
        ("job a { input_file b; input_files c d; output_file_regexes e }", None),
        ("stdio { mode none }", {"stdio": {"mode": "none"}}),
        ("stdio none", {"stdio": "none"}),
        ('parameters { i 1 2; j "1:3"; k x; l { - a } }', None),
    ],
)
def test_nodes_become_keys(text: str, data: dict[str, Any] | None) -> None:
    expected = {
        "slurm_defaults": {"a": [1, 2], "b": [1, "x"], "c": {"d": 1}, "e": [], "f": {}, "g": None},
        "action": [{"jobs": ["a", "b", "c", "d"], "commands": ["x", "y", "z"]}],
        "failure_handler": [{"name": "h", "rules": [{"exit_codes": [1, 2, 3]}, {"max_retries": 1}]}],
        "user_data": [{"data": 5}, {"data": {"a": 1, "b": ["x", "y"]}}],
        "job": [{"name": "a", "input_files": ["b", "c", "d"], "output_file_regexes": ["e"]}],
        "parameters": {"i": [1, 2], "j": "1:3", "k": "x", "l": ["a"]},
    }
    keys = {"action": "actions", "failure_handler": "failure_handlers", "job": "jobs"}
    document = read_kdl(text, "flow.kdl")
    node = text.split(maxsplit=1)[0]
    assert document.errors == []
    assert document.warnings == []
    assert document.data == {"jobs": []} | (data or {keys.get(node, node): expected[node]})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('name "x', 'flow:1:6: no valid KDL: this text is never closed; it ends with "'),
        ('name """x"', 'flow:1:6: no valid KDL: this text is never closed; it ends with """'),
        ('name #"x"', 'flow:1:6: no valid KDL: this text is never closed; it ends with "#'),
        ('name r##"x"#', 'flow:1:6: no valid KDL: this text is never closed; it ends with "##'),
        ("name x /* y", "flow:1:8: no valid KDL: this comment is never closed; it ends with */"),
        ("name x\njob a {\n  command y\n", "flow:2:7: no valid KDL: this { is never closed"),
        ("name x\n}\n", "flow:2:1: no valid KDL: this } closes nothing"),
        (
            "name x\njob a {\n  command y\n  priority 4g\n}\n",
            "flow:4:3: no valid KDL: this node cannot be read (error parsing property or argument); "
            "quote a text that is not a plain word",
        ),
        ("name x\nname y", 'flow:2:1: the key "name" is given twice; first on line 1'),
        ("name x\nenv { A 1\n A 2 }", 'flow:3:2: the key "A" is given twice; first on line 2'),
        ("name x\nuser_data u { data \"{'a': 1}\" }", "flow:2:15: the text of data must be JSON: no valid JSON: "),
        ('name x\nuser_data u { data #"{"a": 1, "a": 2}"# }', 'flow:2:15: data: the key "a" is given twice'),
        ("job { command b }\nname x", "flow:1:1: a job has no name"),
        ("name x\njob a { command 5 }", 'flow:2:9: command must be text, not the number 5; quote it: "5"'),
        ("name 1.5", 'flow:1:1: name must be text, not the number 1.5; quote it: "1.5"'),
        ("", "flow: the file is empty; a workflow needs a name and jobs"),
        ("// nothing", "flow: the file is empty; a workflow needs a name and jobs"),
        ("project y", "flow: the workflow has no name"),
        ("name x\njob a { command { echo; } }", 'flow:2:1: job "a" has no command'),
        ("name x \\\n\njob a { command 5 }", 'flow:3:9: command must be text, not the number 5; quote it: "5"'),
        (
            "name x\njob a { command b }\njob c {\n  command d\n  depends_on a\n  depends_on_job aa a2\n}",
            'flow:6:3: depends_on "aa" names no job; nearest: "a"',
        ),
    ],
)
def test_mistakes_in_kdl_have_the_place_of_their_node(text: str, error: str) -> None:
    found = errors_of(text, "kdl")
    assert any(one.startswith(error) for one in found) if error.endswith("JSON: ") else error in found


LEFT_OUT = """\
name "x"
future "one"
future { a 1; a 2; }
jobs { a; }
user 12
slurm_defaults { qos "high"; nice #inf; }
failure_handler "h" {
    rules 1
    rule { exit_codes 3 "four" 5.0; max_retries "2"; }
}
resource_requirements "r" { num_cpus 1; memory "1g"; runtime 30; num_gpus "1"; }
job "a" supports_termination="yes" {
    command "echo" { b; }
    note "twice"
    note "twice"
}
job "b" depends_on="c" {
    command "echo" "more"
    depends_on { a; }
    depends_on "a" 5 #null
    cancel_on_blocking_job_failure "false"
    parameters { i "1:2" { a; }; }
}
"""


def test_what_torc_leaves_out_of_kdl_is_left_out_with_a_warning() -> None:
    loaded = load_text(LEFT_OUT, "kdl", "flow")
    assert loaded.errors == []
    assert [str(problem) for problem in loaded.warnings] == [
        'flow:2:1: unknown key "future" in the workflow is ignored',
        'flow:3:1: another unknown node "future" has no effect',
        'flow:4:1: jobs has no effect; write a node job "NAME" { ... } for each',
        'flow:5:1: user takes text, so 12 has no effect; quote it: "12"',
        "flow:6:30: inf has no JSON form and is read as null",
        "flow:8:5: rules has no effect; write a node rule { ... } for each",
        'flow:9:12: exit_codes takes a whole number, so "four" has no effect',
        "flow:9:12: exit_codes takes a whole number, so 5.0 has no effect",
        'flow:9:37: max_retries takes a whole number, so "2" has no effect; write it without quotes',
        'flow:11:54: runtime takes text, so 30 has no effect; quote it: "30"',
        'flow:11:66: num_gpus takes a whole number, so "1" has no effect; write it without quotes',
        'flow:12:1: supports_termination takes #true or #false, so "yes" has no effect',
        "flow:13:5: the block of command has no effect; it takes a value",
        'flow:14:5: unknown key "note" in job "a" is ignored',
        'flow:15:5: another unknown node "note" has no effect',
        "flow:17:1: depends_on beside job has no effect, as it is in the block, too",
        "flow:18:5: command takes one value; the others are ignored",
        "flow:19:5: the block of depends_on has no effect; it takes a value",
        'flow:20:5: depends_on takes text, so 5 has no effect; quote it: "5"',
        'flow:21:5: cancel_on_blocking_job_failure takes #true or #false, so "false" has no effect',
        "flow:22:18: the block of i has no effect; it takes a value",
    ]
    read = """
name: x
slurm_defaults: {qos: high, nice: null}
failure_handlers: [{name: h, rules: [{exit_codes: [3]}]}]
resource_requirements: [{name: r, num_cpus: 1, memory: 1g}]
jobs:
  - {name: a, command: echo}
  - {name: b, command: echo, depends_on: [a], parameters: {i: "1:2"}}
"""
    assert loaded.spec == load(read, "yaml")
    strict = load_text(LEFT_OUT, "kdl", "flow", strict=True)
    assert len(strict.errors) == len(loaded.warnings)


def test_an_unknown_node_with_a_block_is_an_unknown_key_too() -> None:
    text = 'name x\nfuture { - a; - b; }\nplace "here" { b 1; }\njob a { command b; later { c 1; } }'
    loaded = load_text(text, "kdl", "flow")
    assert loaded.errors == []
    assert [problem.message for problem in loaded.warnings] == [
        'unknown key "future" in the workflow is ignored',
        'unknown key "place" in the workflow is ignored',
        'unknown key "later" in job "a" is ignored',
    ]


def test_unknown_nodes_are_unknown_keys() -> None:
    loaded = load_text("name x\njob a {\n  command b\n  dependson c\n}\njob d e { command f g }", "kdl", "flow")
    assert [str(problem) for problem in loaded.warnings] == [
        'flow:4:3: unknown key "dependson" in job "a" is ignored; nearest: "depends_on"',
        "flow:6:1: job: the value 'e' means nothing here",
        "flow:6:11: command takes one value; the others are ignored",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{name: 'x',, jobs: [{name: j, command: c}]}", 'flow:1:13: no valid JSON5: Unexpected " "'),
        ("{name: 'x'\n jobs: [{name: j, command: c}]}", 'flow:2:2: no valid JSON5: Unexpected "j"'),
        ("{name: 'x\n'}", "flow:1:10: no valid JSON5: Unexpected end of line"),
        ("{name: 'x'", "flow:1:11: no valid JSON5: Unexpected end of input"),
        (
            "{name: NaN, jobs: [{name: 'j', command: 'c'}]}",
            "flow:1:8: NaN has no JSON form; write a number, a text or null",
        ),
        ("{name: 'x', jobs: [{name: 'j', command: 'c'}],\n name: 'y'}", 'flow:2:2: the key "name" is given twice'),
        ("// c\n", "flow:2:1: no valid JSON5: Unexpected end of input"),
        ("{\n  // a job\n  jobs: [{name: 'a'}], name: 'x',\n}", 'flow:3:10: job "a" has no command'),
        (
            "{name: 'x', jobs: [{name: 'a', command: 'b',\n  'depends_on': ['c', /* no */ 'd\\'e']}]}",
            'flow:2:18: depends_on "c" names no job',
        ),
        (
            "{name: 'x', jobs: [{name: 'j', command: 'c'}], project: +1.50}",
            "flow:1:57: project must be text, not the number 1.50; quote it: ",
        ),
    ],
)
def test_mistakes_in_json5_have_line_and_column(text: str, error: str) -> None:
    assert errors_of(text, "json5")[0].startswith(error)


def test_json5_may_nest_as_deep_as_json() -> None:
    data: Any = 1
    for _ in range(95):
        data = [data]
    text = json.dumps(
        {"name": "x", "jobs": [{"name": "j", "command": "c"}], "user_data": [{"name": "d", "data": data}]}
    )
    assert load("// a comment\n" + text, "json5").user_data[0].data == data


@pytest.mark.parametrize("format", ["json5", "kdl", ""])
@pytest.mark.parametrize("text", ["[" * 100_000, "a{" * 100_000, '{"a":' * 100_000, "// c\n" + "[" * 100_000])
def test_deep_nesting_is_one_error(text: str, format: str) -> None:
    loaded = load_text(text, format, "flow")
    assert loaded.spec is None
    assert len(loaded.errors) == 1


def _messages(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.errors]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (YAML, None),
        (JSON5, None),
        (KDL, None),
        ("{name: x, jobs: [{name: j, command: c}]}", None),
        ('{"name": "x", "jobs": [{"name": "j", "command": "c"}]}', None),
        ("", "the file is empty"),
        ("hello", "a workflow is a mapping"),
        ("{name: 'x'", "no valid JSON5"),
        ("name: [x", "no valid YAML"),
    ],
)
def test_the_text_tells_its_format_where_nothing_else_does(tmp_path: Path, text: str, error: str | None) -> None:
    path = tmp_path / "flow.txt"
    path.write_text(text)
    loaded = load_workflow(path)
    if error is None:
        assert loaded.errors == []
    else:
        (problem,) = loaded.errors
        assert error in problem.message


def test_a_workflow_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    for text, format in ((YAML, None), (KDL, "kdl"), (JSON5, "json5"), (KDL, None)):
        given(text)
        assert load_workflow("-", format=format).spec == load(YAML, "yaml")
    given("name: x\njobs: 5\n")
    assert _messages(load_workflow("-")) == ["<stdin>:2:7: jobs must be a list, not the number 5"]
    given("name: x\n")
    assert _messages(load_workflow("-", format="json")) == [
        "<stdin>:1:1: no valid JSON: Expecting value",
    ]
