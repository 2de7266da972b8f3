"""`torc jobs`, `explain`, `wait` and `events` on workflows that nobody runs."""

from __future__ import annotations

import re
import threading

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess
from tests.tui.driver import Workshop

CHAIN = """
name: chain
jobs:
  - {name: first, command: echo 1}
  - {name: second, command: echo 2, depends_on: [first]}
"""


def started(torc: Torc) -> tuple[int, list[int]]:
    """An initialized workflow and the ids of its jobs."""
    number = torc.create(CHAIN)
    torc("workflows", "initialize", number)
    return number, [job["id"] for job in torc("jobs", "list", number, "-f", "json").json["jobs"]]


def test_list_has_the_columns_of_torc(torc: Torc) -> None:
    number, (first, second) = started(torc)
    lines = torc("jobs", "list", number).out.splitlines()
    assert lines[0] == f"Jobs for workflow ID {number}:"
    assert [line.split(maxsplit=3) for line in lines[1:4]] == [
        ["ID", "Name", "Status", "Command"],
        [str(first), "first", "ready", "echo 1"],
        [str(second), "second", "blocked", "echo 2"],
    ]
    assert lines[4:] == ["", "Total: 2 jobs"]


def test_list_filters_by_status_and_upstream(torc: Torc) -> None:
    number, (first, second) = started(torc)
    ready = torc("jobs", "list", number, "--status", "ready", "-f", "json").json["jobs"]
    assert [job["id"] for job in ready] == [first]
    below = torc("jobs", "list", number, "--upstream-job-id", first, "-f", "json").json["jobs"]
    assert [job["id"] for job in below] == [second]
    assert torc("jobs", "list", number, "--status", "failed").out == f"No jobs found for workflow ID: {number}\n"


def test_listing_an_unknown_workflow_as_json_is_an_error_too(torc: Torc) -> None:
    for things in ("jobs", "results", "compute-nodes"):
        shown = torc("-f", "json", things, "list", 987654, code=2)
        assert "987654" in shown.json["error"]


def test_listing_an_unknown_workflow_is_an_error(torc: Torc) -> None:
    assert "no workflow 987654" in torc("jobs", "list", 987654, code=2).err


def test_get_shows_relations(torc: Torc) -> None:
    _, (first, second) = started(torc)
    assert torc("jobs", "get", second, "-f", "json").json["depends_on_job_ids"] == [first]
    shown = torc("jobs", "get", second).out
    assert f"Depends on:   first (job {first}, ready)\n" in shown
    assert "Requirements: default (1 CPU, no limits)\n" in shown
    assert f"Needed by:    second (job {second}, blocked)\n" in torc("jobs", "get", first).out


def test_a_job_may_be_named_within_a_workflow(torc: Torc) -> None:
    older, (_, second) = started(torc)
    newer, _ = started(torc)
    assert torc("jobs", "get", "second", "-f", "json").json["workflow_id"] == newer
    assert torc("explain", "second", "-w", older, "-f", "json").json["job_id"] == second
    shown = torc("jobs", "logs", "third", code=2).err
    assert f"workflow {newer}, your newest, has no job 'third'; give its id, or another workflow with -w" in shown


def test_cancel_ends_a_job_and_what_needs_it(torc: Torc) -> None:
    number, (first, _) = started(torc)
    assert torc("jobs", "cancel", first).out == f"Job {first} 'first' is canceled\n"
    assert torc("wait", number, "-f", "json", code=1).json["counts"]["canceled"] == 2


def test_an_unknown_job_is_wrong_input(torc: Torc) -> None:
    for verb in (["jobs", "get"], ["jobs", "retry"], ["jobs", "cancel"], ["jobs", "logs"], ["explain"]):
        assert "there is no job 987654" in torc(*verb, 987654, code=2).err


def test_what_cannot_be_retried_is_refused_with_the_reason(torc: Torc) -> None:
    _, (first, _) = started(torc)
    assert "cannot be retried: ready: no runner is active" in torc("jobs", "retry", first, code=1).err


def test_what_was_canceled_is_not_retried_but_the_way_out_is_said(torc: Torc) -> None:
    number, (first, second) = started(torc)
    torc("jobs", "cancel", first)
    shown = torc("jobs", "retry", second, code=1).err
    assert "canceled: a parent did not succeed; first: first canceled" in shown
    assert f"run all that is left: torc run {number}" in shown


def test_explain_names_the_parent(torc: Torc) -> None:
    _, (_, second) = started(torc)
    shown = torc("explain", second).out
    assert shown == f"second (job {second}) blocked: waits for its parent first ready\n"
    assert torc("explain", second, "-f", "json").json["status"] == "blocked"


def test_explain_lists_parents_only_where_there_are_several(torc: Torc) -> None:
    number = torc.create(
        'name: gather\njobs: [{name: "bad_{i}", command: exit 3, parameters: {i: "1:2"}},'
        ' {name: good, command: "true"}, {name: one, command: "true", depends_on: [bad_1, good]},'
        ' {name: two, command: "true", depends_on: [bad_1, bad_2]}]\n'
    )
    torc("run", number, code=1)
    said = "canceled: a parent did not succeed; first: bad_1 failed (exit code 3)"
    assert torc("explain", "one", "-w", number).out.endswith(f") {said}\n")
    assert torc("explain", "two", "-w", number).out.splitlines()[1:] == [
        "  ended without success: bad_1 failed (exit code 3)",
        "  ended without success: bad_2 failed (exit code 3)",
    ]
    assert len(torc("explain", "one", "-w", number, "-f", "json").json["details"]) == 1


def test_explain_names_the_runner_of_a_job_and_its_lease(torc: Torc, shared_server: ServerProcess) -> None:
    number, (first, _) = started(torc)
    with shared_server.client() as http:
        node = Workshop(http).runner(number, "n17").node_id
        runner = f"/workflows/{number}/compute_nodes/{node}/exchange"
        told = {"sequence": 1, "free": {"num_cpus": 1, "memory_bytes": 1 << 30}, "slots": 1}
        assert len(http.post(runner, json=told).json()["jobs"]) == 1
        why, lease = torc("explain", first).out.splitlines()
        assert why == f"first (job {first}) pending: was handed to n17 (node {node}) as attempt 1"
        ends = re.fullmatch(
            r"  its lease ends in (\d+) s unless the runner is heard of; the job would then go back", lease
        )
        assert ends is not None, lease
        assert 30 < int(ends[1]) <= 60
        told |= {"sequence": 2, "slots": 0, "held": [[first, 1]], "started": [[first, 1, 1, 1]]}
        http.post(runner, json=told)
        why, lease = torc("explain", first).out.splitlines()
        assert why == f"first (job {first}) running: runs on n17 (node {node}) as attempt 1"
        assert lease.startswith("  its lease ends in ")


def test_a_job_that_never_started_has_no_logs(torc: Torc) -> None:
    _, (first, _) = started(torc)
    assert f"'torc explain {first}' says why" in torc("jobs", "logs", first, code=1).err


def test_wait_gives_up_after_its_timeout(torc: Torc) -> None:
    number, _ = started(torc)
    shown = torc("wait", number, "--timeout", "0.05", code=1)
    assert f"workflow {number} has not ended after 0.05 s: 1 ready, 1 blocked" in shown.err


def test_wait_returns_when_the_workflow_ends(torc: Torc) -> None:
    number, (first, _) = started(torc)
    from torc_core.cli.app import App
    from torc_core.client import endpoints

    client = App().new_client()
    canceller = threading.Timer(0.2, lambda: client.send(endpoints.cancel_job(first)))
    canceller.start()
    assert torc("wait", number, "--timeout", "20", code=1).out.endswith("ended: 2 canceled\n")
    canceller.join()


def test_events_tell_of_cancels(torc: Torc) -> None:
    number, _ = started(torc)
    torc("workflows", "cancel", number)
    for arguments in (["events", number], ["events", "list", number]):
        (event,) = torc(*arguments, "-f", "json").json["events"]
        assert event["data"]["category"] == "workflow_canceled"
        assert set(event) == {"id", "workflow_id", "timestamp", "timestamp_formatted", "data"}
    assert "workflow_canceled" in torc("events", number).out


def test_explain_says_that_the_workflow_was_canceled(torc: Torc) -> None:
    number, jobs = started(torc)
    torc("workflows", "cancel", number)
    for job in jobs:
        assert "canceled: its workflow was canceled" in torc("explain", job).out


def test_explain_says_how_many_parents_it_does_not_name(torc: Torc) -> None:
    parents = ", ".join(f"p{i}" for i in range(8))
    jobs = "".join(f"  - {{name: p{i}, command: 'true'}}\n" for i in range(8))
    number = torc.create(f"name: wide\njobs:\n{jobs}  - {{name: end, command: 'true', depends_on: [{parents}]}}\n")
    torc("workflows", "initialize", number)
    assert "and 3 more" in torc("explain", "end", "-w", number).out
    assert "needs 1 CPU, no limits" in torc("explain", "p0", "-w", number).out
