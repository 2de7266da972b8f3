"""What the command line makes of workflow files: dry runs, formats, standard input."""

import io
import json
from pathlib import Path

import pytest

from torc_core.cli.main import main

SWEEP = """
name: sweep
files: [{name: "o{i}", path: "o{i}", parameters: {i: "1:30"}}]
resource_requirements: [{name: big, num_cpus: 4, memory: 8g, num_gpus: 1, runtime: PT1H}]
jobs:
  - name: "work_{i:02d}"
    command: "run {i} > ${files.output.o{i}}"
    resource_requirements: big
    parameters: {i: "1:30"}
  - {name: gather, command: "true", input_file_regexes: ["^o"]}
"""


@pytest.fixture(autouse=True)
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing can be created: whoever asks the server fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORC_API_URL", "http://127.0.0.1:9/nobody")
    return monkeypatch


def typed(given: pytest.MonkeyPatch, text: str) -> None:
    given.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_a_dry_run_says_what_would_be_made(given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(given, SWEEP)
    assert main(["workflows", "create", "-", "--dry-run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "standard input is valid: workflow 'sweep', 31 jobs (expanded from 2) in 2 stages"
    assert shown[1] == "With 30 files (expanded from 1), 1 resource requirement"
    assert shown[2].startswith("Stage 1 (30 jobs): work_01, work_02, ")
    assert shown[2].endswith("work_10, and 20 more")
    assert shown[3:6] == [
        "Stage 2 (1 job): gather",
        "Longest path (2 jobs): work_01 -> gather",
        "Asked for at most: 120.0 CPU hours, 30.0 GPU hours; the most of one job: 4 CPUs, 8g, 1 GPU, PT1H",
    ]
    assert shown[-5:] == [f"  work_{n:02d}: run {n} > o{n}" for n in range(1, 6)]


def test_a_dry_run_as_json_has_torcs_keys(given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(given, SWEEP)
    assert main(["-f", "json", "workflows", "create", "-", "--dry-run"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["valid"], report["errors"], report["warnings"]) == (True, [], [])
    assert report["summary"]["job_count_before_expansion"] == 2
    assert report["summary"]["file_count"] == 30
    assert report["summary"]["job_names"][-1] == "gather"


def test_errors_and_warnings_are_in_the_json(given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(given, "name: x\nflag: 1\njobs: 5\n")
    assert main(["workflows", "create", "-", "--dry-run", "-f", "json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["valid"], report["errors"]) == (False, ["<stdin>:3:7: jobs must be a list, not the number 5"])
    assert report["warnings"] == ['<stdin>:2:1: unknown key "flag" in the workflow is ignored']
    assert report["summary"]["job_count"] == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--format", "kdl"], 'name x; job "a{i}" { command b; parameters { i 1 2; }; }'),
        (["--format", "YAML"], "name: x\njobs: [{name: 'a{i}', command: b, parameters: {i: [1, 2]}}]"),
        (["-f", "json5", "-f", "json"], "{name: 'x', jobs: [{name: 'a{i}', command: 'b', parameters: {i: [1, 2]}}]}"),
        ([], '{"name": "x", "jobs": [{"name": "a{i}", "command": "b", "parameters": {"i": "1:2"}}]}'),
        ([], 'name x; job "a{i}" { command b; parameters { i "1:2"; }; }'),
    ],
)
def test_standard_input_comes_in_every_format(
    given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    typed(given, text)
    assert main(["-f", "json", "workflows", "create", "-", "--dry-run", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["job_names"] == ["a1", "a2"]


def test_a_format_goes_before_the_extension(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("name x\njob a { command b; }\n")
    assert main(["workflows", "create", str(path), "--dry-run", "--format", "kdl"]) == 0
    assert main(["workflows", "create", str(path), "--dry-run"]) == 2
    assert "a workflow is a mapping" in capsys.readouterr().err


def test_nodes_that_no_job_needs_are_refused_unless_checks_are_skipped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(
        "name: x\njobs: [{name: a, command: b, scheduler: s}]\nslurm_schedulers: [{name: s, account: a, nodes: 4}]\n"
        "actions:\n  - {trigger_type: on_workflow_start, action_type: schedule_nodes, scheduler: s,"
        " scheduler_type: slurm}\n"
    )
    assert main(["workflows", "create", str(path)]) == 2
    assert "takes 4 nodes" in capsys.readouterr().err
    assert main(["workflows", "create", str(path), "--skip-checks"]) == 1


def test_the_execution_plan_is_shown(given: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    typed(given, SWEEP)
    assert main(["workflows", "execution-plan", "-"]) == 0
    assert capsys.readouterr().out == (
        "Workflow 'sweep': 31 jobs, 2 stages, 2 events\n\n▶ Workflow starts\n    ready (30): work_{01..30}\n\n"
        "→ All 30 jobs complete ('work_01', 'work_02', ...)\n    ready (1): gather\n"
    )
    typed(given, SWEEP)
    assert main(["workflows", "execution-plan", "-", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["leaf_events"] == ["after_work_jobs"]
