"""The same workflow in other formats: what is written means what was read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from tests.spec.workflows import GENERATED, WORKFLOWS
from torc_core.cli.main import main
from torc_core.spec import Loaded, load_text, load_workflow
from torc_core.spec.actions import ACTION_KEYS
from torc_core.spec.build import FILE_KEYS, JOB_KEYS, MONITOR_KEYS, REQUIREMENTS_KEYS, USER_DATA_KEYS, WORKFLOW_KEYS
from torc_core.spec.convert import TARGETS, convert
from torc_core.spec.document import Document
from torc_core.spec.handlers import HANDLER_KEYS, RULE_KEYS
from torc_core.spec.reading import read_document
from torc_core.spec.schedulers import SCHEDULER_KEYS


def written(data: Any) -> Document:
    return read_document(json.dumps(data), "json", "flow")


def said(loaded: Loaded) -> tuple[Any, list[str]]:
    """The workflow, or what is wrong with it, without places."""
    messages = [problem.message.partition("; first at ")[0] for problem in (*loaded.errors, *loaded.warnings)]
    return loaded.spec, sorted(messages)


def test_every_key_is_generated() -> None:
    assert {
        "workflow": set(WORKFLOW_KEYS),
        "job": set(JOB_KEYS),
        "file": set(FILE_KEYS),
        "user_data": set(USER_DATA_KEYS),
        "resource_requirements": set(REQUIREMENTS_KEYS),
        "failure_handler": set(HANDLER_KEYS),
        "rule": set(RULE_KEYS),
        "slurm_scheduler": set(SCHEDULER_KEYS),
        "action": set(ACTION_KEYS),
        "resource_monitor": set(MONITOR_KEYS),
        "execution_config": {"stdio", "limit_resources"},
    } == GENERATED


def without_empty_lists(data: dict[str, Any]) -> dict[str, Any]:
    """KDL has no way to tell an empty list of a job from none."""
    return data | {"jobs": [{key: value for key, value in job.items() if value != []} for job in data["jobs"]]}


@settings(max_examples=80)
@given(WORKFLOWS)
def test_any_workflow_survives_all_formats(data: dict[str, Any]) -> None:
    text = convert(written(data), "yaml")
    original = without_empty_lists(read_document(text, "yaml", "flow").data)
    result = said(load_text(json.dumps(data), "json", "flow"))
    for format, target in (("yaml", "json5"), ("json5", "kdl"), ("kdl", "yaml"), ("yaml", "json"), ("json", "json")):
        document = read_document(text, format, "flow")
        assert (document.errors, document.warnings) == ([], [])
        assert without_empty_lists(document.data) == original
        assert said(load_text(text, format, "flow")) == result
        text = convert(document, target)


@pytest.mark.parametrize("target", TARGETS)
def test_keys_are_written_in_the_order_of_the_documentation(target: str) -> None:
    document = read_document(
        'action { command "x-action"; }\njob "x-job" { command "true"; }\n'
        'resource_requirements "x-requirements" { memory "1g"; }\nfile "x-file" path="p"\n'
        'parameters { n "x-parameter"; }\ndescription "x-description"\nname "x-name"\n',
        "kdl",
        "flow",
    )
    marks = re.findall("x-[a-z]+", convert(document, target))
    assert marks == ["x-name", "x-description", "x-parameter", "x-file", "x-requirements", "x-job", "x-action"]


def test_a_script_has_no_empty_line_at_its_end_in_kdl() -> None:
    job = {"name": "a", "command": "date\n\nhostname\n"}
    text = convert(written({"name": "x", "jobs": [job]}), "kdl")
    assert text.splitlines()[4:8] == ["        date", "", "        hostname\\n", '        """']
    assert read_document(text, "kdl", "flow").data["jobs"] == [job]


def test_texts_that_look_like_something_else_stay_texts() -> None:
    words = [
        "yes",
        "1e3",
        "0o17",
        "010",
        "1_000",
        "~",
        "null",
        "True",
        "=",
        "<<",
        "1:10",
        "2024-01-15",
        ".5",
        "",
        " a",
        "- b",
    ]
    text = convert(written({"name": "x", "jobs": [{"name": "j", "command": "c", "depends_on": words}]}), "yaml")
    assert read_document(text, "yaml", "flow").data["jobs"][0]["depends_on"] == words
    assert yaml.safe_load(text)["jobs"][0]["depends_on"] == words


def test_numbers_in_environments_are_written_as_their_text() -> None:
    text = "name: x\nvariables: {v: 1.50}\nenv: {A: 1.10, B: 0x1F, C: True}\n"
    text += "jobs: [{name: a, command: b, env: {D: 1e3}}]\n"
    document = read_document(text, "yaml", "flow")
    for target in ("json", "json5", "kdl", "yaml"):
        data = read_document(convert(document, target), target, "flow").data
        assert data["env"] == {"A": "1.10", "B": "0x1F", "C": "True"}
        assert (data["variables"], data["jobs"][0]["env"]) == ({"v": "1.50"}, {"D": "1e3"})


def test_what_is_written_reads_well() -> None:
    document = read_document(
        """
name: demo   # a comment
jobs:
  - &first
    name: first
    command: |
      echo "one"
      echo two \\
    depends_on: &others [a, b]
  - {name: second, command: c, depends_on: *others, parameters: {i: "1:3", j: [x]}}
""",
        "yaml",
        "flow",
    )
    assert (
        convert(document, "yaml", "flow.json")
        == """# Made from flow.json by torc convert
name: demo
jobs:
- name: first
  command: |
    echo "one"
    echo two \\
  depends_on: [a, b]
- name: second
  command: c
  depends_on: [a, b]
  parameters:
    i: '1:3'
    j: [x]
"""
    )
    assert (
        convert(document, "kdl", "flow.yaml")
        == '''// Made from flow.yaml by torc convert
name "demo"

job "first" {
    command """
        echo "one"
        echo two \\\\\\n
        """
    depends_on "a"
    depends_on "b"
}

job "second" {
    command "c"
    depends_on "a"
    depends_on "b"
    parameters {
        i "1:3"
        j {
            - "x"
        }
    }
}
'''
    )
    assert convert(document, "json5").startswith('{\n  name: "demo",\n  jobs: [\n')
    assert json.loads(convert(document, "json"))["jobs"][1]["parameters"] == {"i": "1:3", "j": ["x"]}


def test_the_command_writes_to_standard_output_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text("name: x\njobs: [{name: a, command: b}]\n")
    assert main(["convert", str(flow), "--to", "kdl"]) == 0
    shown = capsys.readouterr().out
    assert shown == '// Made from flow.yaml by torc convert\nname "x"\n\njob "a" {\n    command "b"\n}\n'
    assert main(["convert", str(flow), "--to", "JSON5", "-o", str(tmp_path / "flow.json5")]) == 0
    assert capsys.readouterr().out == ""
    assert load_workflow(tmp_path / "flow.json5").spec == load_workflow(flow).spec


GOOD = "name: x\njobs: [{name: j, command: c}]\n"
REFUSALS = [
    ("name: x\n", "o.kdl", "flow.yaml has 1 error; nothing was written"),
    ("name: [\n", "o.kdl", "flow.yaml has 1 error; nothing was written"),
    (GOOD, "no/such/o.kdl", "o.kdl cannot be written: No such file or directory"),
    (GOOD, "flow.yaml", "flow.yaml is the file itself; name another one"),
]


@pytest.mark.parametrize(("text", "output", "error"), REFUSALS)
def test_the_command_says_why_it_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, output: str, error: str
) -> None:
    flow = tmp_path / "flow.yaml"
    flow.write_text(text)
    assert main(["convert", str(flow), "--to", "kdl", "-o", str(tmp_path / output)]) == 2
    assert capsys.readouterr().err.endswith(f"{error}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["flow.yaml"]
    assert flow.read_text() == text
