"""Runners that are cut off or die, servers that stay away: each job is done once, and no process is left."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.evidence import Evidence, kill_all, processes_of
from tests.real import RunnerProcess, counts, runner_of, start_runner, store
from tests.runner.waiting import until
from tests.server_process import ServerProcess

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
        ids = [found["id"] for found in http.get("/jobs", params={"workflow_id": workflow}).json()["items"]]
        results = http.get("/results", params={"workflow_id": workflow, "all_runs": True}).json()["items"]
    assert sorted((r["job_id"], r["attempt_id"]) for r in results) == [(job, 2) for job in sorted(ids)]
    assert not list(tmp_path.glob("output/.journal_*")), "results that were not offered"
    (log,) = tmp_path.glob("output/job_runner_*.log")
    assert "Delivered results of earlier runners delivered=0 refused=3" in log.read_text()
    assert "could not be delivered" not in log.read_text()


def test_a_server_that_stays_away_for_longer_than_the_lease_costs_no_work(evidence: Evidence, tmp_path: Path) -> None:
    """TORC_AWAY_S=120 TORC_AWAY_JOBS=1000: away for two minutes, with a lease of ten seconds."""
    away_s, jobs = float(os.environ.get("TORC_AWAY_S", "3")), int(os.environ.get("TORC_AWAY_JOBS", "200"))
    (tmp_path / "server").mkdir()
    with ServerProcess(tmp_path / "server", ["--no-auth", "--lease-s", str(min(away_s / 1.5, 10))]) as server:
        long = [evidence.job(f"long{i}", f"sleep {away_s * 0.6}; touch {tmp_path}/long{i}") for i in range(2)]
        workflow = store(server, [*long, *(evidence.job(f"j{i}", "sleep 0.02") for i in range(jobs))])
        runner = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4")
        until(lambda: evidence.runs() > jobs // 4, "a quarter of the jobs", 60)
        server.crash()
        back_at = time.monotonic() + away_s
        until(lambda: all((tmp_path / f"long{i}").exists() for i in range(2)), "the end of claimed work", away_s)
        until(lambda: time.monotonic() > back_at, "a time longer than the lease", away_s + 1)
        before = evidence.runs()
        server.start()
        back_at = time.monotonic()
        until(lambda: counts(server, workflow)["completed"] > before, "everything kept, and new work", 5)
        print(f"caught up {time.monotonic() - back_at:.2f} s after the server's return")
        ended(runner, 120)
        assert runner.returncode == 0
        assert evidence.runs() == jobs + 2
        assert evidence.problems(server.database, workflow) == []
        server.check(torc_clients=False)


CLOCK = """
import os, time

real_ns = time.time_ns


def time_ns():
    with open(os.environ["CHAOS_CLOCK"]) as file:
        return real_ns() + int(file.read()) * 10**9


time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9
"""
"""A `sitecustomize` that sets the clock of a Python process by what a file says, in seconds."""


def test_clocks_that_are_set_forward_and_back_cost_nothing(evidence: Evidence, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    ahead, new = tmp_path / "ahead", tmp_path / "new"
    ahead.write_text("0")
    faked = {"PYTHONPATH": str(tmp_path), "CHAOS_CLOCK": str(ahead)}
    (tmp_path / "server").mkdir()
    server = ServerProcess(tmp_path / "server", ["--no-auth", "--lease-s", str(LEASE_S)], faked)
    server.checks = {"one_clock": False, "torc_clients": False}
    with server:
        workflow = store(
            server, [evidence.job(f"j{i}", "sleep 0.02", depends_on=[i - 4] if i > 3 else []) for i in range(160)]
        )
        runner = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4", **faked)

        def have_run(jobs: int) -> bool:
            return evidence.runs() > jobs

        for n, days in enumerate([30, -365, 1, 0, -20_000], start=1):
            until(partial(have_run, 25 * n), f"{25 * n} jobs")
            new.write_text(str(days * 86_400))
            new.rename(ahead)
        ended(runner)
        assert (runner.returncode, counts(server, workflow)["completed"]) == (0, 160)
        assert evidence.runs() == 160
        assert evidence.problems(server.database, workflow) == []
        with server.client() as http:
            results = http.get("/results", params={"workflow_id": workflow, "limit": 1000}).json()["items"]
        assert len({result["completion_time"][:4] for result in results}) > 2, "years"
        assert {result["attempt_id"] for result in results} == {1}


def test_a_disk_that_is_full_for_a_while_costs_nothing(
    server: ServerProcess, evidence: Evidence, tmp_path: Path
) -> None:
    """Callers get the error, nothing that the server remembers is wrong, and the run goes on without a restart."""
    workflow = store(server, [evidence.job(f"j{i}", "sleep 0.02") for i in range(200)])
    runner = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4")
    until(lambda: evidence.runs() > 50, "fifty jobs")
    size = max(file.stat().st_size for file in server.folder.iterdir())
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    with server.client() as http:
        until(lambda: http.post("/workflows", json={"name": "x" * 9_000, "user": "u"}).status_code == 503, "a refusal")
        until(lambda: "a batch was not committed" in server.log, "a batch that is not committed")
        until(lambda: _is_quiet(evidence), "a runner that has nothing more to run")
        stored = counts(server, workflow)
        assert stored["completed"] + stored["pending"] + stored["running"] < 200
        assert counts(server, workflow) == stored
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ended(runner)
    assert runner.returncode == 0
    assert server.process is not None
    assert server.process.poll() is None
    assert evidence.runs() == 200
    assert evidence.problems(server.database, workflow) == []


def _is_quiet(evidence: Evidence) -> bool:
    """No job begins for a fifth of a second."""
    before, deadline = evidence.runs(), time.monotonic() + 0.2
    while time.monotonic() < deadline:
        if evidence.runs() > before:
            return False
    return True


def test_a_server_without_descriptors_loses_nothing(server: ServerProcess, evidence: Evidence, tmp_path: Path) -> None:
    workflow = store(server, [evidence.job(f"j{i}", "sleep 0.02") for i in range(150)])
    first = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "2")
    until(lambda: evidence.runs() > 30, "thirty jobs")
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir(f"/proc/{server.pid}/fd"))) + 1
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used, limits[1]))
    second = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "2")
    until(lambda: evidence.runs() > 90, "ninety jobs")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    for each in (first, second):
        ended(each)
        assert each.returncode == 0
    assert evidence.runs() == 150
    assert evidence.problems(server.database, workflow) == []


def test_a_runner_without_descriptors_fails_no_job(server: ServerProcess, evidence: Evidence, tmp_path: Path) -> None:
    """What it cannot start it gives back, and another runner has it; with descriptors it goes on itself."""
    workflow = store(server, [evidence.job(f"j{i}", "sleep 0.02") for i in range(120)])
    guard = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "2")
    until(lambda: evidence.runs() > 30, "thirty jobs")
    runner = runner_of(guard)
    limits = resource.prlimit(runner, resource.RLIMIT_NOFILE)
    resource.prlimit(runner, resource.RLIMIT_NOFILE, (3, limits[1]))
    until(lambda: _is_quiet(evidence), "a runner that can start nothing")
    until(lambda: not counts(server, workflow)["running"], "the end of what it had begun")
    until(lambda: counts(server, workflow)["ready"] > 0, "jobs given back")
    begun = evidence.runs()
    helper = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "2")
    until(lambda: evidence.runs() > begun + 20, "twenty jobs of another runner")
    resource.prlimit(runner, resource.RLIMIT_NOFILE, limits)
    for each in (guard, helper):
        ended(each)
        assert each.returncode == 0
    assert counts(server, workflow)["completed"] == 120
    assert evidence.runs() == 120
    assert evidence.problems(server.database, workflow) == []


def test_a_run_goes_on_while_its_guard_is_stopped(server: ServerProcess, evidence: Evidence, tmp_path: Path) -> None:
    workflow = store(server, [evidence.job(f"j{i}", "sleep 0.02") for i in range(60)])
    guard = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4")
    until(lambda: evidence.runs() > 5, "five jobs")
    os.kill(guard.pid, signal.SIGSTOP)
    until(lambda: counts(server, workflow)["completed"] == 60, "the end of the run")
    assert guard.poll() is None
    os.kill(guard.pid, signal.SIGCONT)
    ended(guard)
    assert guard.returncode == 0
    assert evidence.problems(server.database, workflow) == []


def test_a_guard_that_was_stopped_when_its_runner_died_kills_what_is_left_when_it_goes_on(
    server: ServerProcess, evidence: Evidence, tmp_path: Path
) -> None:
    workflow = store(server, [evidence.job(f"j{i}", FORKING.format(folder=tmp_path)) for i in range(3)])
    guard = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "4")
    until(lambda: len(list(tmp_path.glob("*.up"))) == 3, "jobs that have forked")
    runner = runner_of(guard)
    os.kill(guard.pid, signal.SIGSTOP)
    os.kill(runner, signal.SIGKILL)
    os.kill(guard.pid, signal.SIGCONT)
    try:
        until(lambda: not processes_of(workflow, server.port), "the end of all processes", 2)
    finally:
        kill_all(processes_of(workflow, server.port))
    ended(guard)
    with server.client() as http:
        http.put(f"/workflows/{workflow}/cancel").raise_for_status()


FORKING = (
    "(setsid bash -c 'setsid sleep 500 & sleep 500' &);"
    " (trap '' TERM INT HUP; nohup setsid sleep 500 >/dev/null 2>&1 &);"
    " bash -c 'bash -c \"sleep 500 & sleep 500\" & sleep 500' & touch {folder}/$TORC_JOB_NAME.up; wait"
)


def _have_forked(folder: Path, jobs: int) -> bool:
    return len(list(folder.glob("*.up"))) >= jobs


def _all_ended(workflow: int, port: int) -> bool:
    return not processes_of(workflow, port)


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
        until(partial(_have_forked, folder, rng.randint(0, 4)), "jobs to fork")
        until(partial(processes_of, workflow, server.port), "the first process")
        os.kill(guard.pid if victim == "guard" else runner_of(guard), signal.SIGKILL)
        try:
            until(partial(_all_ended, workflow, server.port), "the end of all processes", 2)
        finally:
            kill_all(processes_of(workflow, server.port))
        ended(guard)
        with server.client() as http:
            http.put(f"/workflows/{workflow}/cancel").raise_for_status()
