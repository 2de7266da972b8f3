"""Workflow actions and failure handlers, from the file to their effects: a real server, real runners."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real import RunnerProcess, counts, runner_of, start_runner
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.spec import build_plan, load_text

Create = Callable[[str], int]


@pytest.fixture
def create(shared_server: ServerProcess, tmp_path: Path) -> Create:
    """Stores and initialises the workflow of a text; `{jobs: …}` in YAML."""

    def stored(text: str) -> int:
        loaded = load_text("name: flow\n" + text, "yaml", "flow.yaml")
        assert loaded.spec is not None, loaded.errors
        plan = build_plan(loaded.spec, user="tester", origin=tmp_path)
        with shared_server.client() as http:
            answer = http.post("/workflows/from_plan", content=b"".join(plan.lines(True))).raise_for_status()
        return int(answer.json()["workflow_id"])

    return stored


@pytest.fixture
def run(shared_server: ServerProcess, tmp_path: Path) -> Callable[..., int]:
    """Runs a workflow to its end; gives the exit code."""

    def to_the_end(workflow: int, *options: str) -> int:
        runner = start_runner(shared_server, workflow, tmp_path, *options)
        _, err = runner.communicate(timeout=30)
        assert err == ""
        return int(runner.returncode)

    return to_the_end


def lines(path: Path) -> list[str]:
    """What is written in a file so far."""
    return path.read_text().split() if path.exists() else []


def log_of(folder: Path) -> str:
    """What the runners said."""
    return "".join(path.read_text() for path in (folder / "output").glob("job_runner_*.log"))


def events(server: ServerProcess, workflow: int, category: str) -> list[dict[str, Any]]:
    with server.client() as http:
        found = http.get("/events", params={"workflow_id": workflow}).json()["items"]
    return [event["data"] for event in found if event["data"].get("category") == category]


EVERY_TRIGGER = """
jobs:
  - {name: a, command: "echo a >> order"}
  - {name: b, command: "echo b >> order", depends_on: [a]}
actions:
  - {trigger_type: on_workflow_start, action_type: run_commands, commands: ["sleep 0.3; echo start >> ../order"]}
  - {trigger_type: on_worker_start, action_type: run_commands, commands: ["echo worker >> ../order"]}
  - {trigger_type: on_jobs_ready, action_type: run_commands, jobs: [b], commands: ["echo ready >> ready"]}
  - {trigger_type: on_jobs_complete, action_type: run_commands, jobs: [a], commands: ["echo complete >> complete"]}
  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: ["echo end >> ../order", "pwd >> where"]}
  - {trigger_type: on_worker_complete, action_type: run_commands, commands: ["echo bye >> ../order"]}
"""


def test_each_trigger_has_its_time(
    create: Create, run: Callable[..., int], shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(EVERY_TRIGGER)
    assert run(workflow) == 0
    assert lines(tmp_path / "order") == ["start", "worker", "a", "b", "end", "bye"]
    output = tmp_path / "output"
    assert lines(output / "ready") == ["ready"]
    assert lines(output / "complete") == ["complete"]
    assert lines(output / "where") == [str(output)]
    told = events(shared_server, workflow, "action")
    assert {event["trigger_type"]: event["status"] for event in told} == dict.fromkeys(
        ["on_workflow_start", "on_worker_start", "on_jobs_ready", "on_jobs_complete", "on_workflow_complete",
         "on_worker_complete"], "completed"
    )  # fmt: skip
    with shared_server.client() as http:
        actions = http.get(f"/workflows/{workflow}/actions").json()
    assert all(action["executed"] for action in actions)


def test_a_failed_action_fails_no_job_and_is_said(
    create: Create, run: Callable[..., int], shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(
        "jobs: [{name: a, command: 'true'}]\n"
        "actions: [{trigger_type: on_workflow_start, action_type: run_commands,"
        ' commands: ["echo begun", "echo bad >&2; exit 3", "touch never"]}]\n'
    )
    assert run(workflow) == 0
    (told,) = events(shared_server, workflow, "action")
    assert (told["status"], told["severity"], told["return_code"], told["output"]) == ("failed", "error", 3, "bad")
    assert told["message"].endswith("(on_workflow_start) failed with 3: echo bad >&2; exit 3")
    log = log_of(tmp_path)
    assert "Command output: begun" in log
    assert "Action failed action_id=" in log
    assert not (tmp_path / "output" / "never").exists()


def test_one_of_several_runners_executes_an_action_and_each_a_persistent_one(
    create: Create, shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(
        "jobs: [{name: '{i}', command: 'echo >> ran; until test $(wc -l < ran) -ge 3; do sleep 0.02; done',"
        " parameters: {i: '1:3'}}]\n"
        "actions:\n"
        "  - {trigger_type: on_worker_start, action_type: run_commands, commands: [echo one >> one]}\n"
        "  - {trigger_type: on_worker_start, action_type: run_commands, commands: [echo each >> each],"
        " persistent: true}\n"
        "  - {trigger_type: on_workflow_complete, action_type: run_commands, commands: [echo end >> end]}\n"
    )
    options = ("--max-parallel-jobs", "1")
    runners = [start_runner(shared_server, workflow, tmp_path, *options) for _ in range(3)]
    for runner in runners:
        runner.communicate(timeout=30)
    output = tmp_path / "output"
    assert lines(output / "one") == ["one"]
    assert lines(output / "each") == ["each"] * 3
    assert lines(output / "end") == ["end"]


def test_nodes_of_a_scheduler_are_not_asked_for_here(
    create: Create, run: Callable[..., int], shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(
        "jobs: [{name: a, command: 'true'}]\nslurm_schedulers: [{name: s, account: x}]\n"
        "actions: [{trigger_type: on_workflow_start, action_type: schedule_nodes, scheduler: s,"
        " scheduler_type: slurm}]\n"
    )
    assert run(workflow) == 0
    assert "Action is not executed here" in log_of(tmp_path)
    with shared_server.client() as http:
        (action,) = http.get(f"/workflows/{workflow}/actions/pending").json()
    assert action["executed"] is False


@pytest.mark.parametrize("wait", ["sleep 1000", "trap 'exit 0' TERM; while true; do sleep 0.05; done"])
def test_an_interrupted_runner_stops_its_action_and_still_cleans_up(
    wait: str, create: Create, shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(
        "jobs: [{name: a, command: 'true'}]\n"
        "actions:\n"
        "  - {trigger_type: on_workflow_start, action_type: run_commands,"
        f' commands: ["echo $$ > begun; {wait}", "touch second"]}}\n'
        "  - {trigger_type: on_worker_complete, action_type: run_commands, commands: [touch cleaned]}\n"
    )
    runner = start_runner(shared_server, workflow, tmp_path)
    until(lambda: lines(tmp_path / "output" / "begun"), "the action to begin")
    os.kill(runner_of(runner), signal.SIGINT)
    runner.communicate(timeout=20)
    assert runner.returncode == 130
    assert (tmp_path / "output" / "cleaned").exists()
    assert not (tmp_path / "output" / "second").exists()
    assert counts(shared_server, workflow)["ready"] == 1
    assert not Path(f"/proc/{lines(tmp_path / 'output' / 'begun')[0]}").exists()
    assert [event["status"] for event in events(shared_server, workflow, "action")] == ["failed", "completed"]


RETRIED = """
failure_handlers:
  - name: mend
    rules:
      - {exit_codes: [7], recovery_script: "%s", max_retries: 3}
      - {match_all_exit_codes: true, max_retries: 2}
jobs:
  - {name: a, command: "echo >> tries; test -e mended || exit %d", failure_handler: mend}
  - {name: b, command: "true", depends_on: [a]}
"""


def attempts(server: ServerProcess, workflow: int) -> list[tuple[int, str, int, str | None]]:
    """(attempt, status, exit code, cause) of every result of the first job."""
    with server.client() as http:
        jobs = http.get("/jobs", params={"workflow_id": workflow}).json()["items"]
        query = {"workflow_id": workflow, "job_id": jobs[0]["id"], "all_runs": "true"}
        found = http.get("/results", params=query).json()["items"]
    return [(one["attempt_id"], one["status"], one["return_code"], one.get("cause")) for one in found]


def test_the_recovery_script_mends_and_the_job_is_tried_again(
    create: Create, run: Callable[..., int], shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(RETRIED % ("echo $TORC_JOB_NAME $TORC_ATTEMPT_ID $TORC_RETURN_CODE; touch mended", 7))
    assert run(workflow) == 0
    assert [one[:3] for one in attempts(shared_server, workflow)] == [(1, "failed", 7), (2, "completed", 0)]
    (output,) = (tmp_path / "output" / "job_stdio").glob("*_recovery.o")
    assert output.read_text() == "a 1 7\n"
    assert counts(shared_server, workflow)["completed"] == 2


def test_the_next_attempt_waits_for_the_script(create: Create, run: Callable[..., int], tmp_path: Path) -> None:
    workflow = create(RETRIED % ("sleep 0.5; touch mended", 7))
    assert run(workflow) == 0
    assert len((tmp_path / "tries").read_text().splitlines()) == 2


def test_a_script_that_fails_is_told_and_the_job_is_tried_again_until_its_attempts_are_made(
    create: Create, run: Callable[..., int], shared_server: ServerProcess
) -> None:
    workflow = create(RETRIED % ("exit 5", 7))
    assert run(workflow) == 1
    one, two, three = attempts(shared_server, workflow)
    assert (one[:3], two[:3], three[:3]) == ((1, "failed", 7), (2, "failed", 7), (3, "failed", 7))
    assert one[3] == "exit code 7: the recovery script failed: exit code 5"
    assert three[3] == "exit code 7: after all 3 attempts of its failure handler"
    assert counts(shared_server, workflow)["canceled"] == 1


def test_another_exit_code_has_the_rule_for_all(
    create: Create, run: Callable[..., int], shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(RETRIED % ("touch mended", 9))
    assert run(workflow) == 1
    assert [one[:3] for one in attempts(shared_server, workflow)] == [(1, "failed", 9), (2, "failed", 9)]
    assert not (tmp_path / "mended").exists()


def test_a_failure_that_no_rule_fits_waits_for_a_verdict_where_the_workflow_says_so(
    create: Create, shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(
        "use_pending_failed: true\n"
        "failure_handlers: [{name: h, rules: [{exit_codes: [7]}]}]\n"
        "jobs:\n  - {name: a, command: exit 3, failure_handler: h}\n  - {name: b, command: 'true', depends_on: [a]}\n"
    )
    runner: RunnerProcess = start_runner(shared_server, workflow, tmp_path)
    _, err = runner.communicate(timeout=30)
    assert runner.returncode == 3
    assert "pending_failed" in err
    found = counts(shared_server, workflow)
    assert (found["pending_failed"], found["blocked"]) == (1, 1)


def test_a_canceled_job_ends_its_recovery_script_and_is_not_tried_again(
    create: Create, shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(RETRIED % ("echo $$ > script; sleep 1000", 7))
    runner = start_runner(shared_server, workflow, tmp_path)
    until(lambda: lines(tmp_path / "script"), "the script to begin")
    with shared_server.client() as http:
        jobs = http.get("/jobs", params={"workflow_id": workflow}).json()["items"]
        http.post(f"/jobs/{jobs[0]['id']}/cancel").raise_for_status()
    runner.communicate(timeout=20)
    assert counts(shared_server, workflow)["canceled"] == 2
    assert [one[:2] for one in attempts(shared_server, workflow)] == [(1, "canceled")]
    assert not Path(f"/proc/{lines(tmp_path / 'script')[0]}").exists()


def test_an_interrupt_ends_the_script_and_leaves_the_job_for_a_later_run(
    create: Create, shared_server: ServerProcess, tmp_path: Path
) -> None:
    workflow = create(RETRIED % ("echo > script; sleep 1000", 7))
    runner = start_runner(shared_server, workflow, tmp_path)
    until((tmp_path / "script").exists, "the script to begin")
    os.kill(runner_of(runner), signal.SIGINT)
    runner.communicate(timeout=20)
    assert counts(shared_server, workflow)["ready"] == 1
