"""`torc run` from a file to the end, with a real server and a real runner."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.cli.flows import FAILING, SLEEPER, THREE
from tests.cli.torc_command import DEADLINE_S, Torc, in_background
from tests.runner.waiting import nobody_is_left, pid_in, until
from torc_core import local_server
from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.client.stream import Change, names_any


def test_a_file_runs_to_its_end_with_nothing_set_up(own_torc: Torc) -> None:
    shown = own_torc("run", own_torc.write(THREE))
    assert shown.out.splitlines()[0] == "Workflow 1 'three' created: 3 jobs"
    assert shown.out.splitlines()[-1].endswith(": 3 completed")
    assert [line for line in shown.err.splitlines() if "/3 ended" not in line] == []  # a slow run tells how far it is
    assert (own_torc.folder / "b.txt").read_text() == "one\n"
    assert (own_torc.folder / "output/job_stdio/job_wf1_j3_r1_a1.o").read_text() == "one\n"
    assert local_server.find() is not None


def test_python_files_of_the_user_are_not_taken_for_those_of_python(own_torc: Torc) -> None:
    for name in ("select", "signal", "statistics", "torc_core"):
        Path(f"{name}.py").write_text("raise SystemExit('a file of the user')")
    assert own_torc("run", own_torc.write(THREE)).out.splitlines()[-1].endswith(": 3 completed")


def test_the_next_command_finds_the_same_server(own_torc: Torc) -> None:
    own_torc("run", own_torc.write(THREE))
    before = local_server.read_record()
    assert own_torc("workflows", "list", "-f", "json").json["workflows"][0]["name"] == "three"
    assert local_server.read_record() == before


def test_a_job_can_ask_the_server_of_its_run(own_torc: Torc) -> None:
    ask = f"{sys.executable} -m torc_core.cli.main jobs get $TORC_JOB_ID -f json > seen.json"
    own_torc("run", own_torc.write(f"name: asking\njobs: [{{name: curious, command: '{ask}'}}]\n"))
    seen = msgspec.json.decode((own_torc.folder / "seen.json").read_bytes())
    assert (seen["name"], seen["status"]) == ("curious", "running")


def test_a_file_always_makes_a_new_workflow(torc: Torc) -> None:
    path = torc.write(THREE)
    first = torc("run", path, "-f", "json").json
    second = torc("run", path, "-f", "json").json
    assert second["workflow_id"] > first["workflow_id"]
    assert (second["jobs_by_status"]["completed"], second["exit_code"]) == (3, 0)


def test_failed_jobs_are_named_with_exit_code_stderr_and_the_way_on(torc: Torc) -> None:
    shown = torc("run", torc.write(FAILING), code=1)
    assert ": 1 completed, 1 failed, 1 canceled\n" in shown.out
    assert "failed: exit code 3" in shown.out
    assert ".e: not yet repaired" in shown.out
    number = int(shown.out.split()[1])
    assert shown.out.splitlines()[-1] == f"Run again:  torc run {number}"


def test_an_id_runs_what_is_not_completed_and_all_below(torc: Torc) -> None:
    number = torc("run", torc.write(FAILING), "-f", "json", code=1).json["workflow_id"]
    (torc.folder / "repaired").touch()
    shown = torc("run", number).out
    assert f"Workflow {number} 'failing': running 2 jobs (1 failed, 1 canceled), keeping 1 completed\n" in shown
    assert shown.endswith(": 3 completed\n")
    nothing = torc("run", number).out
    assert nothing == f"Workflow {number} 'failing': nothing is left to run; completed: 3\n"


def test_a_created_workflow_is_run_by_its_id(torc: Torc) -> None:
    number = torc.create(THREE)
    assert torc("workflows", "run", number, "-f", "json").json["run_id"] == 1


def test_a_missing_input_is_named_and_nothing_is_created(torc: Torc) -> None:
    before = torc("workflows", "list", "-f", "json").out
    text = """
name: needs
files: [{name: raw, path: data/raw.csv}]
jobs: [{name: use, command: "true", input_files: [raw]}]
"""
    shown = torc("run", torc.write(text), code=2)
    assert "'data/raw.csv' does not exist and no job makes it" in shown.err
    assert torc("workflows", "list", "-f", "json").out == before
    torc("run", torc.folder / "flow.yaml", "--skip-checks")


def test_a_missing_input_of_a_stored_workflow_is_named_too(torc: Torc) -> None:
    text = """
name: needs2
files: [{name: raw, path: raw.csv}, {name: near, path: near.csv}]
jobs:
  - {name: use, command: "true", input_files: [raw]}
  - {name: elsewhere, command: "true", cwd: sub, input_files: [near]}
"""
    number = torc.create(text)
    (torc.folder / "sub").mkdir()
    (torc.folder / "sub" / "near.csv").touch()
    shown = torc("run", number, code=2)
    assert "input files are missing: raw.csv;" in shown.err


def test_neither_file_nor_workflow_is_wrong_input(torc: Torc) -> None:
    assert "nothing.yaml: no such file" in torc("run", "nothing.yaml", code=2).err
    assert "no workflow is called 'nothing'" in torc("run", "nothing", code=2).err


def test_what_fits_no_runner_ends_with_3_and_the_numbers(torc: Torc) -> None:
    text = """
name: big
resource_requirements: [{name: huge, num_cpus: 4000, memory: 1g, runtime: PT1M}]
jobs: [{name: a, command: "true", resource_requirements: huge}]
"""
    shown = torc("run", torc.write(text), "--num-cpus", 2, code=3)
    assert "need 4000 CPUs; " in shown.err
    assert " cannot go on after " in shown.out


def test_numbers_of_the_machine_may_be_told(torc: Torc) -> None:
    text = """
name: sized
resource_requirements: [{name: two, num_cpus: 2, memory: 3g, runtime: PT1M}]
jobs: [{name: a, command: "true", resource_requirements: two}]
"""
    path = torc.write(text)
    torc("run", path, "--num-cpus", 1, "--memory-gb", 64, code=3)
    torc("run", path, "--num-cpus", 2, "--memory-gb", 2, code=3)
    torc("run", path, "--max-parallel-jobs", 1)


def test_output_goes_where_told_and_jobs_know(torc: Torc) -> None:
    text = "name: out\njobs: [{name: a, command: 'cd $TORC_OUTPUT_DIR && pwd -P'}]\n"
    number = torc("run", torc.write(text), "-o", "elsewhere", "-f", "json").json["workflow_id"]
    (job,) = torc("jobs", "list", number, "-f", "json").json["jobs"]
    written = torc.folder / f"elsewhere/job_stdio/job_wf{number}_j{job['id']}_r1_a1.o"
    assert written.read_text().strip() == str((torc.folder / "elsewhere").resolve())
    assert torc("jobs", "logs", job["id"], "--stdout").out == written.read_text()


def test_from_another_folder_an_id_works_where_it_was_created(torc: Torc, monkeypatch: pytest.MonkeyPatch) -> None:
    number = torc.create(THREE)
    away = torc.folder / "away"
    away.mkdir()
    monkeypatch.chdir(away)
    torc("run", number)
    assert (torc.folder / "b.txt").exists()
    assert (torc.folder / "output" / "job_stdio").is_dir()
    assert list(away.iterdir()) == []


def test_the_poll_interval_is_accepted_and_said_to_be_unneeded(torc: Torc) -> None:
    assert "not needed" in torc("run", torc.write(THREE), "-p", "0.1").err


def test_without_a_terminal_progress_is_told_in_lines(torc: Torc) -> None:
    waits = "until test -e go; do sleep 0.01; done"
    path = torc.write(f"name: two\njobs: [{{name: a, command: 'true'}}, {{name: b, command: '{waits}'}}]\n")
    run = in_background("run", path)
    assert run.stderr is not None
    line = run.stderr.readline()
    (torc.folder / "go").touch()
    _, rest = run.communicate(timeout=DEADLINE_S)
    assert re.fullmatch(r"1/2 ended: 1 completed, 1 running(; .*/.*, about .* left)?\n", line)
    assert "\r" not in line + rest
    assert "\x1b" not in line + rest


STOPPING = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


@STOPPING
def test_a_signal_stops_the_jobs_and_the_rest_can_be_run(torc: Torc, number: signal.Signals) -> None:
    path = torc.write(SLEEPER.replace("COMMAND", "test -e go || { touch began; exec sleep 60; }"))
    run = in_background("run", path)
    until((torc.folder / "began").exists, "the job's start")
    run.send_signal(number)
    out, err = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 130
    assert "torc: stopping" in err
    assert " was stopped after " in out
    workflow = int(out.split()[1])
    assert out.splitlines()[-1] == f"Run again:  torc run {workflow}"
    (result,) = torc("results", "list", workflow, "-f", "json").json["results"]
    assert result["status"] == "terminated"
    (torc.folder / "go").touch()
    assert torc("run", workflow).out.endswith(": 2 completed\n")


@STOPPING
def test_a_second_signal_kills_at_once(torc: Torc, number: signal.Signals) -> None:
    path = torc.write(SLEEPER.replace("COMMAND", "trap '' TERM; echo $$ > began; while :; do sleep 1; done"))
    run = in_background("run", path)
    job = pid_in(torc.folder / "began")
    assert run.stderr is not None
    run.send_signal(number)
    assert "stopping" in run.stderr.readline()
    run.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)
    assert "killing" in run.stderr.readline()
    run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 130
    nobody_is_left(job)


def test_a_terminal_that_closes_counts_once_though_the_shell_passes_it_on(torc: Torc) -> None:
    saves = "trap 'touch heard; sleep 0.5; exit 4' TERM; touch began; while :; do sleep 0.01; done"
    run = in_background("run", torc.write(SLEEPER.replace("COMMAND", saves)), "-f", "json")
    until((torc.folder / "began").exists, "the job's start")
    run.send_signal(signal.SIGHUP)
    until((torc.folder / "heard").exists, "the stop")
    run.send_signal(signal.SIGHUP)
    out, _ = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 130
    (result,) = torc("results", "list", msgspec.json.decode(out)["workflow_id"], "-f", "json").json["results"]
    assert (result["status"], result["return_code"]) == ("terminated", 4)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_needs_no_open_streams(torc: Torc, closed: str) -> None:
    path = torc.write(SLEEPER.replace("COMMAND", "touch began; exec sleep 60"))
    command = f'exec "$0" -m torc_core.cli.main run "$1" {closed}'
    run = subprocess.Popen(
        ["bash", "-c", command, sys.executable, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until((torc.folder / "began").exists, "the job's start")
    run.send_signal(signal.SIGHUP)
    assert run.wait(DEADLINE_S) == 130


def test_a_runner_that_dies_is_said_with_its_log(torc: Torc) -> None:
    run = in_background("run", torc.write(SLEEPER.replace("COMMAND", "touch began; exec sleep 60")), "-f", "json")
    until((torc.folder / "began").exists, "the job's start")
    client = App().new_client()
    workflow = client.send(endpoints.list_workflows(user="tester", reverse_sort=True, limit=1)).items[0]
    (node,) = client.send(endpoints.list_compute_nodes(int(workflow.id or 0))).items
    os.kill(node.pid, signal.SIGKILL)
    _, err = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 1
    assert "the runner ended unexpectedly (killed by SIGKILL (137)); its log is output/job_runner_" in err


def test_a_run_whose_runner_died_has_not_ended(torc: Torc) -> None:
    run = in_background("run", torc.write(SLEEPER.replace("COMMAND", "touch began; exec sleep 60")))
    until((torc.folder / "began").exists, "the job's start")
    client = App().new_client()
    workflow = client.send(endpoints.list_workflows(user="tester", reverse_sort=True, limit=1)).items[0]
    (node,) = client.send(endpoints.list_compute_nodes(int(workflow.id or 0))).items
    os.kill(node.pid, signal.SIGKILL)
    out, err = run.communicate(timeout=DEADLINE_S)
    assert " was broken off after " in out
    assert " ended after " not in out
    assert (out + err).count(f"torc run {workflow.id}") == 1


def test_a_job_killed_by_a_signal_is_said_so(torc: Torc) -> None:
    shown = torc("run", torc.write("name: dies\njobs: [{name: a, command: 'kill -9 $$'}]\n"), code=1)
    assert "failed: killed by SIGKILL (137)" in shown.out
    assert "killed by SIGKILL (137)" in torc("explain", "a").out


def test_a_job_that_wrote_nothing_is_said_to_have_written_nothing(torc: Torc) -> None:
    torc("run", torc.write("name: silent\njobs: [{name: a, command: echo to stdout}]\n"))
    shown = torc("jobs", "logs", "a", "--stderr")
    assert (shown.out, shown.err.partition(" 'a' ")[2]) == ("", "wrote nothing to stderr\n")
    both = torc("jobs", "logs", "a", "--stdout", "--stderr")
    assert both.out == torc("jobs", "logs", "a").out
    assert both.err == ""


def test_a_running_workflow_is_not_run_twice(torc: Torc) -> None:
    path = torc.write(SLEEPER.replace("COMMAND", "touch began; until test -e go; do sleep 0.01; done"))
    run = in_background("run", path, "-f", "json")
    until((torc.folder / "began").exists, "the job's start")
    shown = torc("run", "sleeper", code=1)
    assert shown.out == ""
    assert "1 job of it is with a runner; 'torc wait " in shown.err
    (torc.folder / "go").touch()
    run.communicate(timeout=DEADLINE_S)


def test_results_and_reports_tell_how_it_went(torc: Torc) -> None:
    number = torc("run", torc.write(FAILING), "-f", "json", code=1).json["workflow_id"]
    failed = torc("results", "list", number, "--failed", "-f", "json").json["results"]
    assert [result["return_code"] for result in failed] == [3]
    table = torc("results", "list", number).out
    assert "Exec Time" in table
    assert table.endswith("Total: 2 results\n")
    summary = torc("reports", "summary", number, "-f", "json").json
    assert summary["jobs_by_status"]["failed"] == 1
    assert summary["is_complete"] is True
    assert summary["walltime_seconds"] >= 0
    assert (
        "✗ Workflow complete with failures (1 failed, 0 terminated, 1 canceled)"
        in torc("reports", "summary", number).out
    )
    shown = torc("reports", "summary", number).out
    assert "(all jobs together)\n" in shown
    assert "(from the first start to the last end)\n" in shown
    assert "1, none at work\n" in shown
    report = torc("reports", "results", number, "-f", "json").json
    assert report["total_results"] == 2
    ends = {result["job_name"]: result["status"] for result in report["results"]}
    assert ends == {"good": "Completed", "bad": "Failed"}
    lines = torc("reports", "results", number).out.splitlines()[2:4]
    assert sorted(line.split()[2] for line in lines) == ["completed", "failed"]
    for result in report["results"]:
        assert (torc.folder / result["job_stderr"]).exists()
        assert (torc.folder / result["job_runner_log"]).exists()


def test_a_failed_job_is_retried_by_a_runner_that_is_at_work(torc: Torc) -> None:
    text = FAILING + "  - {name: keeper, command: 'until test -e repaired; do sleep 0.01; done; sleep 0.2'}\n"
    number = torc.create(text)
    run = in_background("run", number, "--max-parallel-jobs", 2)
    client = App().new_client()
    until(lambda: client.send(endpoints.summary(number)).counts.get("failed"), "the failure of a job")
    bad = torc("jobs", "list", number, "--status", "failed", "-f", "json").json["jobs"][0]["id"]
    (torc.folder / "repaired").touch()
    assert torc("jobs", "retry", bad).out == f"Job {bad} 'bad' is ready again\n"
    out, _ = run.communicate(timeout=DEADLINE_S)
    assert out.endswith(": 4 completed\n")


def test_events_are_followed_from_where_one_asks(torc: Torc) -> None:
    number = torc("run", torc.write(THREE), "-f", "json").json["workflow_id"]
    follow = in_background("events", number, "--follow", "--after", 0, "-f", "json")
    assert follow.stdout is not None
    waiting = {job["id"] for job in torc("jobs", "list", number, "-f", "json").json["jobs"]}
    assert len(waiting) == 3
    while waiting:
        change = msgspec.json.decode(follow.stdout.readline())
        assert change["workflow_id"] == number
        if change["event_type"] == "jobs" and change["data"]["status"] == "completed":
            waiting = {job for job in waiting if not names_any(Change(None, "jobs", change["data"]), (job,))}
    follow.send_signal(signal.SIGINT)
    follow.communicate(timeout=DEADLINE_S)
    assert follow.returncode == 130


ACTION = """
name: acting
jobs: [{name: a, command: "test -e repaired"}]
actions:
  - trigger_type: on_workflow_start
    action_type: run_commands
    commands: ["test -e ../repaired || { echo no disk >&2; exit 3; }"]
"""


def test_a_failed_action_is_told_at_the_end_of_its_run_only(torc: Torc) -> None:
    shown = torc("run", torc.write(ACTION), code=1).out
    assert "(on_workflow_start) failed with 3: test -e ../repaired || { echo no disk >&2; exit 3; }: no disk\n" in shown
    number = int(shown.split()[1])
    (torc.folder / "repaired").touch()
    again = torc("run", number, "-f", "json").json
    assert again["failed_actions"] == []
