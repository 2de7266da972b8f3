"""`torc workflows reinitialize`: what changed runs again, with the reasons told before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess

COUNTING = """
name: counting
user_data:
  - {name: settings, data: {least: 2}}
jobs:
  - {name: count, command: "wc -l < words.txt > lines.txt", input_files: [words], output_files: [lines]}
  - {name: report, command: "cat lines.txt > report.txt; echo ran >> runs", input_files: [lines],
     input_user_data: [settings]}
  - {name: other, command: "true"}
files:
  - {name: words, path: words.txt}
  - {name: lines, path: lines.txt}
"""


@pytest.fixture
def counted(torc: Torc) -> int:
    """The workflow, run to its end."""
    Path("words.txt").write_text("one two six\n")
    os.utime("words.txt", (1_700_000_000, 1_700_000_000))
    shown = torc("run", torc.write(COUNTING))
    return int(shown.out.split()[1])


def test_nothing_changed_is_nothing_done(torc: Torc, counted: int) -> None:
    shown = torc("workflows", "reinitialize", counted)
    assert shown.out == f"Workflow {counted} 'counting': nothing has changed; 3 jobs stay as they are\n"
    assert torc("workflows", "status", counted, "-f", "json").json["run_id"] == 1


def test_a_changed_file_is_told_and_only_what_follows_from_it_runs(torc: Torc, counted: int) -> None:
    Path("words.txt").write_text("one two three\nx\n")

    dry = torc("workflows", "reinitialize", counted, "--dry-run")
    assert dry.out.splitlines() == [
        f"Workflow {counted} 'counting': 1 changed job and 1 below run again, 1 job stays as it is",
        "  count: file words.txt changed: size 12 -> 16",
    ]
    shown = torc("workflows", "reinitialize", counted)
    assert shown.out.splitlines() == [
        f"Workflow {counted} 'counting' is reinitialized as run 2: "
        "1 changed job and 1 below run again, 1 job stays as it is",
        f"'torc run {counted}' runs them",
    ]

    assert torc("run", counted, "-f", "json").json["run_id"] == 2
    assert Path("report.txt").read_text().strip() == "2"
    assert torc("workflows", "reinitialize", counted, "--dry-run").out.startswith(
        f"Workflow {counted} 'counting': nothing has changed"
    )


def test_a_file_touched_or_an_output_edited_or_removed(torc: Torc, counted: int) -> None:
    def reasons() -> dict[str, list[str]]:
        dry = torc("workflows", "reinitialize", counted, "--dry-run", "-f", "json").json
        return {job["name"]: job["reasons"] for job in dry["changed"]}

    os.utime("words.txt", (1_700_000_060, 1_700_000_060))
    assert reasons() == {"count": ["file words.txt changed: modified 2023-11-14 22:14:20 UTC"]}
    os.utime("words.txt", (1_700_000_000, 1_700_000_000))
    Path("lines.txt").write_text("100\n")
    assert reasons() == {"report": ["file lines.txt changed: size 2 -> 4"]}
    Path("lines.txt").unlink()
    assert reasons() == {"count": ["output file lines.txt is missing"]}


@pytest.mark.parametrize(
    ("kind", "name", "change", "told", "below"),
    [
        ("user_data", "settings", {"data": {"least": 3}}, {"report": ["user data settings changed"]}, 0),
        ("jobs", "count", {"env": {"LEVEL": "high"}}, {"count": ["environment changed"]}, 1),
        ("jobs", "report", {"invocation_script": "nice bash -c"}, {"report": ["invocation script changed"]}, 0),
    ],
)
def test_what_is_changed_over_http_is_told_and_runs_again(
    torc: Torc,
    counted: int,
    shared_server: ServerProcess,
    kind: str,
    name: str,
    change: dict[str, Any],
    told: dict[str, list[str]],
    below: int,
) -> None:
    with shared_server.client() as http:
        (row,) = http.get(f"/{kind}", params={"workflow_id": counted, "name": name}).json()["items"]
        sent = {key: row[key] for key in ("workflow_id", "name", "command") if key in row}
        http.put(f"/{kind}/{row['id']}", json=sent | change).raise_for_status()
    dry = torc("workflows", "reinitialize", counted, "--dry-run", "-f", "json").json
    assert {job["name"]: job["reasons"] for job in dry["changed"]} == told
    torc("workflows", "reinitialize", counted)
    status = torc("workflows", "status", counted, "-f", "json").json["jobs_by_status"]
    assert (status["ready"], status.get("blocked", 0), status["completed"]) == (1, below, 2 - below)


def test_a_new_command_runs_once_its_job_is_to_run_again(
    torc: Torc, counted: int, shared_server: ServerProcess
) -> None:
    with shared_server.client() as http:
        (row,) = http.get("/jobs", params={"workflow_id": counted, "name": "count"}).json()["items"]
        changed = {"workflow_id": counted, "name": "count", "command": "echo 7 > lines.txt"}
        assert http.put(f"/jobs/{row['id']}", json=changed).status_code == 422
        http.put(f"/jobs/{row['id']}/manage_status_change/uninitialized/1").raise_for_status()
        http.put(f"/jobs/{row['id']}", json=changed).raise_for_status()
    dry = torc("workflows", "reinitialize", counted, "--dry-run")
    assert (
        dry.out
        == f"Workflow {counted} 'counting': 2 that were reset or never started run again, 1 job stays as it is\n"
    )
    torc("workflows", "reinitialize", counted)
    assert torc("workflows", "status", counted, "-f", "json").json["jobs_by_status"]["completed"] == 1
    torc("run", counted)
    assert (Path("lines.txt").read_text(), Path("report.txt").read_text()) == ("7\n", "7\n")
    assert "nothing has changed" in torc("workflows", "reinitialize", counted, "--dry-run").out


def test_a_missing_input_is_refused_unless_forced(torc: Torc, counted: int) -> None:
    Path("words.txt").unlink()
    dry = torc("workflows", "reinitialize", counted, "--dry-run", "-f", "json", code=1).json
    assert (dry["safe"], dry["missing_input_files"], dry["changed_count"]) == (False, ["words.txt"], 1)
    refused = torc("workflows", "reinitialize", counted, code=1)
    assert refused.err == (
        f"torc: workflow {counted} is not reinitialized: input files are missing: words.txt "
        "(--force does it nevertheless)\n"
    )
    told = torc("workflows", "reinitialize", counted, "-f", "json", code=1).json
    assert (told["status"], told["workflow_id"]) == ("error", counted)
    done = torc("workflows", "reinitialize", counted, "--force", "-f", "json").json
    assert (done["status"], done["run_id"], done["changed_count"], done["below_count"]) == ("success", 2, 1, 1)


def test_what_was_changed_before_a_run_counts_from_then_on(torc: Torc) -> None:
    Path("words.txt").write_text("one\n")
    number = torc.create(COUNTING)
    Path("words.txt").write_text("one two\n")
    torc("run", number)
    assert "nothing has changed" in torc("workflows", "reinitialize", number, "--dry-run").out
    Path("words.txt").write_text("one two six\n")
    assert "size 8 -> 12" in torc("workflows", "reinitialize", number, "--dry-run").out


def test_user_data_without_data_is_named(torc: Torc) -> None:
    number = torc.create(
        "name: x\nuser_data: [{name: later}]\njobs: [{name: a, command: 'true', input_user_data: [later]}]\n"
    )
    refused = torc("workflows", "reinitialize", number, code=1)
    assert "user data has no data: later" in refused.err
