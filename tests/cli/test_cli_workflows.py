"""`torc workflows`: what the commands do and the shapes they print (observed.md 3, 4)."""

from __future__ import annotations

import pytest

from tests.cli.torc_command import Torc

CHAIN = """
name: chain
description: Demo
project: proj
metadata: '{"k": [1, 2]}'
jobs:
  - {name: first, command: "true"}
  - {name: second, command: "true", depends_on: [first]}
"""


def test_create_answers_like_torc(torc: Torc) -> None:
    shown = torc("workflows", "create", torc.write(CHAIN), "-f", "json").json
    number = shown["workflow_id"]
    assert shown == {
        "message": f"Workflow created successfully with ID: {number}",
        "status": "success",
        "workflow_id": number,
    }
    assert torc("workflows", "status", number, "-f", "json").json["run_id"] == 0


def test_every_mistake_of_a_file_is_a_line_and_nothing_is_created(torc: Torc) -> None:
    before = torc("workflows", "list", "-f", "json").out
    path = torc.write("name: bad\njobs:\n  - {name: a, command: x, depends_on: [b]}\n  - {name: a, command: y}\n")
    shown = torc("workflows", "create", path, code=2)
    *problems, last = shown.err.splitlines()
    assert len(problems) == 2
    assert all(line.startswith(f"{path}:") for line in problems)
    assert last == f"torc: {path} has 2 errors; nothing was created"
    assert torc("workflows", "list", "-f", "json").out == before


def test_unknown_keys_are_warnings_and_errors_under_strict(torc: Torc) -> None:
    path = torc.write("name: odd\njobs:\n  - {name: a, comand: x, command: y}\n")
    assert 'unknown key "comand"' in torc("workflows", "create", path).err
    assert "1 error" in torc("workflows", "create", path, "--strict", code=2).err


def test_dry_run_describes_and_creates_nothing(torc: Torc) -> None:
    before = torc("workflows", "list", "-f", "json").out
    path = torc.write(CHAIN)
    shown = torc("workflows", "create", path, "--dry-run").out
    assert "workflow 'chain', 2 jobs in 2 stages" in shown
    report = torc("workflows", "create", path, "--dry-run", "-f", "json").json
    assert report["valid"] is True
    assert report["summary"]["job_names"] == ["first", "second"]
    assert torc("workflows", "list", "-f", "json").out == before


def test_dry_run_of_a_bad_file_says_so_with_exit_code_2(torc: Torc) -> None:
    path = torc.write("name: bad\njobs: 3\n")
    report = torc("workflows", "create", path, "--dry-run", "-f", "json", code=2).json
    assert report["valid"] is False
    assert len(report["errors"]) == 1


def test_get_shows_json_texts_as_what_they_mean_with_sorted_keys(torc: Torc) -> None:
    shown = torc("workflows", "get", torc.create(CHAIN), "-f", "json").json
    assert shown["metadata"] == {"k": [1, 2]}
    assert shown["resource_monitor_config"]["enabled"] is True
    assert (shown["name"], shown["user"], shown["project"]) == ("chain", "tester", "proj")
    assert list(shown) == sorted(shown)


def test_list_has_the_columns_of_torc_and_a_total(torc: Torc) -> None:
    number = torc.create(CHAIN)
    shown = torc("workflows", "list", "--limit", 1, "--sort-by", "id", "--reverse-sort")
    assert shown.err == "torc: there may be more than these 1: --limit and --offset show others\n"
    lines = shown.out.splitlines()
    assert lines[0] == "Workflows for user tester:"
    assert lines[1].split() == ["ID", "Name", "Status", "Description", "Project", "Metadata", "Timestamp"]
    assert lines[2].split()[:6] == [str(number), "chain", "uninitialized", "0/2", "Demo", "proj"]
    assert lines[-1] == "Total: 1 workflow"


def test_initialize_starts_a_run(torc: Torc) -> None:
    number = torc.create(CHAIN)
    shown = torc("workflows", "initialize", number, "-f", "json").json
    assert shown == {
        "message": f"Successfully started workflow {number}",
        "status": "success",
        "workflow_id": number,
    }
    status = torc("workflows", "status", number, "-f", "json").json
    assert status["run_id"] == 1
    jobs = torc("jobs", "list", number, "-f", "json").json["jobs"]
    assert [job["status"] for job in jobs] == ["ready", "blocked"]


def test_a_run_that_was_begun_is_the_one_that_is_run(torc: Torc) -> None:
    number = torc.create("name: begun\njobs: [{name: a, command: 'true'}]\n")
    assert "'begun' is initialized as run 1: 1 ready\n" in torc("workflows", "initialize", number).out
    assert torc("run", number, "-f", "json").json["run_id"] == 1
    assert "'begun' is initialized as run 2: 1 ready\n" in torc("workflows", "initialize", number, "--yes").out
    assert torc("run", number, "-f", "json").json["run_id"] == 2


def test_initialize_asks_before_it_discards_progress(torc: Torc) -> None:
    number = torc.create(CHAIN)
    torc("workflows", "initialize", number)
    torc("workflows", "cancel", number)
    refused = torc("workflows", "initialize", number, code=2)
    assert "2 canceled jobs: discard this progress?" in refused.err
    assert "--yes" in refused.err
    assert torc("workflows", "status", number, "-f", "json").json["is_canceled"] is True
    torc("workflows", "initialize", number, "--yes")
    status = torc("workflows", "status", number, "-f", "json").json
    assert (status["is_canceled"], status["run_id"]) == (False, 2)


MISSING = """
name: needs
files:
  - {name: raw, path: raw.txt}
  - {name: made, path: made.txt}
jobs:
  - {name: make, command: "true", input_files: [raw], output_files: [made]}
  - {name: use, command: "true", input_files: [made]}
"""


def test_initialize_refuses_missing_inputs_that_no_job_makes(torc: Torc) -> None:
    number = torc.create(MISSING)
    dry = torc("workflows", "initialize", number, "--dry-run", "-f", "json", code=1).json
    assert dry["missing_input_files"] == ["raw.txt"]
    assert dry["safe"] is False
    refused = torc("workflows", "initialize", number, "-f", "json", code=1).json
    assert refused["status"] == "error"
    assert "raw.txt" in refused["message"]
    (torc.folder / "raw.txt").touch()
    torc("workflows", "initialize", number)


def test_cancel_tells_what_torc_tells(torc: Torc) -> None:
    number = torc.create(CHAIN)
    torc("workflows", "initialize", number)
    shown = torc("workflows", "cancel", number, "-f", "json").json
    assert shown == {"canceled_slurm_jobs": [], "errors": None, "status": "success", "workflow_id": number}
    assert torc("wait", number, "-f", "json", code=1).json["counts"]["canceled"] == 2


def test_what_has_ended_is_not_canceled(torc: Torc) -> None:
    path = torc.write("name: hello\njobs: [{name: a, command: 'true'}]\n")
    number = torc("run", path, "-f", "json").json["workflow_id"]
    refused = torc("workflows", "cancel", number, code=1).err
    assert "every job of 'hello' has ended; there is nothing to cancel" in refused
    assert torc("workflows", "status", number, "-f", "json").json["is_canceled"] is False


def test_reset_status_takes_jobs_back_and_can_start_again(torc: Torc) -> None:
    number = torc.create(CHAIN)
    torc("workflows", "initialize", number)
    torc("workflows", "cancel", number)
    shown = torc("workflows", "reset-status", number, "--yes", "-f", "json").json
    assert shown["operations"] == {"job_reset": True, "reinitialize": None, "workflow_reset": True}
    assert shown["status"] == "success"
    jobs = torc("jobs", "list", number, "-f", "json").json["jobs"]
    assert {job["status"] for job in jobs} == {"uninitialized"}
    shown = torc("workflows", "reset-status", number, "--no-prompts", "--reinitialize", "-f", "json").json
    assert shown["operations"]["reinitialize"] is True
    assert torc("workflows", "status", number, "-f", "json").json["run_id"] == 2


def test_reset_status_asks_and_changes_nothing_where_nobody_can_answer(torc: Torc) -> None:
    number = torc.create(CHAIN)
    torc("workflows", "initialize", number)
    torc("workflows", "cancel", number)
    before = torc("workflows", "status", number, "-f", "json").json
    refused = torc("workflows", "reset-status", number, code=2)
    assert f"Reset all 2 jobs of workflow {number} 'chain' (2 canceled)?" in refused.err
    assert "--yes" in refused.err
    assert torc("workflows", "status", number, "-f", "json").json == before
    jobs = torc("jobs", "list", number, "-f", "json").json["jobs"]
    assert {job["status"] for job in jobs} == {"canceled"}


def test_delete_asks_and_then_deletes(torc: Torc) -> None:
    number = torc.create(CHAIN)
    refused = torc("workflows", "delete", number, code=2)
    assert f"Delete workflow {number} 'chain' with 2 jobs?" in refused.err
    torc("workflows", "get", number)
    deleted = torc("workflows", "delete", number, "--yes", "-f", "json").json
    assert [one["id"] for one in deleted] == [number]
    torc("workflows", "get", number, code=2)


def test_only_the_owner_deletes(torc: Torc, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setenv("USER", "other")
        number = torc.create(CHAIN)
    assert "belongs to 'other'" in torc("workflows", "delete", number, "--yes", code=1).err
