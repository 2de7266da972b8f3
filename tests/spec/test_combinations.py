"""Which combinations of parameters there are: products, zips, tables, copies of one name, and their dependencies."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.sweeps import job, load
from torc_core.spec import build_plan, load_text, load_workflow


def test_the_first_parameter_varies_slowest_and_jobs_stay_in_their_place() -> None:
    jobs = load(
        """
name: x
parameters: {c: [x, y], b: [1, 2]}
jobs:
  - {name: first, command: c}
  - {name: "a{b}{c}", command: c, use_parameters: [b, c]}
  - {name: "z{b}{a}", command: c, parameters: {b: [2, 1], a: [8, 9]}}
  - {name: last, command: c}
"""
    ).jobs
    names = ["first", "a1x", "a1y", "a2x", "a2y", "z28", "z29", "z18", "z19", "last"]
    assert [one.name for one in jobs] == names


def test_zip_takes_values_by_position() -> None:
    found = job(name="{a}{b:02d}", parameters={"a": ["x", "y"], "b": "5:6"}, parameter_mode="zip")
    assert [one.name for one in found] == ["x05", "y06"]
    assert [one.name for one in job(name="{a}", parameters={"a": "1:2"}, parameter_mode="zip")] == ["1", "2"]


def test_own_parameters_win_and_empty_ones_mean_none() -> None:
    jobs = load(
        """
name: x
parameters: {i: "1:3", j: "1:2"}
jobs:
  - {name: "own{i}", command: c, parameters: {i: [7]}, use_parameters: [i]}
  - {name: "none{i}", command: c, parameters: {}, use_parameters: [i]}
  - {name: "not{i}", command: c}
  - {name: "some{j}{i}", command: c, use_parameters: [j]}
"""
    ).jobs
    assert [one.name for one in jobs] == ["own7", "none{i}", "not{i}", "some1{i}", "some2{i}"]


def test_copies_of_one_name_become_one_with_all_their_dependencies() -> None:
    spec = load(
        """
name: sweep
parameters: {lr: "[0.0001,0.001,0.01]", bs: [16, 32], opt: "['adam','sgd']"}
files: [{name: "m_{lr:.4f}_{bs}_{opt}", path: "m/{lr}_{bs}_{opt}", use_parameters: [lr, bs, opt]}]
jobs:
  - name: "train_{lr:.4f}_{bs}_{opt}"
    command: "train --lr={lr} > ${files.output.m_{lr:.4f}_{bs}_{opt}}"
    use_parameters: [lr, bs, opt]
  - name: aggregate
    command: "true"
    depends_on: ["train_{lr:.4f}_{bs}_{opt}"]
    input_files: ["m_{lr:.4f}_{bs}_{opt}"]
    depends_on_regexes: ["^train_{lr:.4f}"]
    use_parameters: [lr, bs, opt]
  - {name: after, command: "true", depends_on: [aggregate]}
"""
    )
    assert len(spec.jobs) == 14
    aggregate = spec.jobs[12]
    trained = [one.name for one in spec.jobs[:12]]
    assert trained[:3] == ["train_0.0001_16_adam", "train_0.0001_16_sgd", "train_0.0001_32_adam"]
    assert aggregate.depends_on == trained
    assert aggregate.input_files == [file.name for file in spec.files]
    assert spec.jobs[0].command == "train --lr=0.0001 > m/0.0001_16_adam"
    plan = build_plan(spec, user="me", origin=Path("/"))
    assert [len(stage) for stage in plan.stages()] == [12, 1, 1]
    assert (plan.summary()["job_count_before_expansion"], plan.summary()["job_count"]) == (3, 14)
    assert (plan.summary()["file_count_before_expansion"], plan.summary()["file_count"]) == (1, 12)


def test_copies_merge_for_each_name() -> None:
    jobs = load(
        """
name: x
jobs:
  - {name: "a_{d}_{t}", command: c, parameters: {d: [u, v], t: "1:2"}}
  - {name: "report_{d}", command: "report {d}", depends_on: ["a_{d}_{t}"], parameters: {t: "1:2", d: [u, v]}}
"""
    ).jobs
    assert [(one.name, one.depends_on) for one in jobs[4:]] == [
        ("report_u", ["a_u_1", "a_u_2"]),
        ("report_v", ["a_v_1", "a_v_2"]),
    ]


def test_files_and_user_data_of_one_name_become_one() -> None:
    spec = load(
        """
name: x
jobs: [{name: j, command: c}]
files: [{name: "f{i}", path: "p{i}", parameters: {i: "1:2", j: "1:3"}}]
user_data: [{name: same, data: [1], parameters: {i: "1:2"}}]
"""
    )
    assert [file.name for file in spec.files] == ["f1", "f2"]
    assert [record.name for record in spec.user_data] == ["same"]


def test_many_jobs_that_wait_for_many_share_a_barrier() -> None:
    spec = load(
        """
name: x
jobs:
  - {name: "a{i}", command: c, parameters: {i: "1:100"}}
  - {name: "b{i}", command: c, depends_on_regexes: ["^a"], depends_on: [a1, z], parameters: {i: "1:100"}}
  - {name: z, command: c}
"""
    )
    (barrier,) = spec.barriers
    assert barrier.members == [f"a{n}" for n in range(1, 101)]
    assert {(one.barrier, tuple(one.depends_on)) for one in spec.jobs if one.name[0] == "b"} == {(0, ("z",))}
    plan = build_plan(spec, user="me", origin=Path("/"))
    assert [len(stage) for stage in plan.stages()] == [101, 100]
    lines = [json.loads(line) for line in plan.lines(initialize=False)]
    assert [line["kind"] for line in lines] == ["workflow", "jobs", "barriers", "jobs", "end"]
    assert lines[0]["barriers"] == 1
    assert [one["name"] for one in lines[1]["items"]] == [*barrier.members, "z"]
    assert lines[2]["items"] == [{"parents": [[0, 99]]}]
    assert {(tuple(one["barriers"]), tuple(one["depends_on"])) for one in lines[3]["items"]} == {((0,), (100,))}


def test_a_job_that_its_own_regex_finds_waits_for_the_others() -> None:
    spec = load(
        """
name: x
jobs:
  - {name: "a{i}", command: c, parameters: {i: "1:600"}}
  - {name: a_end, command: c, depends_on_regexes: ["^a"]}
  - {name: also, command: c, depends_on_regexes: ["^a[0-9]"]}
"""
    )
    assert spec.jobs[600].depends_on == [*(f"a{n}" for n in range(1, 601)), "also"]
    assert len(spec.jobs[601].depends_on) == 600


def test_a_cycle_through_a_barrier_is_found() -> None:
    loaded = load_text(
        """
name: x
jobs:
  - {name: "a{i}", command: c, parameters: {i: "1:100"}}
  - {name: a_last, command: c, depends_on: [b1]}
  - {name: "b{i}", command: c, depends_on_regexes: ["^a"], parameters: {i: "1:100"}}
""",
        "yaml",
        "flow.yaml",
    )
    assert [str(problem) for problem in loaded.errors] == [
        'flow.yaml:5:12: cycle: a_last -> b1 (through regex "^a") -> a_last'
    ]


CSV = "model, lr ,n\nresnet,0.001,01\n\n'v,t',1e-4,\"2\"\n".replace("'v,t'", '"v,t"')
TABLES = {
    "t.csv": CSV,
    "t.json": json.dumps([{"model": "resnet", "lr": 0.001, "n": 1}, {"model": "v,t", "lr": 1e-4, "n": 2}]),
    "t.jsonl": '{"model": "resnet", "lr": 0.001, "n": 1}\n\n{"n": 2, "model": "v,t", "lr": 0.0001}\n',
    "t.ndjson": '\ufeff{"model": "resnet", "lr": 0.001, "n": 1}\n{"model": "v,t", "lr": 0.0001, "n": 2}',
}


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_are_combinations(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TABLES[name])
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        f"name: x\njobs:\n  - {{name: 'j_{{n:02d}}', command: 'run {{model}} {{lr}}', parameters_file: {name}}}\n"
    )
    loaded = load_workflow(flow)
    assert loaded.errors == []
    assert loaded.spec is not None
    assert [(one.name, one.command) for one in loaded.spec.jobs] == [
        ("j_01", "run resnet 0.001"),
        ("j_02", "run v,t 0.0001"),
    ]


def test_a_table_may_be_shared_and_is_looked_for_here_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "t.csv").write_text("i\n1\n2\n")
    (tmp_path / "there" / "t.csv").write_text("i\n3\n")
    monkeypatch.chdir(tmp_path / "here")
    text = """
name: x
parameters_file: t.csv
files: [{name: "f{i}", path: "{i}", use_parameters_file: true}]
jobs:
  - {name: "j{i}", command: c, output_files: ["f{i}"], use_parameters_file: true}
  - {name: "one{i}", command: c}
"""
    spec = load(text, folder=str(tmp_path / "there"))
    assert [one.name for one in spec.jobs] == ["j1", "j2", "one{i}"]
    assert [file.name for file in spec.files] == ["f1", "f2"]
    (tmp_path / "here" / "t.csv").unlink()
    assert [one.name for one in load(text, folder=str(tmp_path / "there")).jobs] == ["j3", "one{i}"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("t.csv", "", "the table has no rows"),
        ("t.csv", "a,b\n", "the table has no rows"),
        ("t.csv", "a,b\n1,2\n3\n", "line 3 has 1 cells, the header 2"),
        ("t.csv", "a,a\n1,2\n", "line 1 names a column twice"),
        ("t.csv", 'a,b\n1,"2\n', "line 2: unexpected end of data"),
        ("t.csv", "a b\n1\n", '"a b" cannot be the name of a parameter'),
        ("t.csv", "a,\n1,2\n", '"" cannot be the name of a parameter'),
        ("t.json", "{", "no valid JSON: "),
        ("t.json", "{}", "a table in JSON is a list of objects"),
        ("t.json", "[]", "the table has no rows"),
        ("t.json", "[1]", "row 1 is no object"),
        (
            "t.json",
            '[{"a": 1}, {"b": 1}]',
            'row 2 differs from the first in the key "a"; every row needs the same keys',
        ),
        ("t.jsonl", '{"a": 1}\n[', "line 2: no valid JSON: "),
        ("t.json", b"\xff", "it is not UTF-8 text"),
        ("t.json", None, "no such file"),
    ],
)
def test_mistakes_in_tables(tmp_path: Path, name: str, content: str | bytes | None, fault: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    text = f"name: x\njobs:\n  - {{name: 'j{{a}}', command: c, parameters_file: {path}}}\n"
    (problem,) = load_text(text, "yaml", "flow.yaml").errors
    assert str(problem).startswith(f'flow.yaml:3:49: parameters_file "{path}": {fault}')


NAME = st.sampled_from(["a", "b", "c"])
VALUES = st.lists(st.integers(-3, 12) | st.sampled_from(["x", "y", "z z", "1.5"]), min_size=1, max_size=4, unique=True)


@given(st.dictionaries(NAME, VALUES, min_size=1), st.lists(NAME, max_size=3))
def test_copies_are_what_a_loop_would_make(parameters: dict[str, list[Any]], in_name: list[str]) -> None:
    used = [name for name in dict.fromkeys(in_name) if name in parameters]
    shown = "|".join(f"{{{name}}}" for name in used)
    text = json.dumps(
        {
            "name": "x",
            "files": [{"name": json.dumps(v), "path": "p"} for v in {str(v) for vs in parameters.values() for v in vs}],
            "jobs": [
                {
                    "name": f"j{shown}",
                    "command": f"run {shown}",
                    "input_files": [f'"{{{name}}}"' for name in parameters],
                    "parameters": parameters,
                }
            ],
        }
    )
    expected: dict[str, tuple[str, set[str]]] = {}
    for values in product(*parameters.values()):
        row = dict(zip(parameters, values, strict=True))
        made = "|".join(str(row[name]) for name in used)
        _, files = expected.setdefault(f"j{made}", (f"run {made}", set()))
        files.update(f'"{value}"' for value in values)
    found = {one.name: (one.command, set(one.input_files)) for one in load(text).jobs}
    assert found == expected
    assert list(found) == list(expected)


def test_a_large_sweep_takes_little_of_everything() -> None:
    spec = load('name: x\njobs: [{name: "j_{i}_{k}", command: "run {i} {k}", parameters: {i: "1:300", k: "1:100"}}]\n')
    assert len(spec.jobs) == 30_000
    first, second = spec.jobs[:2]
    assert first.depends_on is second.depends_on
    assert first.place is second.place
