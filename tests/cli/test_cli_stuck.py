"""Workflows that cannot go on: what `wait`, `explain` and the list say when no runner is there any more."""

from __future__ import annotations

import signal

import pytest

from tests.cli.torc_command import DEADLINE_S, Torc, in_background
from tests.runner.waiting import until

BIG = """
name: big
resource_requirements: [{name: huge, num_cpus: 4000, memory: 1g, runtime: PT1M}]
jobs:
  - {name: a, command: "true", resource_requirements: huge}
  - {name: b, command: "true", depends_on: [a]}
"""


@pytest.fixture
def big(torc: Torc) -> int:
    """A workflow that was given up by a runner."""
    shown = torc("run", torc.write(BIG), "--num-cpus", 2, code=3)
    assert "need 4000 CPUs; " in shown.err
    assert "nodes" not in shown.err
    assert "memory and" not in shown.err
    return int(shown.out.split()[1])


def test_wait_ends_with_3_and_the_numbers(torc: Torc, big: int) -> None:
    shown = torc("wait", big, "--timeout", 20, code=3)
    assert f"workflow {big} cannot go on: jobs with requirement 'huge' need 4000 CPUs; " in shown.err
    assert "offers 2 CPUs" in shown.err
    assert "cannot go on: 1 ready, 1 blocked" in shown.out
    assert "4000 CPUs" in torc("wait", big, "--timeout", 20, "-f", "json", code=3).json["stuck"]


def test_the_list_says_stuck_and_how_far_it_is(torc: Torc, big: int) -> None:
    def line() -> str:
        lines = torc("workflows", "list").out.splitlines()
        return next(each for each in lines if each.split()[:2] == [str(big), "big"])

    assert "stuck 0/2" in line()
    torc("workflows", "initialize", big, "--yes")
    assert "ready 0/2" in line()


def test_explain_remembers_what_the_last_runner_offered(torc: Torc, big: int) -> None:
    shown = torc("explain", "a", "-w", big).out
    assert "ready: needs 4000 CPUs, 1.0 GB memory; no runner has offered that, and none is active" in shown
    assert "offered 2 CPUs" in shown


def test_a_job_that_the_last_runner_could_have_run_only_lacks_a_runner(torc: Torc) -> None:
    number = torc.create("name: w\njobs: [{name: a, command: 'true'}]\n")
    torc("workflows", "initialize", number)
    assert f"ready: no runner is active; 'torc run {number}' starts one" in torc("explain", "a", "-w", number).out
    assert "has not ended" in torc("wait", number, "--timeout", "0.05", code=1).err


def test_a_new_run_is_given_its_chance(torc: Torc, big: int) -> None:
    torc("workflows", "initialize", big, "--yes")
    assert "has not ended" in torc("wait", big, "--timeout", "0.05", code=1).err


def test_a_stopped_runner_that_took_any_job_proves_nothing(torc: Torc) -> None:
    text = BIG.replace('"true", res', "'touch began; exec sleep 60', res").replace("depends_on: [a]", "RES")
    path = torc.write(text.replace("RES", "resource_requirements: huge"))
    run = in_background("run", path, "--max-parallel-jobs", "1")
    until((torc.folder / "began").exists, "the job's start", DEADLINE_S)
    run.send_signal(signal.SIGINT)
    number = run.communicate(timeout=DEADLINE_S)[0].split()[1]
    assert "has not ended" in torc("wait", number, "--timeout", "0.05", code=1).err
