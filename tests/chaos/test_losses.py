"""Runners that are cut off or die, servers that stay away: each job is done once, and no process is left."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess

from tests.chaos.evidence import Evidence, kill_all, processes_of
from tests.real import RunnerProcess, counts, runner_of, start_runner, store
from tests.runner.waiting import until

LEASE_S = 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    (tmp_path / "server").mkdir()
    with ServerProcess(tmp_path / "server", ["--no-auth", "--lease-s", str(LEASE_S)]) as started:
        yield started
        started.check(torc_clients=False)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "ran")


def ended(runner: RunnerProcess, seconds: float = 20) -> str:
    """Wait for the end; returns what it said."""
    return runner.communicate(timeout=seconds)[1]


def test_a_runner_that_was_cut_off_stops_its_copies_and_its_results_are_refused(
    server: ServerProcess, evidence: Evidence, tmp_path: Path
) -> None:
    first = "[ $TORC_ATTEMPT_ID != 1 ]"
    jobs = [evidence.job(f"long{i}", f"{first} || (trap '' TERM; sleep 60)") for i in range(3)]
    jobs += [
        evidence.job(f"short{i}", f"{first} || until [ -e {tmp_path}/cut ]; do sleep 0.01; done") for i in range(3)
    ]
    workflow = store(server, jobs)
    cut_off = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "6")
    until(lambda: counts(server, workflow)["running"] == 6, "six jobs running")
    runner = runner_of(cut_off)
    os.kill(runner, signal.SIGSTOP)
    (tmp_path / "cut").touch()
    second = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "6")
    ended(second)
    assert (second.returncode, counts(server, workflow)["completed"]) == (0, 6)
    assert len(processes_of(workflow, server.port)) >= 3, "copies of the first runner"

    os.kill(runner, signal.SIGCONT)

    until(lambda: not processes_of(workflow, server.port), "the end of the copies", 1)
    ended(cut_off)
    assert evidence.problems(server.database, workflow) == []
    with server.client() as http:
        results = http.get("/results", params={"workflow_id": workflow, "all_runs": True}).json()["items"]
    assert sorted((r["job_id"], r["attempt_id"]) for r in results) == sorted((r["job_id"], 2) for r in results)
    assert len(results) == 6


def test_a_server_that_stays_away_for_longer_than_the_lease_costs_no_work(
    server: ServerProcess, evidence: Evidence, tmp_path: Path
) -> None:
    workflow = store(server, [evidence.job(f"j{i}", "sleep 0.02") for i in range(200)])
    runner = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4")
    until(lambda: evidence.runs() > 60, "sixty jobs")
    server.crash()
    before = evidence.runs()
    back_at = time.monotonic() + LEASE_S * 1.5
    until(lambda: time.monotonic() > back_at, "a time longer than the lease")
    assert evidence.runs() >= before, "claimed work goes on"
    server.start()
    until(lambda: counts(server, workflow)["completed"] > before + 20, "catching up", 5)
    ended(runner)
    assert runner.returncode == 0
    assert evidence.runs() == 200
    assert evidence.problems(server.database, workflow) == []


FORKING = (
    "(setsid bash -c 'setsid sleep 500 & sleep 500' &);"
    " (trap '' TERM INT HUP; nohup setsid sleep 500 >/dev/null 2>&1 &);"
    " bash -c 'bash -c \"sleep 500 & sleep 500\" & sleep 500' & touch {folder}/$TORC_JOB_NAME.up; wait"
)


@pytest.mark.parametrize("victim", ["runner", "guard"])
def test_no_process_outlives_a_runner_that_is_killed_while_its_jobs_fork(
    server: ServerProcess, evidence: Evidence, tmp_path: Path, victim: str
) -> None:
    rng = random.Random(victim)
    rounds = int(os.environ.get("TORC_FORK_ROUNDS", "20")) // 2
    for n in range(rounds):
        folder = tmp_path / f"{victim}{n}"
        folder.mkdir()
        jobs = [evidence.job(f"{victim}{n}_{i}", FORKING.format(folder=folder)) for i in range(4)]
        workflow = store(server, jobs)
        guard = start_runner(server, workflow, folder, "--max-parallel-jobs", "4", "--output-dir", str(folder / "out"))
        awaited = rng.randint(0, 4)
        until(lambda folder=folder, n=awaited: len(list(folder.glob("*.up"))) >= n, "jobs to fork")
        until(lambda workflow=workflow: processes_of(workflow, server.port), "the first process")
        os.kill(guard.pid if victim == "guard" else runner_of(guard), signal.SIGKILL)
        try:
            until(lambda workflow=workflow: not processes_of(workflow, server.port), "the end of all processes", 2)
        finally:
            kill_all(processes_of(workflow, server.port))
        ended(guard)
        with server.client() as http:
            http.put(f"/workflows/{workflow}/cancel").raise_for_status()
