"""How many jobs a runner asks for, what it gives them, and when it leaves."""

from __future__ import annotations

from pathlib import Path

from tests.runner.fake_server import MIB, FakeServer
from tests.runner.processes import Run, Start
from tests.runner.waiting import until
from torc_core.models.exchange import Attempt

COUNT_RUNNING = "mkdir -p r; touch r/$$; ls r | wc -l >> seen; sleep 0.05; rm r/$$"


def test_resource_mode_runs_what_fits(server: FakeServer, run: Run, tmp_path: Path) -> None:
    for _ in range(6):
        server.job(COUNT_RUNNING, num_cpus=2)

    run("--num-cpus", "5", "--memory-gb", "1")

    assert max(int(line) for line in (tmp_path / "seen").read_text().split()) == 2
    assert server.calls[0].free.num_cpus == 5
    assert not server.calls[0].ignore_resources


def test_memory_limits_how_many_run_at_once(server: FakeServer, run: Run, tmp_path: Path) -> None:
    for _ in range(4):
        server.job(COUNT_RUNNING, memory_bytes=600 * MIB)

    run("--num-cpus", "4", "--memory-gb", "1")

    assert set((tmp_path / "seen").read_text().split()) == {"1"}


def test_queue_mode_counts_jobs_only(server: FakeServer, run: Run, tmp_path: Path) -> None:
    for _ in range(6):
        server.job(COUNT_RUNNING, num_cpus=500, memory_bytes=1 << 50)

    run("--max-parallel-jobs", "3")

    assert max(int(line) for line in (tmp_path / "seen").read_text().split()) == 3
    assert server.calls[0].ignore_resources
    assert server.calls[0].slots == 3


def test_a_number_of_jobs_together_with_resources_limits_both(server: FakeServer, run: Run, tmp_path: Path) -> None:
    for _ in range(6):
        server.job(COUNT_RUNNING, num_cpus=2)

    run("--max-parallel-jobs", "3", "--num-cpus", "4")

    assert max(int(line) for line in (tmp_path / "seen").read_text().split()) == 2
    assert not server.calls[0].ignore_resources


def test_each_job_gets_gpus_of_its_own(server: FakeServer, run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        server.job("echo $CUDA_VISIBLE_DEVICES/$ROCR_VISIBLE_DEVICES >> gpus; sleep 0.2", num_gpus=2)
    server.job("echo ${CUDA_VISIBLE_DEVICES-unset} > none")

    run("--num-cpus", "4", "--num-gpus", "4", "--memory-gb", "1")

    assert sorted((tmp_path / "gpus").read_text().split()) == ["0,1/0,1", "2,3/2,3"]
    assert (tmp_path / "none").read_text() == "unset\n"


def test_gpus_given_to_the_runner_are_passed_on_by_their_names(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("echo $CUDA_VISIBLE_DEVICES > gpus", num_gpus=1)

    run("--num-cpus", "1", CUDA_VISIBLE_DEVICES="5,7")

    assert server.nodes[0].num_gpus == 2
    assert (tmp_path / "gpus").read_text() == "5\n"


def test_short_jobs_are_fetched_ahead_and_long_ones_are_not(server: FakeServer, run: Run) -> None:
    for _ in range(60):
        server.job("true", resource_requirements_id=4)
    server.job("sleep 1.2", resource_requirements_id=9)
    server.job("true", resource_requirements_id=9)

    run("--max-parallel-jobs", "1")

    asked = [call.prefetch for call in server.calls if call.prefetch]
    assert {ahead.resource_requirements_id for ahead in asked} == {4}
    assert max(ahead.count for ahead in asked) >= 5
    assert len(server.calls) < 60
    assert len(server.results) == 62


def test_what_was_fetched_ahead_and_cannot_start_within_a_second_goes_back(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    server.job("true", job_id=1)
    server.job("until test -e gate; do sleep 0.01; done", job_id=2)
    server.job("true", job_id=3)
    runner = start("--max-parallel-jobs", "1")

    server.until(lambda: Attempt(3, 1) in server.released, "release")

    (tmp_path / "gate").touch()
    runner.communicate(timeout=30)
    assert runner.returncode == 0
    assert len(server.results) == 3


def test_a_stuck_workflow_is_said_and_is_exit_code_3(server: FakeServer, run: Run) -> None:
    server.change(stuck="job big needs 64 CPUs; runners offer 2")

    ended = run()

    assert ended.returncode == 3
    assert ended.stderr == "torc-runner: workflow 1 cannot go on: job big needs 64 CPUs; runners offer 2\n"
    assert server.left


def test_an_idle_runner_leaves_after_the_time_of_the_workflow(server: FakeServer, start: Start) -> None:
    server.workflow.compute_node_wait_for_new_jobs_seconds = 1
    server.keep_open = True
    server.job("sleep 1.5")

    runner = start()

    runner.communicate(timeout=15)
    assert runner.returncode == 1
    assert server.results[1].status == "completed"
    assert server.left


def test_results_of_a_burst_are_reported_in_batches(server: FakeServer, run: Run) -> None:
    for _ in range(200):
        server.job("true")

    run("--max-parallel-jobs", "2")

    reporting = [call for call in server.calls if call.results]
    assert len(server.results) == 200
    assert len(reporting) < 100
    until(lambda: server.left, "leave")
