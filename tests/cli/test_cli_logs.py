"""`torc jobs logs`: what jobs of a real runner printed."""

from __future__ import annotations

from tests.cli.flows import FAILING, SLEEPER, THREE
from tests.cli.torc_command import DEADLINE_S, Torc, in_background
from tests.runner.waiting import until
from torc_core.cli.app import App
from torc_core.client import endpoints


def test_logs_are_followed_to_the_end_of_the_job(torc: Torc) -> None:
    command = "echo first; touch began; until test -e go; do sleep 0.01; done; echo last; echo oops >&2"
    run = in_background("run", torc.write(SLEEPER.replace("COMMAND", command)))
    until((torc.folder / "began").exists, "the job's start")
    workflow = App().new_client().send(endpoints.list_workflows(user="tester", reverse_sort=True, limit=1)).items[0]
    job = torc("jobs", "list", workflow.id, "-f", "json").json["jobs"][0]["id"]
    assert torc("jobs", "logs", job, "--stdout").out == "first\n"
    follow = in_background("jobs", "logs", job, "--follow", "--stdout")
    assert follow.stdout is not None
    assert follow.stdout.readline() == "first\n"
    (torc.folder / "go").touch()
    assert follow.communicate(timeout=DEADLINE_S)[0] == "last\n"
    assert follow.returncode == 0
    run.communicate(timeout=DEADLINE_S)
    both = torc("jobs", "logs", job).out
    assert both.startswith("==> ")
    assert both.endswith(".e <==\noops\n")


def test_the_last_lines_of_each_stream_can_be_asked_for(torc: Torc) -> None:
    command = "seq 30000; printf 'no end' ; echo one >&2; echo two >&2"
    torc("run", torc.write(f'name: long\njobs: [{{name: a, command: "{command}"}}]\n'))
    assert torc("jobs", "logs", "a", "--stdout", "--tail", 1).out == "no end"
    assert torc("jobs", "logs", "a", "--stderr", "--tail", 1).out == "two\n"
    assert torc("jobs", "logs", "a", "--stderr", "--tail", 9).out == "one\ntwo\n"
    long = torc("jobs", "logs", "a", "--stdout", "--tail", 20_001).out
    assert long == "".join(f"{i}\n" for i in range(10_001, 30_001)) + "no end"
    shown = torc("jobs", "logs", "a", "--tail", 2, "-f", "json").json
    assert [shown[stream]["lines"] for stream in ("stdout", "stderr")] == [["30000", "no end"], ["one", "two"]]


def test_followed_logs_begin_with_their_last_lines_and_miss_nothing_after(torc: Torc) -> None:
    command = "seq 9; touch began; until test -e go; do sleep 0.01; done; seq 10 20"
    run = in_background("run", torc.write(SLEEPER.replace("COMMAND", command)))
    until((torc.folder / "began").exists, "the job's start")
    follow = in_background("jobs", "logs", "long", "--follow", "--stdout", "--tail", 2)
    assert follow.stdout is not None
    assert (follow.stdout.readline(), follow.stdout.readline()) == ("8\n", "9\n")
    (torc.folder / "go").touch()
    assert follow.communicate(timeout=DEADLINE_S)[0].split() == [str(i) for i in range(10, 21)]
    run.communicate(timeout=DEADLINE_S)


def test_logs_of_an_earlier_attempt_and_run_can_be_asked_for(torc: Torc) -> None:
    number = torc("run", torc.write(FAILING), "-f", "json", code=1).json["workflow_id"]
    torc("run", number, code=1)
    bad = torc("jobs", "list", number, "-f", "json").json["jobs"][1]["id"]
    assert "_r2_a1.e" in torc("jobs", "logs", bad).out
    assert "_r1_a1.e" in torc("jobs", "logs", bad, "--run-id", 1).out
    assert (
        "no such attempt; there is run 1 attempt 1, run 2 attempt 1"
        in torc("jobs", "logs", bad, "--attempt", 9, code=2).err
    )


def test_missing_logs_are_said_with_the_places_looked_at(torc: Torc) -> None:
    number = torc("run", torc.write(THREE), "-f", "json").json["workflow_id"]
    job = torc("jobs", "list", number, "-f", "json").json["jobs"][0]["id"]
    shown = torc("jobs", "logs", job, "-o", "nowhere", code=1).err
    assert f"nowhere/job_stdio/job_wf{number}_j{job}_r1_a1.o" in shown
