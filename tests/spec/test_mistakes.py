"""Every mistake is reported with its place and the way out, all of a file together."""

import json
from pathlib import Path

import pytest

from tests.spec.good_workflow import GOOD, written
from torc_core.errors import InputError
from torc_core.spec import Loaded, load_text, load_workflow, require_workflow


def _cases() -> list[tuple[str, str, list[str], list[str]]]:
    cases = []
    for section in Path(__file__).with_name("mistakes.txt").read_text().split("#### ")[1:]:
        title, _, rest = section.partition("\n")
        lines = rest.rstrip("\n").split("\n")
        text = "".join(f"{line}\n" for line in lines if not line.startswith("=> "))
        errors = [line.removeprefix("=> error: ") for line in lines if line.startswith("=> error: ")]
        warnings = [line.removeprefix("=> warning: ") for line in lines if line.startswith("=> warning: ")]
        cases.append((title, text, errors, warnings))
    return cases


CASES = _cases()


@pytest.mark.parametrize(("text", "errors", "warnings"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_yaml_file_with_mistakes(text: str, errors: list[str], warnings: list[str]) -> None:
    loaded = load_text(text, "yaml", "flow.yaml")
    assert [str(problem) for problem in loaded.errors] == errors
    assert [str(problem) for problem in loaded.warnings] == warnings
    assert (loaded.spec is None) == bool(errors)


JSON_CASES = [
    ("empty", "", "flow.json: the file is empty; a workflow needs a name and jobs"),
    ("blank", " \n", "flow.json: the file is empty; a workflow needs a name and jobs"),
    ("list", "[]", "flow.json:1:1: a workflow is a mapping with name and jobs, not a list"),
    ("comma", '{"name": "x",\n "jobs": [{"name": "j", "command": "c"}],}', "flow.json:2:42: no valid JSON: "),
    ("comment", '{"name": "x", // n\n "jobs": [{"name": "j", "command": "c"}]}', "flow.json:1:15: no valid JSON: "),
    ("open", '{"name": "x"', "flow.json:1:13: no valid JSON: "),
    ("two", '{"name": "x", "jobs": [{"name": "j", "command": "c"}]} {}', "flow.json:1:56: no valid JSON: "),
    (
        "NaN",
        '{"name": NaN, "jobs": [{"name": "j", "command": "c"}]}',
        "flow.json:1:10: NaN has no JSON form; write a number, a text or null",
    ),
    (
        "key twice",
        '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "name": "y"}',
        'flow.json:1:56: the key "name" is given twice',
    ),
    (
        "key twice, deep",
        '{"name": "x", "jobs": [{"name": "a", "command": "b", "env": {"A": "1", "A": "2"}}]}',
        'flow.json:1:72: the key "A" is given twice',
    ),
    (
        "unknown job",
        '{"name": "x", "jobs": [{"name": "prep", "command": "b"},'
        ' {"name": "c", "command": "d", "depends_on": ["prpe"]}]}',
        'flow.json:1:103: depends_on "prpe" names no job; nearest: "prep"',
    ),
    (
        "number as text",
        '{"name": "x", "jobs": [{"name": "a", "command": 1.10}]}',
        'flow.json:1:49: command must be text, not the number 1.10; quote it: "1.10"',
    ),
    (
        "memory",
        '{"name": "x", "jobs": [{"name": "j", "command": "c"}],'
        ' "resource_requirements": [{"name": "r", "num_cpus": 1, "memory": "4gb"}]}',
        'flow.json:1:121: memory "4gb" is not a form that torc reads; write 4g',
    ),
    (
        "job twice",
        '{"name": "x", "jobs": [{"name": "a", "command": "b"}, {"name": "a", "command": "c"}]}',
        'flow.json:1:64: job "a" exists twice, with different command: "b" and "c"; first at line 1',
    ),
    (
        "cycle",
        '{"name": "x", "jobs": [{"name": "a", "command": "b", "depends_on": ["a"]}]}',
        "flow.json:1:33: cycle: a -> a",
    ),
    (
        "surrogate",
        '{"name": "x", "jobs": [{"name": "a", "command": "\\ud800"}]}',
        "flow.json:1:49: command contains half of a surrogate pair, which is no character",
    ),
    (
        "surrogate in data",
        '{"name": "x", "jobs": [{"name": "j", "command": "c"}],'
        ' "user_data": [{"name": "d", "data": {"k": ["\\udfff"]}}]}',
        "flow.json:1:99: data.k[0] contains half of a surrogate pair, which is no character",
    ),
    (
        "number without end",
        '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "user_data": [{"name": "d", "data": 1e999}]}',
        "flow.json:1:92: data is too large for a number; quote it",
    ),
]


@pytest.mark.parametrize(("text", "error"), [case[1:] for case in JSON_CASES], ids=[case[0] for case in JSON_CASES])
def test_a_json_file_with_a_mistake(text: str, error: str) -> None:
    (problem,) = load_text(text, "json", "flow.json").errors
    if error.endswith("no valid JSON: "):
        assert str(problem).startswith(error)
    else:
        assert str(problem) == error


def test_json_names_all_mistakes_by_line_and_column() -> None:
    text = '{"name": 1,\n "jobs": [{"name": "a"},\n  {"command": "b", "flag": 1}],\n "priority": 1}'
    loaded = load_text(text, "json", "flow.json")
    assert [problem.where for problem in loaded.errors] == [
        "flow.json:1:10",
        "flow.json:2:11",
        "flow.json:3:3",
    ]
    assert [problem.where for problem in loaded.warnings] == ["flow.json:3:20", "flow.json:4:2"]


@pytest.mark.parametrize("format", ["json", "json5", "kdl"])
def test_places_are_looked_up_only_when_there_is_something_to_say(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_text: str) -> None:
        raise LookupError

    monkeypatch.setattr("torc_core.spec.json_document.JsonPlaces", look)
    monkeypatch.setattr("torc_core.spec.kdl_document.node_places", look)
    assert load_text(written(GOOD, format), format, "flow").errors == []
    with pytest.raises(LookupError):
        load_text(written(GOOD | {"name": 12}, format), format, "flow")


def _only_error(loaded: Loaded) -> str:
    assert loaded.spec is None
    (problem,) = loaded.errors
    assert "\n" not in str(problem)
    return str(problem)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    assert _only_error(load_workflow(path)) == f"{path}: no such file"


def test_a_directory(tmp_path: Path) -> None:
    assert _only_error(load_workflow(tmp_path)) == (
        f"{tmp_path}: this is a directory; name a workflow file (.yaml, .yml, .json, .json5, .kdl)"
    )


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "flow.yaml"
    assert _only_error(load_workflow(path)) == f"{path}: cannot be read: Not a directory"


def test_a_format_that_does_not_exist() -> None:
    message = _only_error(load_text("name: x\njobs: [{name: j, command: c}]\n", "toml", "flow"))
    assert message == "flow: the format toml is not supported; one of yaml, yml, json, json5, kdl is"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_bytes(b"name: x\njobs: [{name: j, command: c}]\nproject: caf\xe9\n")
    assert _only_error(load_workflow(path)) == f"{path}: not UTF-8 text: byte 0xe9 in line 3; save it as UTF-8"


@pytest.mark.parametrize("text", ["", "# nothing here\n", "\ufeff"])
def test_an_empty_yaml_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(text)
    assert _only_error(load_workflow(path)) == f"{path}: the file is empty; a workflow needs a name and jobs"


def test_a_character_that_yaml_does_not_allow() -> None:
    loaded = load_text("name: é\njobs: [{name: j, command: c}] # é \x07\n", "yaml", "flow.yaml")
    assert _only_error(loaded) == (
        "flow.yaml:2:35: the character U+0007 is not allowed in YAML; write it as an escape in double quotes"
    )


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("yaml", "name: x\njobs: " + "[" * 100_000),
        ("yaml", "name: x\njobs: " + "[" * 900 + "]" * 900),
        ("yaml", "- " * 100_000),
        ("json", "[" * 100_000),
        (
            "json",
            '{"name": "x", "jobs": [{"name": "j", "command": "c"}], "user_data": [{"name": "d", "data": '
            + "[" * 150
            + "]" * 150
            + "}]}",
        ),
        ("json", '{"a":' * 100_000),
    ],
)
def test_deep_nesting_is_one_error(format: str, text: str) -> None:
    assert "nest" in _only_error(load_text(text, format, "flow"))


def test_aliases_cannot_multiply_without_bound() -> None:
    lines = [
        "name: x",
        "jobs: [{name: j, command: c}]",
        "user_data:",
        "  - name: d",
        "    data:",
        "      a0: &a0 [x, x, x, x, x, x, x, x, x]",
    ]
    lines += [f"      a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    message = _only_error(load_text("\n".join(lines), "yaml", "flow.yaml"))
    assert message.startswith("flow.yaml: aliases make ")
    assert message.endswith("; write it without so many aliases")


def test_unknown_keys_are_errors_when_strict() -> None:
    text = "name: x\njobs:\n  - {name: a, command: b, comand: c}\n"
    assert load_text(text, "yaml", "flow.yaml").spec is not None
    assert _only_error(load_text(text, "yaml", "flow.yaml", strict=True)) == (
        'flow.yaml:3:27: unknown key "comand" in job "a"; nearest: "command"'
    )


TOKENS = [
    ("${files.input.dta}", True, 'names no file; nearest: "data"'),
    ("${files.output.zzz}", False, "names no file and stays as it is"),
    ("${files.input.part_1}", False, 'names no file and stays as it is; nearest: "part_{i}"'),
    ("${files.data}", False, "is not replaced; write ${files.input.data} or ${files.output.data}"),
    ("${user_data.input.zzz}", False, "names no user_data record and stays as it is"),
    (
        "${user_data.input.later}",
        False,
        "stays as it is: the record has no data; name it under input_user_data instead",
    ),
]


@pytest.mark.parametrize(("token", "misspelt", "message"), TOKENS, ids=[case[0] for case in TOKENS])
def test_a_token_with_nothing_to_insert_stays_unless_it_is_misspelt(token: str, misspelt: bool, message: str) -> None:
    text = f"""
name: x
files: [{{name: data, path: p}}, {{name: "part_{{i}}", path: q}}]
user_data: [{{name: later}}]
jobs: [{{name: a, command: "cat {token}"}}]
"""
    strict = load_text(text, "yaml", "flow", strict=True)
    assert _only_error(strict) == f"flow:5:27: {token} {message}"
    loaded = load_text(text, "yaml", "flow")
    if misspelt:
        assert loaded.errors == strict.errors
        return
    assert (loaded.errors, loaded.warnings) == ([], strict.errors)
    assert [warning.ignored for warning in loaded.warnings] == [True]
    assert loaded.spec is not None
    (job,) = loaded.spec.jobs
    assert (job.command, job.input_files, job.output_files, job.input_user_data) == (f"cat {token}", [], [], [])


def test_the_same_mistake_in_many_jobs_is_one_line() -> None:
    jobs = [{"name": f"job_{n}", "command": "true", "depends_on": [f"jbo_{n}"]} for n in range(5000)]
    loaded = load_text(json.dumps({"name": "x", "jobs": jobs}), "json", "flow.json")
    (error,) = loaded.errors
    assert error.message == 'depends_on "jbo_0" names no job; nearest: "job_0" (and 4,999 more like this)'


def test_up_to_twenty_are_told_one_by_one_beside_others() -> None:
    jobs = [{"name": f"job_{n}", "command": "true", "comand": n} for n in range(20)]
    some = load_text(json.dumps({"name": "x", "jobs": jobs, "priority": 1}), "json", "flow.json")
    assert len(some.warnings) == 21
    jobs.append({"name": "last", "command": "true", "comand": 1})
    many = load_text(json.dumps({"name": "x", "jobs": jobs, "priority": 1}), "json", "flow.json")
    assert [problem.message for problem in many.warnings] == [
        'unknown key "comand" in job "job_0" is ignored; nearest: "command" (and 20 more like this)',
        'unknown key "priority" in the workflow is ignored',
    ]
    assert all(problem.ignored for problem in many.warnings)


def test_require_workflow_raises_every_problem_on_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("name: 1\njobs:\n  - name: a\n")
    with pytest.raises(InputError) as caught:
        require_workflow(path)
    assert str(caught.value).split("\n") == [
        f'{path}:1:7: name must be text, not the number 1; quote it: "1"',
        f'{path}:3:5: job "a" has no command',
    ]
