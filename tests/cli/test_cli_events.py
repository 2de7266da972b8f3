"""What `torc events` says of events and of changes, in words."""

from __future__ import annotations

import re
import signal
import threading

import pytest

from tests.cli.flows import FAILING, THREE
from tests.cli.torc_command import DEADLINE_S, Torc, in_background
from tests.server_process import ServerProcess


def followed(last: str, *arguments: object) -> list[str]:
    """The lines of `events --follow` up to one that ends with `last`, without moment and workflow."""
    follow = in_background("events", *arguments, "--follow", "--after", 0)
    assert follow.stdout is not None
    deadline = threading.Timer(DEADLINE_S, follow.kill)
    deadline.start()
    lines: list[str] = []
    for line in follow.stdout:
        lines.append(re.sub(r"^.*?  workflow \d+  ", "", line).rstrip())
        if lines[-1].endswith(last):
            break
    deadline.cancel()
    follow.send_signal(signal.SIGINT)
    follow.communicate(timeout=DEADLINE_S)
    return lines


def job_ids(torc: Torc, number: int) -> dict[str, int]:
    return {job["name"]: job["id"] for job in torc("jobs", "list", number, "-f", "json").json["jobs"]}


def test_a_followed_run_is_told_in_words_and_with_the_names_of_jobs(torc: Torc) -> None:
    number = torc("run", torc.write(THREE), "-f", "json").json["workflow_id"]
    of = job_ids(torc, number)
    last = f"completed: c ({of['c']})"
    lines = followed(last, number)
    assert "workflow was created" in lines
    assert f"blocked: b ({of['b']}), c ({of['c']})" in lines
    assert f"completed: a ({of['a']})" in lines
    assert any(re.fullmatch(r"runner \d+ on \S+ is at work", line) for line in lines), lines
    assert not [line for line in lines if "=" in line or not line.strip()]


def test_of_many_jobs_the_first_and_the_last_are_named(torc: Torc) -> None:
    number = torc.create('name: many\njobs: [{name: "work_{i}", command: "true", parameters: {i: "1:30"}}]\n')
    torc("workflows", "initialize", number)
    of = job_ids(torc, number)
    last = f"ready: 30 jobs, work_1 ({of['work_1']}) … work_30 ({of['work_30']})"
    assert followed(last, number)[-1] == last


def test_the_cancel_of_a_workflow_is_told_once(torc: Torc) -> None:
    number = torc.create(THREE)
    torc("workflows", "initialize", number)
    torc("workflows", "cancel", number)
    lines = followed("workflow was canceled", number)
    assert [line for line in lines if "cancel" in line and ":" not in line] == ["workflow was canceled"]


def test_that_a_job_has_ended_that_was_canceled_while_it_ran_is_told(torc: Torc) -> None:
    number = torc.create('name: slow\njobs: [{name: a, command: "sleep 600"}]\n')
    run = in_background("run", number)
    job = f"a ({job_ids(torc, number)['a']})"
    followed(f"running: {job}", number)
    torc("workflows", "cancel", number)
    last = f"canceled jobs have ended: {job}"
    assert followed(last, number)[-1] == last
    run.communicate(timeout=DEADLINE_S)


def test_an_event_that_somebody_wrote_is_followed_with_what_it_says(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create(THREE)
    said = {"category": "note", "message": "the disk is full"}
    with shared_server.client() as http:
        http.post("/events", json={"workflow_id": number, "timestamp": 1, "data": said}).raise_for_status()
    assert followed("disk is full", number)[-1] == "note: the disk is full"


@pytest.mark.parametrize("words", [("events", "--follow"), ("events", "monitor")])
def test_changes_that_are_followed_have_no_category(torc: Torc, words: tuple[str, ...]) -> None:
    said = torc(*words, "-t", "note", code=2).err
    assert "--type chooses among the events that are kept; --follow shows changes" in said


def test_actions_are_followed_with_how_they_ended(torc: Torc) -> None:
    action = "{trigger_type: on_workflow_start, action_type: run_commands, commands: [date]}"
    number = torc("run", torc.write(f"{THREE}actions: [{action}]\n"), "-f", "json").json["workflow_id"]
    lines = followed(" left", number)
    assert [re.sub(r"\d+", "N", line) for line in lines if "action" in line.lower()] == [
        "due: action N",
        "action N went to runner N",
        "action: Action N (on_workflow_start) completed",
    ]


def test_the_table_of_events_says_them_in_words(torc: Torc) -> None:
    number = torc("run", torc.write(FAILING), "-f", "json", code=1).json["workflow_id"]
    bad = job_ids(torc, number)["bad"]
    torc("jobs", "retry", bad)
    torc("workflows", "cancel", number)
    torc("workflows", "reset-status", number, "--yes")
    table = torc("events", number).out
    assert "Job with name = bad retried: attempt 1 -> 2" in table
    assert f"Workflow {number} (run_id=1) was canceled" in table
    assert "reset_job_status by anonymous: failed_only false, updated_count" in table
    assert "{" not in table
